-- Who lost stake, for which step of which task, and both hashes.
SELECT name, worker, kind, units, currency, task, attempt, step, claimed, recomputed, outcome, proof, partition, leaf
FROM slashes
ORDER BY partition, leaf
