-- Each worker as it stands, with its stake.
SELECT w.realm, w.worker, w.name, w.account, w.state, coalesce(b.balance, 0) AS stake,
       w.partition, w.leaf, w.leaf_hash, w.height, w.at
FROM (
  SELECT workers.*,
         row_number() OVER (PARTITION BY realm, worker ORDER BY leaf DESC, fact DESC) AS latest
  FROM workers
) w
LEFT JOIN balances b ON b.realm = w.realm AND b.account = concat('stake:', w.worker)
WHERE w.latest = 1
