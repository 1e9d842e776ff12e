//! Tales of admission: what never reaches a book, and what a book that breaks does to the rest.

tales! {
    what_is_damaged_is_nobodys_word: "
        acme has 100
        bob has 0
        acme pays bob 10, cut short              malformed
        acme pays bob 10, damaged                bad_signature
        acme pays bob 10, signed by eve          unadmitted
        eve pays bob 10 out of acme              unadmitted
        acme pays bob 10                         accepted
    " ends "
        bob has 10
    "

    a_record_in_the_wrong_place_changes_nothing: "
        acme has 100
        bob has 0
        acme pays bob 10, on topic votes         wrong_partition
        acme pays bob 10, in realm elsewhere     wrong_partition
        acme pays bob 10                         accepted
    " ends "
        bob has 10
    "

    a_lane_has_no_holes_and_no_branches: "
        acme has 100
        bob has 0
        acme pays bob 10, out of turn            gap
        acme pays bob 10                         accepted
        acme pays bob 10, out of turn again      gap
        acme pays bob 11, instead                fork
        acme pays bob 11, instead again          fork
        acme pays bob 10 again                   duplicate
        acme pays bob 12                         accepted
        acme pays bob 10 again                   duplicate
    " ends "
        bob has 22
    "

    a_gap_is_taken_once_it_is_the_next: "
        acme has 100
        bob has 0
        acme notes first, out of turn            gap
        acme notes zero                          accepted
        acme notes one                           accepted
    " ends "
        fact note.kept happened 2 times
    "

    what_comes_too_late_is_not_taken_and_can_be_said_anew: "
        acme has 100
        bob has 0
        5 s pass
        acme pays bob 10, too late               expired
        acme pays bob 10                         accepted
        acme pays bob 10, too late again         fork
    " ends "
        bob has 10
    "

    /// A damaged repetition is a bad signature before it is a duplicate; the first that fits is the answer.
    the_first_disposition_that_fits_is_the_answer: "
        acme has 100
        bob has 0
        acme pays bob 10, in realm elsewhere, signed by eve, damaged   wrong_partition
        acme pays bob 10, signed by eve, damaged                       unadmitted
        acme pays bob 10, out of turn, too late, damaged               bad_signature
        acme pays bob 10, out of turn, too late                        gap
    " ends "
        bob has 0
    "

    both_encodings_are_one_event: "
        acme has 100
        bob has 0
        acme pays bob 10, as json                accepted
        acme pays bob 10, as json again          duplicate
        acme pays bob 20                         accepted
    " ends "
        bob has 30
    "

    a_panic_in_a_book_is_contained: "
        acme has 100
        bob has 0
        acme notes planted panic                 rejected internal
        acme notes planted panic again           duplicate
        acme notes something else                accepted
        acme pays bob 10                         accepted
    " ends "
        bob has 10
        fact note.kept happened 1 times
    "

    newcomers_begin_with_themselves: "
        acme notes hello                         unadmitted
        acme registers bob                       unadmitted
        acme joins, signed by bob                unadmitted
        acme joins, out of turn                  unadmitted
        acme joins                               accepted
        acme joins again                         duplicate
        acme joins                               rejected key_exists
    " ends "
        acme speaks for acme
    "
}
