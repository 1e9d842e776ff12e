//! Tales of keys: who speaks for whom.

tales! {
    a_key_belongs_to_one_author_for_ever: "
        acme joins                           accepted
        bob joins                            accepted
        bob registers acme                   rejected key_exists
        acme registers spare                 accepted
        bob registers spare                  rejected key_exists
        acme revokes spare                   accepted
        bob registers spare                  rejected key_exists
        acme registers spare                 rejected key_exists
        spare joins                          rejected key_exists
        admin registers bob                  rejected key_exists
    " ends "
        acme speaks for acme
        spare is silent
    "

    a_rotated_key_is_silent: "
        acme has 100
        bob has 0
        acme rotates acme to new              accepted
        acme pays bob 10, signed by acme      unadmitted
        acme pays bob 10, signed by new       accepted
        acme rotates acme to newer            rejected no_such_key
        acme rotates new to bob               rejected key_exists
    " ends "
        bob has 10
        new speaks for acme
        acme is silent
    "

    /// Validity is by position in the journal: what the key said before stands.
    revocation_is_not_retroactive: "
        acme has 100
        bob has 0
        acme pays bob 10                      accepted
        admin revokes acme                    accepted
        acme pays bob 10                      unadmitted
        acme pays bob 10 again                unadmitted
    " ends "
        bob has 10
    "

    nobody_locks_themselves_out: "
        acme joins                            accepted
        acme revokes acme                     rejected last_key
        admin revokes admin                   rejected last_key
        acme registers spare                  accepted
        acme revokes acme, signed by spare    accepted
        acme revokes spare, signed by spare   rejected last_key
    " ends "
        spare speaks for acme
        acme is silent
    "

    only_admins_revoke_what_is_not_theirs: "
        acme joins                            accepted
        bob joins                             accepted
        bob revokes acme                      rejected not_allowed
        bob revokes ghost                     rejected no_such_key
        admin revokes acme                    accepted
        admin revokes acme                    rejected no_such_key
    " ends "
        acme is silent
        bob speaks for bob
    "

    an_unfit_key_is_refused: "
        acme joins                            accepted
        acme registers an unfit key           rejected bad_key
        admin registers an unfit key          rejected bad_key
    " ends "
        acme speaks for acme
    "

    sixteen_keys_are_enough: "
        acme joins                            accepted
        acme registers 16 more keys           rejected limit_reached
    " ends "
        fact key.changed happened 18 times
    "

    /// In a closed realm an admin says who comes in.
    a_closed_realm_is_joined_by_an_admins_word: "
        founder opens closed realm guild      accepted
        acme joins, in realm guild            unadmitted
        admin registers acme, in realm guild  accepted
        acme notes hello, in realm guild      accepted
        acme notes hello                      unadmitted
    " ends "
        fact note.kept happened 1 times
    "
}
