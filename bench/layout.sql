-- Rows as a year of feeds would bring them, and the ways to load and to read a
-- table of them.  Variables: rows.

-- 20 scans a parcel over 10 to 40 days, parcels numbered in the order in which
-- they appear, scans told up to six hours late; cut into batches in the order of
-- arrival.  Words are as long as those of the one-event feed.
CREATE UNLOGGED TABLE arrivals AS
WITH parcel AS (
    SELECT 1024 + p AS parcel_id, p::float8 * 325 / (:rows / 20) AS born, 10 + (hashint4(p::int) & 31) AS days
    FROM generate_series(0, :rows / 20 - 1) p
), scan AS (
    SELECT parcel_id, k, hashint8(parcel_id * 32 + k) AS chance,
           timestamptz '2026-01-01 00:00Z' + (born + days * k / 20.0) * interval '1 day' AS instant
    FROM parcel CROSS JOIN generate_series(0, 19) k
), told AS (
    SELECT *, date_trunc('second', instant) + (chance & 16383) * interval '1.3 seconds' AS published_at,
           md5(parcel_id || '/' || k) AS a, md5(k || '/' || parcel_id) AS b
    FROM scan
)
SELECT ((row_number() OVER (ORDER BY published_at, parcel_id, k) - 1) / 5000)::int AS batch,
       parcel_id, date_trunc('second', instant) AS instant, published_at, parcel_id * 20 + k AS kafka_offset,
       (parcel_id % 12)::int AS kafka_partition, 1::smallint AS topic, 1::smallint AS source,
       (1 + k % 30)::smallint AS status, 1::smallint AS identity, 652::smallint AS iana, 1::smallint AS meaning,
       480::smallint AS offset_minutes, 0::smallint AS marks, a::uuid AS fp, b::uuid AS said,
       's'::"char" AS kind, 's'::"char" AS precision, 'g'::"char" AS zone_basis, (k + 1)::bigint AS sequence,
       (ARRAY['ACC', 'DEP', 'ARR', 'CUS', 'OUT'])[1 + k % 5] AS code,
       (ARRAY['Taken over from the seller', 'Left the sorting centre', 'Arrived at the sorting centre',
              'Presented to customs', 'With the courier'])[1 + k % 5] AS text,
       to_char(instant AT TIME ZONE 'UTC' + interval '8 hours', 'YYYY-MM-DD"T"HH24:MI:SS+08:00') AS time_words, NULL::text AS zone_words,
       'CN' AS country, 'GD' AS region, (ARRAY['Shenzhen', 'Guangzhou', 'Dongguan'])[1 + k % 3] AS city,
       (ARRAY['Shenzhen Baoan hub', 'Guangzhou international', 'Dongguan depot 4'])[1 + k % 3] AS place,
       decode(left(repeat(a || b, 5), 2 * :raw_bytes), 'hex') AS raw, decode(b || a, 'hex') AS message_sha
FROM told;
CREATE INDEX ON arrivals (batch);
ANALYZE arrivals;

-- One batch a transaction, as the safe path of src/pg/sink_events.c writes it.
CREATE PROCEDURE load(target text, first integer, last integer) LANGUAGE plpgsql AS $$
DECLARE
    columns text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                     WHERE attrelid = 'arrivals'::regclass AND attnum > 0 AND attname <> 'batch');
BEGIN
    FOR b IN first .. last LOOP
        EXECUTE format('INSERT INTO %I (%s) SELECT %2$s FROM arrivals WHERE batch = $1 ORDER BY parcel_id, fp'
                       ' ON CONFLICT DO NOTHING', target, columns) USING b;
        COMMIT;
    END LOOP;
END $$;

-- Reads timelines of `size` parcels `times` times, planned anew each time as
-- for a query that a program sends; a digest of what was found.
CREATE FUNCTION look(target text, parcels integer, size integer, times integer) RETURNS bigint
    LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
    digest bigint := 0;
BEGIN
    FOR i IN 1 .. times LOOP
        EXECUTE format('SELECT sum(hashtext(code || text || instant)::bigint) FROM %I WHERE parcel_id = ANY ($1)', target)
            INTO found
            USING (SELECT array_agg(1024 + (hashint4(i * 1000 + n) & 2147483647) % parcels)::bigint[]
                   FROM generate_series(1, size) n);
        digest := digest + found;
    END LOOP;
    RETURN digest;
END $$;

-- The three tables, empty.  There are as many ranges as months.
CREATE PROCEDURE make_tables(parcels integer) LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS events_none, events_ranges, events_months;
    CREATE TABLE events_none (LIKE rastro.events INCLUDING DEFAULTS, PRIMARY KEY (parcel_id, fp));
    CREATE TABLE events_ranges (LIKE rastro.events INCLUDING DEFAULTS, PRIMARY KEY (parcel_id, fp))
        PARTITION BY RANGE (parcel_id);
    CREATE TABLE events_months (LIKE rastro.events INCLUDING DEFAULTS, PRIMARY KEY (parcel_id, instant, fp))
        PARTITION BY RANGE (instant);
    FOR n IN 0 .. 11 LOOP
        EXECUTE format('CREATE TABLE events_ranges_%s PARTITION OF events_ranges FOR VALUES FROM (%s) TO (%s)',
                       n, 1024 + n * (parcels / 12 + 1), 1024 + (n + 1) * (parcels / 12 + 1));
        EXECUTE format('CREATE TABLE events_months_%s PARTITION OF events_months FOR VALUES FROM (%L) TO (%L)',
                       n, timestamptz '2026-01-01 00:00Z' + n * interval '1 month',
                       timestamptz '2026-01-01 00:00Z' + (n + 1) * interval '1 month');
    END LOOP;
END $$;
