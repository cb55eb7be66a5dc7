-- Parcels and their events.

-- Ids come in blocks of 1,024, so that they rise with time and no batch waits
-- for a number: block b holds the ids b * 1024 to b * 1024 + 1023.
CREATE SEQUENCE rastro.parcel_blocks AS bigint MINVALUE 1;

-- status is a hint for overviews, written when a member sees it change; the
-- exact one comes from the events (rastro.parcel_status).
CREATE TABLE rastro.parcels (
    parcel_id bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    status_at timestamptz,
    status smallint,
    s10 "char" NOT NULL,                          -- n not of S10 form, y valid, b bad
    issuer text COLLATE "C" NOT NULL,             -- '' for a valid S10 number
    number text COLLATE "C" NOT NULL,
    discriminator text COLLATE "C" NOT NULL,
    UNIQUE (number, issuer, discriminator)
) WITH (fillfactor = 85);

-- Rows are never changed.  What is current is derived: of two readings of the
-- same words the newer counts, and event_changes says what a source stopped
-- reporting.  Columns are ordered so that none needs padding.
CREATE TABLE rastro.events (
    parcel_id bigint NOT NULL,
    instant timestamptz NOT NULL,                 -- when it happened
    published_at timestamptz NOT NULL,            -- Kafka's time of the message
    recorded_at timestamptz NOT NULL DEFAULT now(),
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    topic smallint NOT NULL,
    source smallint NOT NULL,
    status smallint NOT NULL,
    identity smallint NOT NULL,                   -- reading version: the profile's,
    iana smallint NOT NULL,                       -- and the zone data's, see rastro.iana()
    meaning smallint NOT NULL,
    offset_minutes smallint NOT NULL,             -- of the local clock, east of UTC
    marks smallint NOT NULL,                      -- bits, see rastro.mark_names()
    fp uuid NOT NULL,
    said uuid NOT NULL,
    kind "char" NOT NULL,                         -- s scan, p planned, r reported
    precision "char" NOT NULL,                    -- d day, m minute, s second, f fraction
    zone_basis "char" NOT NULL,                   -- g given, p place, r rule, a assumed
    sequence bigint,                              -- the source's own order, when it gives one
    code text,                                    -- the source's words, as said
    text text,
    time_words text,
    zone_words text,
    country text,
    region text,
    city text,
    place text,
    raw bytea,                                    -- the event's own bytes, see src/core/raw.c
    message_sha bytea,                            -- SHA-256 of the message, on its first new event
    PRIMARY KEY (parcel_id, fp)
) PARTITION BY RANGE (parcel_id);

-- Ranges of parcel ids: an age of parcels each.  There is no default range, so
-- a row never lands where it would have to be moved; ranges are made ahead.
CREATE FUNCTION rastro.event_range_size() RETURNS bigint
    LANGUAGE sql IMMUTABLE AS 'SELECT 4194304::bigint';

-- Makes every range up to and including the one that holds `id`.  Attaching
-- takes a lock that lets inserts go on; creating in place would not.
CREATE FUNCTION rastro.make_event_ranges(id bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    size bigint := rastro.event_range_size();
    made integer := 0;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('rastro.event_ranges'));
    FOR n IN 0 .. id / size LOOP
        name := 'events_' || lpad(n::text, 6, '0');
        CONTINUE WHEN to_regclass('rastro.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE rastro.%I (LIKE rastro.events INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE rastro.%I SET (autovacuum_vacuum_insert_scale_factor = 0.4,'
                       ' autovacuum_analyze_scale_factor = 0.2)', name);
        EXECUTE format('ALTER TABLE rastro.%I ADD CHECK (parcel_id >= %s AND parcel_id < %s)',
                       name, n * size, (n + 1) * size);
        EXECUTE format('ALTER TABLE rastro.events ATTACH PARTITION rastro.%I FOR VALUES FROM (%s) TO (%s)',
                       name, n * size, (n + 1) * size);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- The first id of a fresh block; the range behind the current one always exists.
CREATE FUNCTION rastro.take_parcel_block() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first bigint := nextval('rastro.parcel_blocks') * 1024;
    size bigint := rastro.event_range_size();
BEGIN
    IF to_regclass('rastro.events_' || lpad(((first / size) + 1)::text, 6, '0')) IS NULL THEN
        PERFORM rastro.make_event_ranges(first + size);
    END IF;
    RETURN first;
END $$;

SELECT rastro.make_event_ranges(rastro.event_range_size());

-- How far a source's view of a parcel is: the order of the newest snapshot
-- applied, and when the source last looked.  rev counts the changes of what is
-- current; a writer that expected another rev has old knowledge and starts anew.
CREATE TABLE rastro.source_views (
    parcel_id bigint NOT NULL,
    source smallint NOT NULL,
    order_partition integer NOT NULL,
    rev integer NOT NULL,
    order_count integer NOT NULL,
    order_topic smallint NOT NULL,
    order_identity smallint NOT NULL,             -- version of the profile that read it; 0: none
    order_at bigint NOT NULL,                     -- microseconds since 1970; minimum: none
    order_published bigint NOT NULL,
    order_offset bigint NOT NULL,
    looked_at timestamptz NOT NULL,
    facts_key uuid,
    PRIMARY KEY (parcel_id, source)
) WITH (fillfactor = 70);

-- The log of what a source stopped reporting, and of what came back.
CREATE TABLE rastro.event_changes (
    parcel_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    kafka_offset bigint NOT NULL,                 -- of the message that showed it
    kafka_partition integer NOT NULL,
    rev integer NOT NULL,
    topic smallint NOT NULL,
    change "char" NOT NULL,                       -- s superseded, w no longer reported, b back
    fp uuid NOT NULL,
    by_fp uuid,                                   -- what superseded it
    PRIMARY KEY (parcel_id, fp, rev)
);
