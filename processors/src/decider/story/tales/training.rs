//! Tales of workers and jobs: who may work, what is a job, and how one ends.

tales! {
    a_worker_has_one_name_and_an_account_of_its_own: "
        ada has 100
        bob has 0
        ada becomes a worker               accepted
        ada becomes a worker               rejected worker_exists
        bob becomes a worker called ada    rejected worker_exists
        bob becomes a worker paid to ada   rejected not_owner
        cyd joins
        cyd becomes a worker               rejected no_such_account
        bob retires                        rejected no_such_worker
        bob stakes 10                      rejected no_such_worker
        bob becomes a worker               accepted
    " ends "
        ada has 100
    "

    a_retired_worker_takes_nothing_and_may_come_back: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits                accepted
        author@0 is called quitter
        quitter retires                    accepted
        quitter retires                    rejected worker_inactive
        quitter accepts 0                  rejected worker_inactive
        quitter becomes a worker           accepted
        quitter accepts 0                  accepted
    " ends "
        job digits is open
    "

    a_job_is_taken_on_sound_terms_only: "
        ann works for stake 100
        acme has 59
        bob has 60
        acme submits digits                          rejected insufficient_funds
        acme submits digits with paid-by bob         rejected not_owner
        acme submits digits with paid-by nobody      rejected no_such_account
        acme submits digits with escrow 51           rejected escrow_too_small
        acme submits digits with bond 19             rejected bond_too_small
        acme submits digits with stake 19            rejected bond_too_small
        acme submits digits with shards 0            rejected bad_terms
        acme submits digits with shards 129          rejected bad_terms
        acme submits digits with rounds 0            rejected bad_terms
        acme submits digits with rounds 4000000000   rejected bad_terms
        acme submits digits with leaves 1            rejected bad_terms
        acme submits digits with steps 0             rejected bad_terms
        acme submits digits with steps 65            rejected bad_terms
        acme submits digits with steps 64 leaves 1000000   rejected bad_terms
        acme submits digits with min 1               rejected bad_terms
        acme submits digits with attempts 0          rejected bad_terms
        acme submits digits with accept 0            rejected bad_terms
        acme submits digits with task 0              rejected bad_terms
        acme submits digits with assurance full leaves 66   rejected bad_terms
        acme submits digits with escrow 52           rejected too_few_workers

    " ends "
        acme has 59
        fact job.accepted happened 0 times
    "

    honest_work_completes_the_job_and_every_unit_is_accounted_for: "
        ann works for stake 100
        bob works for stake 100
        cyd works for stake 100
        acme has 100
        acme submits digits   accepted
        work goes on
    " ends "
        job digits is completed
        the escrow of digits adds up
        nobody was slashed
        fact task.verified happened 4 times
        fact payment.made happened 8 times
        fact round.closed happened 1 times
        fact check.closed happened 4 times
        acme has 48
        treasury has 0
        escrow:digits has 0
        stake:ann has 100
        stake:bob has 100
        stake:cyd has 100
    "

    a_job_of_several_rounds_begins_each_where_the_last_ended: "
        ann works for stake 200
        bob works for stake 200
        acme has 1000
        acme submits digits with rounds 3 shards 3 escrow 500   accepted
        work goes on
    " ends "
        job digits is completed
        fact task.verified happened 13 times
        fact round.closed happened 3 times
        the escrow of digits adds up
        acme has 831
    "

    full_assurance_checks_every_step: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits with assurance full rate 0   accepted
        work goes on
    " ends "
        job digits is completed
        fact check.closed happened 4 times
        acme has 8
    "

    what_no_draw_hits_is_taken_unchecked_and_its_check_is_not_paid: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits with rate 0   accepted
        author@0 accepts 0
        author@0 commits 0
        author@0 opens 0 but forged       rejected bad_opening
        work goes on
    " ends "
        job digits is completed
        fact check.closed happened 0 times
        fact payment.made happened 4 times
        acme has 20
    "

    more_tasks_than_bonds_wait_their_turn: "
        ann works for stake 100
        bob works for stake 100
        acme has 1000
        acme submits digits with shards 20 bond 100 escrow 1000   accepted
        work goes on
    " ends "
        job digits is completed
        the escrow of digits adds up
    "

    waiting_while_others_work_costs_no_attempt: "
        ann works for stake 100
        bob works for stake 100
        acme has 1000
        acme submits digits with shards 4 bond 100 attempts 1 escrow 100   accepted
        author@0 accepts 0
        author@1 accepts 1
        59 s pass
        author@0 commits 0
        author@1 commits 1
        author@0 opens 0
        author@1 opens 1
        5 s pass
    " ends "
        job digits is open
        task 2 is at attempt 1
        fact task.waiting happened 2 times
    "

    a_job_without_workers_runs_out_of_attempts_and_refunds: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits   accepted
        ann retires
        bob retires
        11 s pass
        61 s pass
        61 s pass
        61 s pass
    " ends "
        job digits is failed
        the escrow of digits adds up
        acme has 60
        fact attempt.timed_out happened 5 times
    "

    an_ended_job_hears_nothing_more: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits      accepted
        acme cancels other       rejected no_such_job
        ann cancels digits       rejected not_allowed
        acme cancels digits      accepted
        acme cancels digits      rejected job_ended
        ann accepts 0            rejected job_ended
        ann accepts other/0      rejected no_such_job
    " ends "
        job digits is failed
        acme has 60
        fact attempt.voided happened 2 times
    "

    what_is_committed_before_the_cancellation_is_paid: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits      accepted
        author@0 is called early
        author@0 accepts 0
        author@1 accepts 1
        author@0 commits 0
        acme cancels digits      accepted
        acme cancels digits      rejected job_ended
        author@0 is called early
        bob accepts 1            rejected job_ended
        work goes on
    " ends "
        job digits is failed
        the escrow of digits adds up
        early earned 10
        acme has 47
        fact task.verified happened 1 times
    "

    a_job_of_another_realm_is_no_job_here: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits   accepted
        founder opens realm away
        acme joins, in realm away
        acme cancels digits, in realm away   rejected no_such_job
    " ends "
        job digits is open
    "

    our_outage_takes_nobodys_time: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits           accepted
        author@0 is called punctual
        nobody decides for 3600 s
        punctual accepts 0            accepted
        author@1 accepts 1            accepted
        nobody decides for 3600 s
        punctual commits 0            accepted
        nobody decides for 3600 s
        punctual opens 0              accepted
    " ends "
        fact deadlines.extended happened 3 times
        fact attempt.timed_out happened 0 times
        job digits is open
    "

    /// 128 shards and 64 steps are what one decision holds, with room to spare.
    the_largest_round_fits_its_decisions: "
        ann works for stake 10000
        bob works for stake 10000
        cyd works for stake 10000
        acme has 2000
        acme submits digits with shards 128 leaves 65 assurance full escrow 2000   accepted
        work goes on
    " ends "
        job digits is completed
        the escrow of digits adds up
        fact task.verified happened 130 times
    "

    /// As many steps of as many leaves as terms may ask for: the opening is the largest event that an honest worker owes.
    the_largest_opening_fits_its_event: "
        ann works for stake 100
        bob works for stake 100
        acme has 60
        acme submits digits with leaves 65536 steps 64   accepted
        author@0 accepts 0
        author@0 commits 0
        author@0 opens 0        accepted
        verifier@0 seals 0
        author@0 opens 0        accepted
        verifier@0 reveals 0    accepted
    " ends "
        fact task.verified happened 1 times
    "

    the_largest_round_is_cancelled_in_one_decision: "
        ann works for stake 10000
        bob works for stake 10000
        acme has 2000
        acme submits digits with shards 128 escrow 2000   accepted
        acme cancels digits   accepted
    " ends "
        job digits is failed
        acme has 2000
    "
}
