-- What each author said, and how much of it was accepted.
SELECT realm, author, topic, type,
       count(*) AS events,
       sum(CASE WHEN verdict = 'accepted' THEN 1 ELSE 0 END) AS accepted,
       min(at) AS first_at, max(at) AS last_at
FROM events
GROUP BY realm, author, topic, type
ORDER BY realm, author, topic, type
