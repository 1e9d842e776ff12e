-- Who was paid for what work, and which verdict allowed it; with the place of each payment in the history.
SELECT e.credit, e.amount, e.job, e.task, e.attempt, p.verdict, p.verifier, e.because AS proof, e.partition, e.leaf
FROM entries e
LEFT JOIN proofs p ON p.proof = e.because
WHERE e.kind = 'payment'
ORDER BY e.partition, e.leaf, e.fact
