-- Who was paid for what work, and which check allowed it.
SELECT e.realm, coalesce(w.name, e.credit) AS paid, e.credit, in_units(e.amount, r.scale) AS units, r.currency, e.amount,
       e.job, e.task, e.attempt, p.verdict, p.verifier, e.because AS proof,
       e.partition, e.leaf, e.leaf_hash, e.height, e.at
FROM entries e
LEFT JOIN proofs p ON p.proof = e.because
LEFT JOIN realms r ON r.realm = e.realm
LEFT JOIN workers_now w ON w.realm = e.realm AND w.account = e.credit
WHERE e.kind = 'payment'
