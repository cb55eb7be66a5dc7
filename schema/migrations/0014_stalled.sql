-- What `rastro stalled` asks of episodes, and what answers it over a million that
-- are open and twenty times as many that are over.
--
-- Those that are open are read in the order that is asked for (an index each), or,
-- where a filter leaves few of them, gathered by their words: one GIN index over
-- kind, carrier, seller, stage, origin and destination, which holds any choice of
-- them for 15 bytes an episode.  The first carries all that is filtered by, so that
-- a walk along it and a count of all of it touch no row.

DROP INDEX rastro.episodes_open;
CREATE INDEX episodes_open ON rastro.episodes (silent_since, episode)
    INCLUDE (kind, carrier, seller, stage, origin, destination, since, opened_at, promised_to) WHERE state = 'o';
CREATE INDEX episodes_open_kind ON rastro.episodes (kind, silent_since, episode) WHERE state = 'o';
CREATE INDEX episodes_open_since ON rastro.episodes (since, episode) WHERE state = 'o';
CREATE INDEX episodes_open_opened ON rastro.episodes (opened_at, episode) INCLUDE (silent_since) WHERE state = 'o';
CREATE INDEX episodes_open_promised ON rastro.episodes (coalesce(promised_to, 'infinity'::timestamptz), episode)
    WHERE state = 'o';
-- The letter in front of a word says what it is.
CREATE INDEX episodes_open_words ON rastro.episodes USING gin
    ((ARRAY['k' || kind::text, 'c' || carrier, 's' || seller, 't' || stage, 'o' || origin, 'd' || destination]))
    WITH (fastupdate = off) WHERE state = 'o';

-- What was open at an instant, the longest silent first.  A span is how long it was
-- between the last scan and the end: up to 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128 or
-- 256 days, or longer.  One of a span up to D days that was open at T has its last scan
-- in the D days before T: so each span is read from there on, in order, and what is
-- read in vain touches no row.
CREATE INDEX episodes_gone ON rastro.episodes
    (width_bucket(extract(epoch FROM gone_at - silent_since)::double precision,
                  '{172800, 345600, 691200, 1036800, 1382400, 2073600, 2764800, 4147200, 5529600, 8294400, 11059200, 22118400}'::double precision[]),
     silent_since, episode) INCLUDE (gone_at, opened_at, since, promised_to) WHERE gone_at IS NOT NULL;
CREATE INDEX episodes_gone_words ON rastro.episodes USING gin
    ((ARRAY['k' || kind::text, 'c' || carrier, 's' || seller, 't' || stage, 'o' || origin, 'd' || destination]))
    WHERE gone_at IS NOT NULL;

-- How many parcels wait for a feed that is silent.
CREATE VIEW rastro.held_list AS
    SELECT l.source, l.silent_since, (SELECT count(*) FROM rastro.deadlines d WHERE d.source = s.source AND d.due <= l.read_to)
        AS parcels
    FROM rastro.feed_list l JOIN rastro.sources s ON s.name = l.source WHERE l.silent_since IS NOT NULL;
GRANT SELECT ON rastro.held_list TO rastro_writer, rastro_reader;

-- The last columns are as the indexes have them.
CREATE OR REPLACE VIEW rastro.episode_list AS
    SELECT e.episode, e.parcel_id, e.number, rastro.stall_kind(e.kind) AS kind, e.rule, e.rules_version,
           CASE e.state WHEN 'o' THEN 'open' WHEN 'e' THEN 'ended' ELSE 'withdrawn' END AS state,
           e.started, e.since, e.until, e.feed_at, e.opened_at, e.gone_at, e.silent_since, e.promised_to,
           e.last_fp, e.ended_fp, e.revision, e.storm, e.carrier, e.seller, e.stage, e.leg, e.origin, e.destination,
           e.kind AS kind_number, e.state AS state_letter,
           ARRAY['k' || e.kind::text, 'c' || e.carrier, 's' || e.seller, 't' || e.stage, 'o' || e.origin,
                 'd' || e.destination] AS words,
           coalesce(e.promised_to, 'infinity'::timestamptz) AS promised_order,
           width_bucket(extract(epoch FROM e.gone_at - e.silent_since)::double precision,
                        '{172800, 345600, 691200, 1036800, 1382400, 2073600, 2764800, 4147200, 5529600, 8294400, 11059200, 22118400}'::double precision[])
               AS span
    FROM rastro.episodes e WHERE e.opened_at IS NOT NULL;

-- Events by their keys, with their words: a list names one a parcel, for which whole
-- timelines cost too much.
CREATE FUNCTION rastro.event_words(parcels bigint[], fps uuid[])
RETURNS TABLE (parcel_id bigint, fp uuid, instant timestamptz, source text, stage text, detail text, code text,
               text text, country text, region text, city text, place text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.parcel_id, e.fp, e.instant, s.name, st.stage, st.detail, e.code, e.text, e.country, e.region, e.city, e.place
    FROM (SELECT DISTINCT a.parcel_id, a.fp FROM unnest(parcels, fps) a (parcel_id, fp)) a
    JOIN rastro.events e ON e.parcel_id = a.parcel_id AND e.fp = a.fp
    JOIN rastro.sources s USING (source)
    JOIN rastro.statuses st USING (status)
$$;

REVOKE EXECUTE ON FUNCTION rastro.event_words(bigint[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rastro.event_words(bigint[], uuid[]) TO rastro_writer, rastro_reader;
