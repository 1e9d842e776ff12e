//! Tales of checks: seals, answers, silent verifiers, disputes, and those who fall.

tales! {
    a_seal_binds_its_verifier: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits          accepted
        author@0 accepts 0
        author@0 commits 0
        verifier@0 seals 0           rejected wrong_phase
        author@0 opens 0
        bystander@0 seals 0          rejected not_assigned
        verifier@0 reveals 0         rejected wrong_phase
        verifier@0 seals 0           accepted
        verifier@0 reports 0 unavailable   rejected wrong_phase
        author@0 opens 0
        verifier@0 reveals 0 lying   rejected seal_mismatch
        verifier@0 reveals 0         accepted
    " ends "
        fact task.verified happened 1 times
    "

    an_answer_covers_the_drawn_steps_under_a_salt: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits                 accepted
        author@0 accepts 0
        author@0 commits 0
        author@0 opens 0
        verifier@0 seals 0 with nothing     accepted
        author@0 opens 0
        verifier@0 reveals 0 with nothing   rejected bad_answer
        verifier@0 reveals 0                rejected seal_mismatch
        verifier@0 reveals 0 unsalted       rejected seal_mismatch
    " ends "
        fact check.closed happened 0 times
    "

    a_third_cannot_copy_the_verifiers_seal: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits            accepted
        author@0 accepts 0
        author@0 commits 0
        author@0 opens 0
        verifier@0 seals 0 lying
        author@0 opens 0
        verifier@0 reveals 0 lying     accepted
        third@0 copies the seal of 0   rejected copied_seal
        author@0 retracts 0            rejected wrong_phase
        third@0 seals 0                accepted
    " ends "
        fact third.drawn happened 1 times
    "

    a_cheating_author_is_slashed_and_those_who_caught_it_are_paid: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 101
        acme has 60
        acme submits digits             accepted
        author@0 is called mallory
        mallory accepts 0
        mallory commits 0 lying         accepted
        verifier@0 is called victor
        mallory opens 0 lying
        victor seals 0
        mallory opens 0 lying
        victor reveals 0                accepted
        third@0 is called trent
        trent seals 0
        trent reveals 0                 accepted
        mallory becomes a worker        rejected worker_inactive
        mallory accepts 1               rejected worker_inactive
        work goes on
    " ends "
        mallory is slashed
        mallory still stakes 0
        mallory earned 0
        job digits is completed
        the escrow of digits adds up
        fact dispute.closed happened 1 times
    "

    a_cheater_drawn_as_verifier_harms_nobody_but_itself: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits             accepted
        author@0 is called alice
        alice accepts 0
        alice commits 0
        verifier@0 is called mallory
        alice opens 0
        mallory seals 0 lying
        alice opens 0
        mallory reveals 0 lying         accepted
        third@0 is called trent
        trent seals 0
        trent reveals 0                 accepted
    " ends "
        mallory is slashed
        mallory still stakes 0
        alice still stakes 100
        trent still stakes 100
        alice earned 58
        trent earned 3
        treasury has 49
        fact task.verified happened 1 times
    "

    a_third_that_agrees_with_neither_slashes_nobody: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits             accepted
        author@0 accepts 0
        author@0 commits 0 lying
        author@0 opens 0 lying
        verifier@0 seals 0 inventing
        author@0 opens 0 lying
        verifier@0 reveals 0 inventing  accepted
        third@0 seals 0
        third@0 reveals 0               accepted
        work goes on
    " ends "
        nobody was slashed
        job digits is completed
        the escrow of digits adds up
        fact attempt.voided happened 1 times
        fact bond.freed happened 5 times
    "

    without_a_third_nobody_is_slashed: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits             accepted
        author@0 accepts 0
        author@0 commits 0 lying
        author@0 opens 0 lying
        verifier@0 seals 0
        author@0 opens 0 lying
        verifier@0 reveals 0            accepted
        work goes on
    " ends "
        nobody was slashed
        fact third.drawn happened 0 times
        fact dispute.closed happened 1 times
        job digits is completed
    "

    a_third_that_is_silent_leaves_the_dispute_without_one: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits             accepted
        author@0 accepts 0
        author@0 commits 0 lying
        author@0 opens 0 lying
        verifier@0 seals 0
        author@0 opens 0 lying
        verifier@0 reveals 0            accepted
        31 s pass
        work goes on
    " ends "
        nobody was slashed
        fact third.drawn happened 1 times
        fact dispute.closed happened 1 times
        job digits is completed
    "

    a_silent_verifier_is_replaced_and_loses_its_fee: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits      accepted
        author@0 accepts 0
        author@1 accepts 1
        author@0 commits 0
        author@1 commits 1
        verifier@0 is called mute
        author@0 opens 0
        31 s pass
        mute seals 0             rejected not_assigned
        verifier@0 seals 0       accepted
        author@0 opens 0
        verifier@0 reveals 0     accepted
    " ends "
        mute earned 0
        mute still stakes 80
        fact checker.drawn happened 3 times
        fact payment.made happened 2 times
    "

    when_no_verifier_is_left_the_attempt_is_void: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits      accepted
        author@0 accepts 0
        author@0 commits 0
        author@0 opens 0
        verifier@0 seals 0
        author@0 opens 0
        31 s pass
    " ends "
        task 0 is at attempt 2
        nobody was slashed
        stake:ann has 100
        stake:bob has 100
    "

    a_verifier_drawn_after_the_answer_seals_before_it_reveals: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits      accepted
        author@0 accepts 0
        author@0 commits 0
        author@0 opens 0
        verifier@0 seals 0
        author@0 opens 0
        31 s pass
        verifier@0 reveals 0     rejected wrong_phase
        verifier@0 seals 0       accepted
        author@0 opens 0         rejected wrong_phase
        verifier@0 reveals 0     accepted
    " ends "
        fact task.verified happened 1 times
    "

    two_who_cannot_fetch_it_are_believed: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits                accepted
        author@0 is called hider
        hider accepts 0
        hider commits 0
        hider reports 0 unavailable        rejected not_assigned
        hider opens 0
        verifier@0 reports 0 unavailable   accepted
        verifier@0 reports 0 unavailable   accepted
    " ends "
        hider still stakes 80
        treasury has 20
        task 0 is at attempt 2
        fact check.failed happened 2 times
    "

    one_who_cannot_fetch_it_is_not: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 60
        acme submits digits                accepted
        author@0 accepts 0
        author@0 commits 0
        author@0 opens 0
        verifier@0 reports 0 unavailable   accepted
        work goes on
    " ends "
        job digits is completed
        nobody was slashed
        treasury has 0
    "

    who_falls_leaves_its_other_duties_to_others: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        dan works for stake 100
        acme has 100
        acme submits digits with shards 4 escrow 100   accepted
        work goes on while ann cheats
    " ends "
        ann is slashed
        job digits is completed
        the escrow of digits adds up
        stake:ann has 0
        stake:bob has 100
        stake:cyd has 100
        stake:dan has 100
    "

    who_checked_another_attempt_of_the_fallen_is_paid: "
        ann works for stake 200
        bob works for stake 200
        cyd works for stake 200
        dan works for stake 200
        acme has 200
        acme submits digits with shards 8 escrow 200   accepted
        the other task of author@0 is called more
        author@0 is called mallory
        mallory accepts 0
        mallory accepts more
        mallory commits 0 lying
        mallory commits more
        mallory opens more
        verifier@more is called paula
        paula seals more                accepted
        mallory opens 0 lying
        verifier@0 seals 0
        mallory opens 0 lying
        verifier@0 reveals 0
        third@0 seals 0
        third@0 reveals 0               accepted
    " ends "
        mallory is slashed
        mallory still stakes 0
        fact attempt.voided happened 2 times
        fact stake.slashed happened 5 times
    "
}
