CREATE TABLE items AS SELECT n AS id, n % 97 AS kind FROM generate_series(1, 5000) AS n;
