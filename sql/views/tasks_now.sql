-- Each task as it stands.
SELECT t.job, t.task, t.kind, t.round, t.shard, t.attempt, t.state, t.reason, t.deadline,
       t.worker, w.name AS worker_name, t.commitment, t.steps, t.output, t.result, t.realm,
       t.partition, t.leaf, t.leaf_hash, t.height, t.at
FROM (
  SELECT tasks.*,
         row_number() OVER (PARTITION BY job, task ORDER BY leaf DESC, fact DESC) AS latest
  FROM tasks
) t
LEFT JOIN workers_now w ON w.realm = t.realm AND w.worker = t.worker
WHERE t.latest = 1
