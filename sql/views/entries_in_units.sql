-- Every movement of money in whole units of its realm's currency.
SELECT r.name AS realm_name, e.kind, e.debit, e.credit, in_units(e.amount, r.scale) AS units, r.currency,
       e.transfer, e.because, e.job, e.task, e.attempt, e.realm, e.amount,
       e.partition, e.leaf, e.leaf_hash, e.height, e.at, e.fact
FROM entries e
LEFT JOIN realms r ON r.realm = e.realm
