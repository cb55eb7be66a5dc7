-- Rows of events as narrow as they get: what many have in common stands once, in
-- small tables that only grow, and a row has their numbers.  Each column costs the
-- server time, however narrow it is, so small ones share one.  People read the
-- view rastro.events, which has everything in its own column again.
--
-- Existing rows are copied, with their words in the row, in one transaction.
-- Members are stopped meanwhile: releases before this one do not know the rows.

-- Where a row comes from: a partition of Kafka, told by a source, in a reading.
CREATE TABLE rastro.origins (
    origin integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kafka_partition integer NOT NULL,
    topic smallint NOT NULL,
    source smallint NOT NULL,
    identity smallint NOT NULL,                   -- reading version: the profile's,
    iana smallint NOT NULL,                       -- and the zone data's, see rastro.iana()
    meaning smallint NOT NULL,
    UNIQUE (topic, kafka_partition, source, identity, iana, meaning)
);

-- What a source said, in words that came at least twice.  key is a hash of them.
CREATE TABLE rastro.words (
    words integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key uuid NOT NULL UNIQUE,
    code text,
    text text,
    zone_words text
);

CREATE TABLE rastro.places (
    place_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key uuid NOT NULL UNIQUE,
    country text,
    region text,
    city text,
    place text
);

ALTER TABLE rastro.events RENAME TO events_before;
DROP VIEW rastro.change_log, rastro.totals;

-- Rows are never changed.  What is current is derived: of two readings of the
-- same words the newer counts, and event_changes says what a source stopped
-- reporting.  Columns are ordered so that none needs padding.
CREATE TABLE rastro.event_rows (
    parcel_id bigint NOT NULL,
    instant timestamptz NOT NULL,                 -- when it happened
    published_at timestamptz NOT NULL,            -- Kafka's time of the message
    recorded_at timestamptz NOT NULL DEFAULT now(),
    kafka_offset bigint NOT NULL,
    fp uuid NOT NULL,
    said uuid NOT NULL,
    origin integer NOT NULL,
    words integer,                                -- where there is a number for them,
    place_id integer,
    traits integer NOT NULL,                      -- bits, see rastro.events
    status smallint NOT NULL,
    offset_minutes smallint NOT NULL,             -- of the local clock, east of UTC
    sequence bigint,                              -- the source's own order, when it gives one
    time_words text,                              -- the source's words, as said
    own_words text[],                             -- and where there is none: code, text, zone, country, region,
                                                  -- city, place
    raw bytea,                                    -- the event's own bytes, see src/core/raw.c
    message_sha bytea,                            -- SHA-256 of the message, on its first new event
    PRIMARY KEY (parcel_id, fp)
) PARTITION BY RANGE (parcel_id);

CREATE OR REPLACE FUNCTION rastro.make_event_ranges(id bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    size bigint := rastro.event_range_size();
    made integer := 0;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('rastro.event_ranges'));
    FOR n IN 0 .. id / size LOOP
        name := 'event_rows_' || lpad(n::text, 6, '0');
        CONTINUE WHEN to_regclass('rastro.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE rastro.%I (LIKE rastro.event_rows INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE rastro.%I SET (autovacuum_vacuum_insert_scale_factor = 0.4,'
                       ' autovacuum_analyze_scale_factor = 0.2)', name);
        EXECUTE format('ALTER TABLE rastro.event_rows ATTACH PARTITION rastro.%I FOR VALUES FROM (%s) TO (%s)',
                       name, n * size, (n + 1) * size);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

CREATE OR REPLACE FUNCTION rastro.take_parcel_block() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first bigint := nextval('rastro.parcel_blocks') * 1024;
    size bigint := rastro.event_range_size();
BEGIN
    IF to_regclass('rastro.event_rows_' || lpad(((first / size) + 1)::text, 6, '0')) IS NULL THEN
        PERFORM rastro.make_event_ranges(first + size);
    END IF;
    RETURN first;
END $$;

SELECT rastro.make_event_ranges(greatest(rastro.event_range_size(),
    (SELECT max(to_number(right(relname, 6), '999999'))::bigint * rastro.event_range_size() FROM pg_class
     WHERE relnamespace = 'rastro'::regnamespace AND relname ~ '^events_\d{6}$')));

INSERT INTO rastro.origins (topic, kafka_partition, source, identity, iana, meaning)
SELECT DISTINCT topic, kafka_partition, source, identity, iana, meaning FROM rastro.events_before;

INSERT INTO rastro.event_rows (parcel_id, instant, published_at, recorded_at, kafka_offset, fp, said, origin, traits,
    status, offset_minutes, sequence, time_words, own_words, raw, message_sha)
SELECT e.parcel_id, e.instant, e.published_at, e.recorded_at, e.kafka_offset, e.fp, e.said, o.origin,
    (strpos('spr', e.kind::text) - 1) | ((strpos('dmsf', e.precision::text) - 1) << 2)
        | ((strpos('gpra', e.zone_basis::text) - 1) << 4) | (e.marks::integer << 8),
    e.status, e.offset_minutes, e.sequence, e.time_words,
    CASE WHEN coalesce(code, text, zone_words, country, region, city, place) IS NOT NULL
         THEN ARRAY[code, text, zone_words, country, region, city, place] END,
    e.raw, e.message_sha
FROM rastro.events_before e JOIN rastro.origins o USING (topic, kafka_partition, source, identity, iana, meaning)
ORDER BY e.parcel_id, e.fp;

DROP TABLE rastro.events_before;

-- Joins to what a query does not ask for are left out by the planner.
CREATE VIEW rastro.events AS
    SELECT e.parcel_id, e.instant, e.published_at, e.recorded_at, e.kafka_offset, o.kafka_partition, o.topic,
           o.source, e.status, o.identity, o.iana, o.meaning, e.offset_minutes, (e.traits >> 8)::smallint AS marks,
           e.fp, e.said,
           substr('spr', 1 + (e.traits & 3), 1)::"char" AS kind,               -- scan, planned, reported
           substr('dmsf', 1 + ((e.traits >> 2) & 3), 1)::"char" AS precision,    -- day, minute, second, fraction
           substr('gpra', 1 + ((e.traits >> 4) & 3), 1)::"char" AS zone_basis,   -- given, place, rule, assumed
           e.sequence,
           coalesce(w.code, e.own_words[1]) AS code, coalesce(w.text, e.own_words[2]) AS text, e.time_words,
           coalesce(w.zone_words, e.own_words[3]) AS zone_words,
           coalesce(p.country, e.own_words[4]) AS country, coalesce(p.region, e.own_words[5]) AS region,
           coalesce(p.city, e.own_words[6]) AS city, coalesce(p.place, e.own_words[7]) AS place,
           e.raw, e.message_sha
    FROM rastro.event_rows e
    LEFT JOIN rastro.origins o USING (origin)
    LEFT JOIN rastro.words w USING (words)
    LEFT JOIN rastro.places p USING (place_id);

-- Every change of what is current, superseding included, with its time.
CREATE VIEW rastro.change_log AS
    SELECT c.parcel_id, c.fp, c.recorded_at,
           CASE c.change WHEN 's' THEN 'superseded' WHEN 'w' THEN 'no_longer_reported'
                         ELSE 'reinstated' END AS change,
           c.by_fp
    FROM rastro.event_changes c
    UNION ALL
    SELECT o.parcel_id, o.fp, greatest(o.recorded_at, n.recorded_at), 'superseded', n.fp
    FROM rastro.events o
    JOIN rastro.events n ON n.parcel_id = o.parcel_id AND n.source = o.source AND n.said = o.said
                        AND (n.identity, n.iana) > (o.identity, o.iana);

-- Counted while small, estimated from then on.
CREATE VIEW rastro.totals AS
    WITH estimate AS (
        SELECT coalesce(sum(reltuples) FILTER (WHERE relname = 'parcels'), 0)::bigint AS parcels,
               coalesce(sum(greatest(reltuples, 0)) FILTER (WHERE relname LIKE 'event\_rows\_%'), 0)::bigint AS events
        FROM pg_catalog.pg_class WHERE relnamespace = 'rastro'::regnamespace AND relkind = 'r')
    SELECT CASE WHEN parcels < 1000000 THEN (SELECT count(*) FROM rastro.parcels) ELSE parcels END AS parcels,
           CASE WHEN events < 1000000 THEN (SELECT count(*) FROM rastro.event_rows) ELSE events END AS events,
           parcels >= 1000000 OR events >= 1000000 AS estimated,
           (SELECT count(*) FROM rastro.quarantined_messages) AS quarantined_messages,
           (SELECT count(*) FROM rastro.quarantined_events) AS quarantined_events
    FROM estimate;

GRANT SELECT, INSERT ON rastro.event_rows, rastro.origins, rastro.words, rastro.places TO rastro_writer;
GRANT SELECT ON rastro.events, rastro.change_log, rastro.totals TO rastro_writer;
GRANT SELECT ON rastro.change_log, rastro.totals TO rastro_reader;

INSERT INTO rastro.settings (name, value) VALUES ('schema.least', '9')
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
