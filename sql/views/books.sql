-- Whether the books of each realm balance: what accounts hold adds up to zero, because the issuer stands below it.
SELECT realm, realm_name, currency,
       sum(balance) AS total,
       sum(CASE WHEN account = 'issuer' THEN -balance ELSE 0 END) AS issued,
       sum(CASE WHEN account LIKE 'escrow:%' THEN balance ELSE 0 END) AS in_escrow,
       sum(CASE WHEN account LIKE 'stake:%' THEN balance ELSE 0 END) AS at_stake,
       count(*) AS accounts
FROM balances
GROUP BY realm, realm_name, currency
