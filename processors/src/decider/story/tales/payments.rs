//! Tales of money: transfers, holds and stakes.

tales! {
    an_overdraft_is_refused_and_costs_nothing: "
        acme has 100
        bob has 0
        acme pays bob 60          accepted
        acme pays bob 60          rejected insufficient_funds
        acme pays bob 60 again    duplicate
    " ends "
        acme has 40
        bob has 60
        issuer has -100
    "

    /// One signed transfer was accepted five times once, because a nonce never advanced.
    a_transfer_sent_five_times_pays_once: "
        acme has 100
        bob has 0
        acme pays bob 20          accepted
        acme pays bob 20 again    duplicate
        acme pays bob 20 again    duplicate
        5 s pass
        acme pays bob 20 again    duplicate
        acme pays bob 20 again    duplicate
    " ends "
        acme has 80
        bob has 20
        fact money.moved happened 2 times
    "

    a_refused_transfer_stays_refused_when_sent_again: "
        acme has 10
        bob has 0
        acme pays bob 20          rejected insufficient_funds
        issuer pays acme 100      accepted
        acme pays bob 20 again    duplicate
    " ends "
        bob has 0
    "

    only_its_owner_debits_an_account: "
        acme has 100
        eve has 0
        eve pays eve 10 out of acme       rejected not_owner
        eve pays acme 10 out of acme      rejected bad_amount
        eve pays treasury 10 out of acme  rejected not_owner
        eve pays eve 10 out of issuer     rejected not_owner
        eve pays eve 10 out of treasury   rejected not_owner
    " ends "
        acme has 100
        eve has 0
    "

    money_goes_only_where_it_may: "
        acme has 100
        acme pays ghost 10        rejected no_such_account
        acme pays acme 10         rejected bad_amount
        acme pays treasury 0      rejected bad_amount
        acme pays stake:acme 10   rejected not_allowed
        acme pays escrow:dig 10   rejected not_allowed
        acme pays treasury 10     accepted
        acme pays issuer 10       accepted
    " ends "
        acme has 80
        treasury has 10
        issuer has -90
    "

    the_issuer_stops_at_the_largest_amount: "
        acme has 0
        issuer pays acme 99999999999999999999999999999999999999   accepted
        issuer pays acme 1                                        rejected bad_amount
    " ends "
        acme has 99999999999999999999999999999999999999
        issuer has -99999999999999999999999999999999999999
    "

    names_of_accounts_are_taken_once: "
        acme has 0
        bob joins
        bob opens account acme      rejected account_exists
        bob opens account treasury  rejected account_exists
        bob opens account issuer    rejected account_exists
        bob opens account till      accepted
    " ends "
        till has 0
    "

    what_is_promised_cannot_be_spent: "
        acme has 100
        bob has 0
        acme promises bob 60 for 10 s as rent   accepted
        acme pays bob 50                        rejected insufficient_funds
        acme promises bob 41 for 10 s as car    rejected insufficient_funds
        acme settles rent                       accepted
        acme settles rent                       rejected no_such_transfer
        acme voids rent                         rejected no_such_transfer
    " ends "
        acme has 40
        acme can spend 40
        bob has 60
    "

    a_promise_is_over_when_its_time_is: "
        acme has 100
        bob has 0
        acme promises bob 60 for 10 s as rent   accepted
        10 s pass
        acme pays bob 50                        rejected insufficient_funds
        1 s pass
        acme settles rent                       rejected no_such_transfer
        acme pays bob 100                       accepted
    " ends "
        bob has 100
        tick transfer_due happened 1 times
    "

    a_promise_is_voided_by_either_side_and_nobody_else: "
        acme has 100
        bob has 0
        eve has 0
        acme promises bob 60 for 10 s as rent   accepted
        acme promises bob 10 for 10 s as food   accepted
        eve voids rent                          rejected not_owner
        bob settles rent                        rejected not_owner
        bob voids rent                          accepted
        acme voids food                         accepted
        acme promises bob 10 for 0 s as now     rejected bad_terms
    " ends "
        acme can spend 100
        bob has 0
    "

    our_outage_costs_nobody_a_promise: "
        acme has 100
        bob has 0
        acme promises bob 60 for 10 s as rent   accepted
        nobody decides for 3600 s
        acme settles rent                       accepted
    " ends "
        bob has 60
        tick extension happened 1 times
        tick transfer_due happened 0 times
    "

    an_outage_without_open_deadlines_says_nothing: "
        acme has 100
        nobody decides for 3600 s
    " ends "
        tick extension happened 0 times
    "

    stake_is_a_workers_own_money: "
        ada has 100
        acme has 50
        ada stakes 10            rejected no_such_worker
        ada becomes a worker     accepted
        ada stakes 0             rejected bad_amount
        ada stakes 101           rejected insufficient_funds
        ada stakes 30            accepted
        ada releases 31          rejected insufficient_funds
        acme releases 1          rejected no_such_worker
        ada releases 10          accepted
    " ends "
        ada has 80
        stake:ada has 20
        acme has 50
    "
}
