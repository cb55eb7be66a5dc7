-- Episodes as years of a fleet leave them: of 50 carriers, few of which have many,
-- 5,000 sellers, eleven lanes; those that are open are silent for up to a year, most
-- for less than a month; those that are over began within two years.

CREATE FUNCTION chance(n bigint, salt integer) RETURNS double precision
    LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8extended(n, salt) & 1048575) / 1048576.0 $$;

-- Indexes are made behind the rows, which takes minutes instead of half an hour.
SET maintenance_work_mem = '2GB';
CREATE TEMP TABLE index_list AS SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index WHERE indrelid = 'rastro.episodes'::regclass AND NOT indisunique;
SELECT 'DROP INDEX ' || name FROM index_list \gexec

INSERT INTO rastro.parcels (parcel_id, s10, issuer, number, discriminator)
SELECT n, 'n', 'bench', 'STALL' || lpad(n::text, 10, '0'), '' FROM generate_series(1, 2000000) n;

INSERT INTO rastro.episodes (parcel_id, started, since, until, feed_at, opened_at, gone_at, silent_since, promised_to,
    last_fp, revision, rules_version, kind, state, rule, number, carrier, seller, stage, leg, origin, destination)
SELECT 1 + n % 2000000, silent, silent + interval '10 days',
       CASE WHEN over THEN silent + interval '10 days' + lasts END, silent + interval '10 days',
       silent + interval '10 days', CASE WHEN over THEN silent + interval '10 days' + lasts END, silent,
       CASE WHEN chance(n, 5) < 0.7 THEN silent + (chance(n, 6) * 40 - 10) * interval '1 day' END,
       md5(n::text)::uuid, CASE WHEN over THEN 2 ELSE 1 END, 1, kind,
       CASE WHEN over THEN 'e' ELSE 'o' END, 'default-' || kind, 'STALL' || lpad((1 + n % 2000000)::text, 10, '0'),
       'carrier-' || (power(chance(n, 1), 3) * 50)::integer, 's-' || (power(chance(n, 2), 2) * 5000)::integer,
       (ARRAY['transit', 'transit', 'transit', 'customs', 'accepted', 'pickup', 'info', 'delivery'])[1 + floor(chance(n, 3) * 8)::integer],
       'line_haul', (ARRAY['CN', 'CN', 'CN', 'CN', 'DE', 'US', 'BR'])[1 + floor(chance(n, 4) * 7)::integer],
       (ARRAY['BR', 'BR', 'DE', 'US', 'FR', 'GB', 'ES'])[1 + floor(chance(n, 7) * 7)::integer]
FROM generate_series(1, :open + :ended) n
CROSS JOIN LATERAL (SELECT n > :open AS over, (power(chance(n, 8), 3) * 30) * interval '1 day' AS lasts,
    (ARRAY[2, 2, 2, 2, 2, 1, 4, 4, 5, 3])[1 + floor(chance(n, 9) * 10)::integer] AS kind) x
CROSS JOIN LATERAL (SELECT now() - CASE WHEN over THEN interval '41 days' + chance(n, 10) * interval '700 days'
    ELSE interval '10 days' + power(chance(n, 10), 4) * interval '355 days' END AS silent) y;

SELECT definition FROM index_list \gexec
VACUUM (ANALYZE) rastro.episodes;
VACUUM (ANALYZE) rastro.parcels;
