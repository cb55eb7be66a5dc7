-- When parcels stood still: what is to be looked at, what was found, and what is
-- to be told of it.

-- The rules by which episodes are opened: members of an older version open none.
-- The first counts from the beginning, a later one from when it came.
CREATE TABLE rastro.rules_versions (
    version integer PRIMARY KEY,
    key uuid NOT NULL,                            -- a hash of the file
    active_from timestamptz NOT NULL,
    applied_at timestamptz                        -- every parcel was put on the list to be looked at by them
);

-- What batches leave for the detector, a row each: parcels that are new, or of
-- which something was told that a clock may not expect.
CREATE TABLE rastro.stall_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parcel bigint[] NOT NULL,
    source smallint[] NOT NULL,                   -- who told it
    minute integer[] NOT NULL,                    -- since 1970: no clock began before; 0: to be looked at now
    heard smallint[] NOT NULL,                    -- the sources of its messages, and of each
    messages integer[] NOT NULL,                  -- how many,
    heard_from timestamptz[] NOT NULL,            -- Kafka's times of the first and the last,
    heard_to timestamptz[] NOT NULL,
    gap bigint[] NOT NULL                         -- and the longest time between two, in microseconds
);
ALTER TABLE rastro.stall_inbox ALTER parcel SET STORAGE EXTERNAL, ALTER source SET STORAGE EXTERNAL,
                               ALTER minute SET STORAGE EXTERNAL;

-- How often sources tell something, and since when one is silent: nothing came for
-- several times the longest gap of late, though all partitions were read.  What
-- such a source's parcels wait for is not due: its feed time stands still.
CREATE TABLE rastro.feeds (
    source smallint PRIMARY KEY,
    messages bigint NOT NULL,
    heard_from timestamptz NOT NULL,
    heard_to timestamptz NOT NULL,
    usual_gap interval NOT NULL,                  -- the longest of late: it halves in 14 days
    silent_since timestamptz
);

CREATE VIEW rastro.feed_usual AS
    SELECT s.name AS source, f.messages, f.heard_from, f.heard_to, f.silent_since, f.usual_gap,
           CASE WHEN f.messages >= 100 AND f.heard_to - f.heard_from >= interval '2 days'
                THEN greatest(f.usual_gap * coalesce((SELECT value FROM rastro.settings WHERE name = 'feed.silent_factor'), '3')::float8,
                              interval '1 hour') END AS silent_after
    FROM rastro.feeds f JOIN rastro.sources s USING (source);

-- A source's feed time, as before, but for those that are silent.
CREATE OR REPLACE VIEW rastro.feed_list AS
    SELECT DISTINCT ON (s.name) s.name AS source, CASE WHEN g.complete_to IS NOT NULL THEN least(g.complete_to, f.silent_since) END AS complete_to, p.cluster, p.topic,
           p.partition, p.owner, p.halted, f.silent_since, g.complete_to AS read_to
    FROM (SELECT DISTINCT source, topic, kafka_partition FROM rastro.origins
          WHERE seen_at > now() - coalesce((SELECT value FROM rastro.settings WHERE name = 'feed.seen_days'), '30')::integer
                                  * interval '1 day') seen
    JOIN rastro.sources s USING (source)
    JOIN rastro.topics t ON t.topic = seen.topic
    JOIN rastro.positions p ON p.cluster = t.cluster AND p.topic = t.name AND p.partition = seen.kafka_partition
    LEFT JOIN rastro.progress g ON g.cluster = p.cluster AND g.topic = p.topic AND g.partition = p.partition
    LEFT JOIN rastro.feeds f ON f.source = seen.source
    ORDER BY s.name, g.complete_to NULLS FIRST, p.topic, p.partition;

-- What is slowest of all that is read, or was lately.  An order, or the first scan
-- that another source tells, may come on any partition: nothing is due before all of
-- them are complete so far.
CREATE VIEW rastro.slowest_list AS
    SELECT p.complete_to, p.topic, p.partition FROM rastro.position_list p
    WHERE p.owner IS NOT NULL OR p.committed_at >
          now() - coalesce((SELECT value FROM rastro.settings WHERE name = 'feed.seen_days'), '30')::integer * interval '1 day'
    ORDER BY p.complete_to NULLS FIRST, p.topic, p.partition LIMIT 1;

-- Times in which so many episodes were opened that something else is the matter
-- than parcels.
CREATE TABLE rastro.storms (
    storm bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);

-- Parcels that clocks run for.  due is a lower bound: nothing can become a stall
-- before, whatever scan comes in time.  It is in feed time, of one source.  Who
-- changes a parcel's episodes has its row here locked, and takes such rows in the
-- order of their parcels.
CREATE TABLE rastro.deadlines (
    parcel_id bigint PRIMARY KEY,
    due timestamptz NOT NULL,
    watched xid8,                                 -- it has candidates or open episodes, since that transaction
    source smallint NOT NULL                      -- 0: what is slowest of all that is read
) WITH (fillfactor = 70);
CREATE INDEX deadlines_due ON rastro.deadlines (source, due);
CREATE INDEX deadlines_watched ON rastro.deadlines (watched) WHERE watched IS NOT NULL;

-- One row for each time that a parcel stood still, for ever.  Words of the parcel
-- are those of when it was found, and while it is open those of the last look.
CREATE TABLE rastro.episodes (
    episode bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parcel_id bigint NOT NULL,
    started timestamptz NOT NULL,                 -- its clock
    since timestamptz NOT NULL,                   -- when it was due
    until timestamptz,                            -- when it ended
    feed_at timestamptz NOT NULL,                 -- feed time when it was found
    opened_at timestamptz,                        -- when it was recorded
    gone_at timestamptz,                          -- when it was recorded that it ended, or never was
    silent_since timestamptz NOT NULL,            -- the last scan, else when the number was first told of
    promised_to timestamptz,
    last_fp uuid,                                 -- the event that its clock started with
    ended_fp uuid,
    revision integer NOT NULL DEFAULT 0,          -- how often it was told of
    rules_version integer NOT NULL,
    kind smallint NOT NULL,
    state "char" NOT NULL,                        -- c candidate, d it was none; o open, e ended, w withdrawn
    rule text NOT NULL,
    storm bigint,                                 -- that it was opened in
    number text COLLATE "C" NOT NULL,
    carrier text COLLATE "C",
    seller text COLLATE "C",
    stage text COLLATE "C",
    leg text COLLATE "C",
    origin text COLLATE "C",
    destination text COLLATE "C",
    UNIQUE (parcel_id, episode)
);
CREATE INDEX episodes_candidates ON rastro.episodes (parcel_id) WHERE state = 'c';
CREATE INDEX episodes_opened ON rastro.episodes (opened_at);
CREATE INDEX episodes_open ON rastro.episodes (silent_since, episode) WHERE state = 'o';

-- What is to be told, in order for each key; taken away when Kafka has it.
CREATE TABLE rastro.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL,                -- of the record
    event text NOT NULL,                          -- a CloudEvent, its value
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- The events of parcels as they were known at an instant, in no order.  A newer
-- reading of the same words supersedes an older one, whichever came first; else the
-- last entry of the log counts.
CREATE FUNCTION rastro.event_states(parcels bigint[], as_of timestamptz DEFAULT 'infinity')
RETURNS TABLE (
    parcel_id bigint, source text, instant timestamptz, "precision" "char", zone_basis "char",
    offset_minutes smallint, status smallint, stage text, detail text, rank smallint, moves boolean,
    kind "char", code text, text text, time_words text, zone_words text,
    country text, region text, city text, place text, sequence bigint, marks smallint,
    published_at timestamptz, recorded_at timestamptz, topic text, kafka_partition integer,
    kafka_offset bigint, identity smallint, iana smallint, fp uuid, said uuid, state text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH changed AS (
        SELECT DISTINCT ON (c.parcel_id, c.fp) c.parcel_id, c.fp, c.change FROM rastro.event_changes c
        WHERE c.parcel_id = ANY (parcels) AND c.recorded_at <= as_of ORDER BY c.parcel_id, c.fp, c.rev DESC
    ), known AS (
        SELECT e.*, s.name AS source_name, st.stage, st.detail, st.rank, st.moves, t.name AS topic_name,
               max(e.identity * 32768 + e.iana) OVER (PARTITION BY e.parcel_id, e.source, e.said)
                   > e.identity * 32768 + e.iana AS reread
        FROM rastro.events e
        JOIN rastro.sources s USING (source)
        JOIN rastro.statuses st USING (status)
        JOIN rastro.topics t USING (topic)
        WHERE e.parcel_id = ANY (parcels) AND e.recorded_at <= as_of
    )
    SELECT k.parcel_id, k.source_name, k.instant, k.precision, k.zone_basis, k.offset_minutes, k.status, k.stage,
           k.detail, k.rank, k.moves, k.kind, k.code, k.text, k.time_words, k.zone_words, k.country, k.region,
           k.city, k.place, k.sequence, k.marks, k.published_at, k.recorded_at, k.topic_name, k.kafka_partition,
           k.kafka_offset, k.identity, k.iana, k.fp, k.said,
           CASE WHEN k.reread OR c.change = 's' THEN 'superseded'
                WHEN c.change = 'w' THEN 'no_longer_reported'
                ELSE 'current' END
    FROM known k LEFT JOIN changed c USING (parcel_id, fp)
$$;

-- The same in the total order.
--
-- shown_with: the event of another source that tells the same scan, when there
-- is one; a timeline shows that one and names both sources.
CREATE OR REPLACE FUNCTION rastro.timeline(parcels bigint[], as_of timestamptz DEFAULT 'infinity')
RETURNS TABLE (
    parcel_id bigint, place_in_order bigint, source text, instant timestamptz, "precision" "char",
    zone_basis "char", offset_minutes smallint, status smallint, stage text, detail text, rank smallint,
    moves boolean, kind "char", code text, text text, time_words text, zone_words text,
    country text, region text, city text, place text, sequence bigint, marks text[],
    published_at timestamptz, recorded_at timestamptz, topic text, kafka_partition integer,
    kafka_offset bigint, identity smallint, iana text, fp uuid, said uuid, state text, shown_with uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH stated AS MATERIALIZED (
        SELECT * FROM rastro.event_states(parcels, as_of)
    ), scan AS (
        SELECT * FROM stated s WHERE s.state = 'current' AND s.kind = 's'
    ), twin AS (
        -- The best of the events that tell the same scan, this one included: the
        -- most precise, then by the source's name.
        SELECT DISTINCT ON (e.parcel_id, e.fp) e.parcel_id, e.fp, o.fp AS shown_with
        FROM scan e JOIN scan o ON o.parcel_id = e.parcel_id AND o.status = e.status
             AND (o.source <> e.source OR o.fp = e.fp)
             AND rastro.same_time(o.instant, o.precision, o.offset_minutes,
                                  e.instant, e.precision, e.offset_minutes)
        ORDER BY e.parcel_id, e.fp, strpos('fsmd', o.precision::text), o.source, o.fp
    )
    SELECT e.parcel_id,
           row_number() OVER (PARTITION BY e.parcel_id ORDER BY e.instant, e.source,
                              coalesce(e.sequence, 0), e.rank, e.fp),
           e.source, e.instant, e.precision, e.zone_basis, e.offset_minutes, e.status, e.stage,
           e.detail, e.rank, e.moves, e.kind, e.code, e.text, e.time_words, e.zone_words, e.country,
           e.region, e.city, e.place, e.sequence, rastro.mark_names(e.marks), e.published_at,
           e.recorded_at, e.topic, e.kafka_partition, e.kafka_offset, e.identity,
           rastro.iana(e.iana), e.fp, e.said, e.state, t.shown_with
    FROM stated e LEFT JOIN twin t ON t.parcel_id = e.parcel_id AND t.fp = e.fp AND t.shown_with <> e.fp
    ORDER BY e.parcel_id, 2
$$;

CREATE FUNCTION rastro.stall_kind(kind smallint) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['never_scanned', 'no_update', 'stuck', 'overdue', 'uncollected', 'source_stopped',
                  'contradicted.scan_after_delivery', 'contradicted.scan_before_dispatch',
                  'contradicted.delivered_elsewhere', 'contradicted.wrong_country',
                  'contradicted.number_shared', 'contradicted.bad_check_digit'])[kind]
$$;

-- Episodes that were opened; a candidate is nobody's business yet.
CREATE VIEW rastro.episode_list AS
    SELECT e.episode, e.parcel_id, e.number, rastro.stall_kind(e.kind) AS kind, e.rule, e.rules_version,
           CASE e.state WHEN 'o' THEN 'open' WHEN 'e' THEN 'ended' ELSE 'withdrawn' END AS state,
           e.started, e.since, e.until, e.feed_at, e.opened_at, e.gone_at, e.silent_since, e.promised_to,
           e.last_fp, e.ended_fp, e.revision, e.storm, e.carrier, e.seller, e.stage, e.leg, e.origin, e.destination
    FROM rastro.episodes e WHERE e.opened_at IS NOT NULL;

-- A source's look also says which of its messages decided last.
CREATE OR REPLACE VIEW rastro.look_list AS
    SELECT v.parcel_id, s.name AS source, v.looked_at,
           CASE WHEN v.order_published > 0 THEN 'epoch'::timestamptz + v.order_published * interval '1 microsecond' END
               AS published_at,
           v.source AS source_number
    FROM rastro.source_views v JOIN rastro.sources s USING (source);

REVOKE EXECUTE ON FUNCTION rastro.stall_kind(smallint), rastro.event_states(bigint[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rastro.stall_kind(smallint), rastro.event_states(bigint[], timestamptz)
    TO rastro_writer, rastro_reader;
GRANT SELECT, INSERT, UPDATE (applied_at) ON rastro.rules_versions TO rastro_writer;
-- Of a hand-over counts when it was told first, in whichever order that is read.
GRANT UPDATE (published_at, topic, kafka_partition, kafka_offset) ON rastro.parcel_links TO rastro_writer;
GRANT SELECT, INSERT, DELETE ON rastro.stall_inbox, rastro.outbox TO rastro_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON rastro.deadlines TO rastro_writer;
GRANT SELECT, INSERT, UPDATE ON rastro.episodes, rastro.feeds, rastro.storms TO rastro_writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA rastro TO rastro_writer;
GRANT SELECT ON rastro.episode_list, rastro.feed_usual, rastro.slowest_list TO rastro_writer, rastro_reader;
