-- Each account as it stands: the latest row of `accounts`, with the amount in whole units of the realm's currency.
SELECT a.realm, r.name AS realm_name, a.account, a.owner, a.balance, a.held, a.balance - a.held AS free,
       r.currency, in_units(a.balance, r.scale) AS units,
       a.partition, a.leaf, a.leaf_hash, a.height, a.at
FROM (
  SELECT accounts.*,
         row_number() OVER (PARTITION BY realm, account ORDER BY leaf DESC, fact DESC) AS latest
  FROM accounts
) a
LEFT JOIN realms r ON r.realm = a.realm
WHERE a.latest = 1
