//! Tales of work: who takes a task, commitments, openings, and silence of those who owe them.

tales! {
    only_the_assigned_takes_a_task_and_only_once: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        dan has 0
        acme submits digits              accepted
        dan accepts 0                    rejected no_such_worker
        bystander@0 accepts 0            rejected not_assigned
        author@0 accepts 9               rejected no_such_task
        author@0 accepts 2               rejected wrong_phase
        author@0 accepts attempt 2 of 0  rejected wrong_attempt
        author@0 commits 0               rejected wrong_phase
        author@0 retracts 0              rejected wrong_phase
        author@0 accepts 0               accepted
        author@0 accepts 0               rejected wrong_phase
    " ends "
        task 0 is at attempt 1
    "

    a_commitment_agrees_with_job_task_and_author: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits                     accepted
        author@0 accepts 0
        author@0 commits 0 with another instance  rejected commitment_mismatch
        author@0 commits 0 with another worker    rejected commitment_mismatch
        author@0 commits 0 with another program   rejected commitment_mismatch
        author@0 commits 0 with another input     rejected commitment_mismatch
        author@0 commits 0 with another leaves    rejected commitment_mismatch
        author@0 commits 0 with another result    rejected commitment_mismatch
        author@0 commits 0 with another score     rejected commitment_mismatch
        author@0 commits 0                        accepted
        author@0 commits 0 lying                  rejected already_committed
    " ends "
        fact work.kept happened 1 times
        fact challenge.drawn happened 1 times
    "

    a_copied_commitment_is_refused: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits                       accepted
        author@0 accepts 0
        author@1 accepts 1
        author@0 commits 0                        accepted
        author@1 commits 1 with the trace of 0    rejected copied_commitment
        author@1 commits 1                        accepted
        work goes on
    " ends "
        job digits is completed
    "

    an_opening_shows_what_is_asked_and_nothing_else: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits             accepted
        author@0 accepts 0
        author@0 commits 0
        verifier@0 opens 0              rejected not_assigned
        author@0 opens 0 but cut        rejected bad_opening
        author@0 opens 0 but lengthened  rejected bad_opening
        author@0 opens 0 but forged     rejected bad_opening
        author@0 opens 0 but short      rejected bad_opening
        author@0 opens 0 but doubled    rejected bad_opening
        author@0 opens 0 lying          rejected bad_opening
        author@0 opens 0                accepted
        author@0 opens 0                rejected wrong_phase
        verifier@0 seals 0              accepted
        author@0 opens 0 but laden      rejected bad_opening
        author@0 opens 0 lying          rejected bad_opening
        author@0 opens 0                accepted
    " ends "
        fact opening.kept happened 2 times
    "

    silence_after_the_challenge_costs_the_bond: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits      accepted
        author@0 is called mute
        mute accepts 0
        mute commits 0
        30 s pass
        1 s pass
    " ends "
        mute still stakes 80
        treasury has 20
        fact bond.forfeited happened 1 times
        nobody was slashed
        task 0 is at attempt 2
    "

    withholding_the_answer_costs_the_bond_and_pays_the_verifier: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits      accepted
        author@0 is called mute
        mute accepts 0
        mute commits 0
        verifier@0 is called victor
        mute opens 0
        victor seals 0
        31 s pass
    " ends "
        mute still stakes 80
        victor earned 3
        treasury has 17
    "

    silence_before_the_commitment_costs_the_attempt_only: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits      accepted
        11 s pass
        author@0 accepts 0
        author@1 accepts 1
        61 s pass
        work goes on
    " ends "
        job digits is completed
        treasury has 0
        stake:ann has 100
        stake:bob has 100
        fact attempt.timed_out happened 4 times
    "

    what_arrives_at_the_deadline_is_in_time: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits      accepted
        10 s pass
        author@0 accepts 0       accepted
        author@1 accepts 1       accepted
        60 s pass
        author@0 commits 0       accepted
    " ends "
        fact attempt.timed_out happened 0 times
    "

    memory_errs_before_the_draw: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits     accepted
        author@0 is called alice
        alice accepts 0
        alice commits 0 and retracts it   accepted
    " ends "
        alice still stakes 100
        fact challenge.drawn happened 0 times
        fact bond.forfeited happened 0 times
        task 0 is at attempt 2
    "

    after_the_draw_it_is_too_late_to_err: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits     accepted
        author@0 is called mallory
        mallory accepts 0
        mallory commits 0 lying
        mallory retracts 0      accepted
    " ends "
        mallory still stakes 80
        treasury has 20
        task 0 is at attempt 2
    "

    a_job_out_of_attempts_refunds_what_is_left: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits with attempts 1   accepted
        author@0 accepts 0
        author@1 accepts 1
        author@0 commits 0
        author@1 commits 1
        author@0 opens 0
        author@1 opens 1
        verifier@1 seals 1
        author@1 opens 1
        verifier@1 reveals 1
        31 s pass
    " ends "
        job digits is failed
        the escrow of digits adds up
        acme has 47
    "

    stake_stays_while_a_duty_is_open: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits     accepted
        ann releases 1          rejected stake_in_use
    " ends "
        stake:ann has 100
    "
}
