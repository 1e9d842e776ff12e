//! Tales of realms, processors, notes and votes.

tales! {
    a_realm_is_opened_by_a_genesis_admin_alone: "
        founder opens realm mill                        accepted
        founder opens realm mill                        rejected realm_exists
        founder opens realm void without admins         rejected bad_realm
        acme opens realm mine                           unadmitted
        founder opens realm far on partition 1          wrong_partition
        admin opens realm mine, in realm home           rejected not_allowed
    " ends "
        fact realm.opened happened 2 times
    "

    realms_keep_their_money_apart: "
        founder opens realm mill                        accepted
        acme has 100
        acme joins, in realm mill                       accepted
        acme opens account acme, in realm mill          accepted
        bob joins, in realm mill                        accepted
        bob opens account bob, in realm mill            accepted
        acme pays bob 10, in realm mill                 rejected insufficient_funds
        acme pays bob 10                                rejected no_such_account
        issuer pays acme 5, in realm mill               accepted
    " ends "
        acme has 100
        issuer has -100
    "

    the_instance_hears_only_what_is_about_it: "
        founder authorises second                       accepted
        founder authorises second                       rejected key_exists
        founder opens account acme, in realm instance   rejected not_allowed
        founder notes begun, in realm instance          accepted
        second authorises third                         unadmitted
        admin authorises third, in realm home           rejected not_allowed
    " ends "
        fact processor.changed happened 1 times
        fact note.kept happened 1 times
    "

    a_partition_holds_so_many_realms: "
        founder opens 1000 more realms                  rejected limit_reached
    " ends "
        fact realm.opened happened 1000 times
    "

    the_last_vote_stands: "
        acme joins
        bob joins
        acme proposes lunch                             accepted
        acme votes yes on lunch                         accepted
        bob votes abstain on lunch                      accepted
        acme votes no on lunch                          accepted
        acme votes no on dinner                         rejected no_such_proposal
    " ends "
        acme voted no on lunch
        bob voted abstain on lunch
        fact vote.counted happened 3 times
    "

    a_proposal_of_another_realm_is_unknown_here: "
        founder opens realm mill                        accepted
        acme joins
        acme joins, in realm mill                       accepted
        acme proposes lunch, in realm mill              accepted
        acme votes yes on lunch                         rejected no_such_proposal
    " ends "
        fact vote.counted happened 0 times
    "
}
