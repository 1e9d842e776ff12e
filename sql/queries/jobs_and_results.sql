-- Each job, what it was to pay, what it paid, and its result.
SELECT j.name, j.state, j.correct, j.total, j.escrow,
       coalesce(sum(CASE WHEN e.kind = 'payment' THEN e.amount END), 0) AS paid,
       coalesce(sum(CASE WHEN e.kind = 'refund' THEN e.amount END), 0) AS refunded,
       j.result, j.job
FROM jobs_now j
LEFT JOIN entries e ON e.debit = concat('escrow:', j.job)
GROUP BY j.name, j.state, j.correct, j.total, j.escrow, j.result, j.job
ORDER BY j.name, j.job
