-- What became of records that were not admitted.
SELECT topic, code, count(*) AS records, sum(length) AS bytes, min(at) AS first_at, max(at) AS last_at
FROM dispositions
GROUP BY topic, code
ORDER BY topic, code
