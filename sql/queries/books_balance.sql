-- Every realm whose books do not balance: no rows is the right answer.
SELECT realm, realm_name, currency, total, issued
FROM books
WHERE total <> 0
