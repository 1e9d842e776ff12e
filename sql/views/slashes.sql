-- Each movement out of a stake that was no release, with what the worker claimed beside what was recomputed.
SELECT e.realm, e.kind, w.worker, w.name, e.amount, in_units(e.amount, r.scale) AS units, r.currency,
       e.debit, e.credit, e.job, e.task, e.attempt,
       d.leaf_index AS step, d.claimed, d.recomputed, d.claimed_figures, d.recomputed_figures, d.outcome,
       e.because AS proof, e.partition, e.leaf, e.leaf_hash, e.height, e.at
FROM entries e
LEFT JOIN realms r ON r.realm = e.realm
LEFT JOIN workers_now w ON w.realm = e.realm AND concat('stake:', w.worker) = e.debit
LEFT JOIN disputes d ON d.job = e.job AND d.task = e.task AND d.attempt = e.attempt AND d.state = 'closed'
WHERE e.kind IN ('slash', 'forfeit')
