-- Each job as it stands.
SELECT j.job, j.name, j.state, j.reason, j.round, j.rounds, j.correct, j.total,
       CAST(j.correct AS DOUBLE) / j.total AS accuracy,
       j.author, j.escrow, j.pay_task, j.pay_check, j.output, j.result, j.realm,
       j.partition, j.leaf, j.leaf_hash, j.height, j.at
FROM (
  SELECT jobs.*,
         row_number() OVER (PARTITION BY job ORDER BY leaf DESC, fact DESC) AS latest
  FROM jobs
) j
WHERE j.latest = 1
