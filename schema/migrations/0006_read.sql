-- What readers see.  Functions and views run with the owner's rights; a reader
-- has nothing else.

-- 652 is 2025b, so that a release fits a smallint.
CREATE FUNCTION rastro.iana(release smallint) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT (2000 + release / 26)::text || chr(96 + release % 26) $$;

CREATE FUNCTION rastro.mark_names(marks smallint) RETURNS text[]
    LANGUAGE sql IMMUTABLE AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN marks & 1 <> 0 THEN 'unmapped_code' END,
        CASE WHEN marks & 2 <> 0 THEN 'assumed_zone' END,
        CASE WHEN marks & 4 <> 0 THEN 'ambiguous_time' END,
        CASE WHEN marks & 8 <> 0 THEN 'skipped_time' END,
        CASE WHEN marks & 16 <> 0 THEN 'future' END,
        CASE WHEN marks & 32 <> 0 THEN 'synthetic' END,
        CASE WHEN marks & 64 <> 0 THEN 'cut' END,
        CASE WHEN marks & 128 <> 0 THEN 'nul' END,
        CASE WHEN marks & 256 <> 0 THEN 'unknown_zone' END], NULL)
$$;

-- Instants are the same at the coarser of two precisions; days are the days of
-- the local clocks.
CREATE FUNCTION rastro.same_time(a timestamptz, a_precision "char", a_offset smallint,
                                 b timestamptz, b_precision "char", b_offset smallint) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN a_precision = 'd' OR b_precision = 'd' THEN
            (a AT TIME ZONE 'UTC' + a_offset * interval '1 minute')::date =
            (b AT TIME ZONE 'UTC' + b_offset * interval '1 minute')::date
        WHEN a_precision = 'm' OR b_precision = 'm' THEN
            date_trunc('minute', a, 'UTC') = date_trunc('minute', b, 'UTC')
        WHEN a_precision = 's' OR b_precision = 's' THEN
            date_trunc('second', a, 'UTC') = date_trunc('second', b, 'UTC')
        ELSE a = b END
$$;

-- The events of parcels as they were known at an instant, in the total order.
--
-- state: a newer reading of the same words supersedes an older one, whichever
-- came first; else the last entry of the log counts.
-- shown_with: the event of another source that tells the same scan, when there
-- is one; a timeline shows that one and names both sources.
CREATE FUNCTION rastro.timeline(parcels bigint[], as_of timestamptz DEFAULT 'infinity')
RETURNS TABLE (
    parcel_id bigint, place_in_order bigint, source text, instant timestamptz, "precision" "char",
    zone_basis "char", offset_minutes smallint, status smallint, stage text, detail text, rank smallint,
    moves boolean, kind "char", code text, text text, time_words text, zone_words text,
    country text, region text, city text, place text, sequence bigint, marks text[],
    published_at timestamptz, recorded_at timestamptz, topic text, kafka_partition integer,
    kafka_offset bigint, identity smallint, iana text, fp uuid, said uuid, state text, shown_with uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH known AS (
        SELECT e.*, s.name AS source_name, st.stage, st.detail, st.rank, st.moves,
               t.name AS topic_name,
               max(e.identity * 32768 + e.iana) OVER (PARTITION BY e.parcel_id, e.source, e.said)
                   > e.identity * 32768 + e.iana AS reread
        FROM rastro.events e
        JOIN rastro.sources s USING (source)
        JOIN rastro.statuses st USING (status)
        JOIN rastro.topics t USING (topic)
        WHERE e.parcel_id = ANY (parcels) AND e.recorded_at <= as_of
    ), stated AS (
        SELECT k.*, CASE WHEN k.reread OR c.change = 's' THEN 'superseded'
                         WHEN c.change = 'w' THEN 'no_longer_reported'
                         ELSE 'current' END AS state
        FROM known k
        LEFT JOIN LATERAL (
            SELECT l.change FROM rastro.event_changes l
            WHERE l.parcel_id = k.parcel_id AND l.fp = k.fp AND l.recorded_at <= as_of
            ORDER BY l.rev DESC LIMIT 1) c ON true
    )
    SELECT e.parcel_id,
           row_number() OVER (PARTITION BY e.parcel_id ORDER BY e.instant, e.source_name,
                              coalesce(e.sequence, 0), e.rank, e.fp),
           e.source_name, e.instant, e.precision, e.zone_basis, e.offset_minutes, e.status, e.stage,
           e.detail, e.rank, e.moves, e.kind, e.code, e.text, e.time_words, e.zone_words, e.country,
           e.region, e.city, e.place, e.sequence, rastro.mark_names(e.marks), e.published_at,
           e.recorded_at, e.topic_name, e.kafka_partition, e.kafka_offset, e.identity,
           rastro.iana(e.iana), e.fp, e.said, e.state, twin.fp
    FROM stated e
    LEFT JOIN LATERAL (
        -- The best of the events that tell the same scan, this one included:
        -- the most precise, then by the source's name.
        SELECT o.fp FROM stated o
        WHERE e.state = 'current' AND e.kind = 's' AND o.state = 'current' AND o.kind = 's'
          AND o.parcel_id = e.parcel_id AND o.status = e.status
          AND (o.source <> e.source OR o.fp = e.fp)
          AND rastro.same_time(o.instant, o.precision, o.offset_minutes,
                               e.instant, e.precision, e.offset_minutes)
        ORDER BY strpos('fsmd', o.precision::text), o.source_name, o.fp LIMIT 1
    ) twin ON twin.fp <> e.fp
    ORDER BY e.parcel_id, 2
$$;

-- The exact status: the newest current event that moves it and does not lie
-- ahead of its publication.
CREATE FUNCTION rastro.parcel_status(parcels bigint[], as_of timestamptz DEFAULT 'infinity')
RETURNS TABLE (parcel_id bigint, stage text, detail text, instant timestamptz, source text, fp uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT ON (t.parcel_id) t.parcel_id, t.stage, t.detail, t.instant, t.source, t.fp
    FROM rastro.timeline(parcels, as_of) t
    WHERE t.state = 'current' AND t.kind <> 'p' AND t.moves AND NOT 'future' = ANY (t.marks)
    ORDER BY t.parcel_id, t.place_in_order DESC
$$;

-- The parcels that a pasted number may mean: by their own number, by an order,
-- or by a number that one was handed over to.
CREATE FUNCTION rastro.find_parcels(cleaned text, typed text)
RETURNS TABLE (parcel_id bigint, found_by text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.parcel_id, 'number' FROM rastro.parcels p WHERE p.number = cleaned COLLATE "C"
    UNION SELECT u.parcel_id, 'order' FROM rastro.shipment_updates u WHERE u.order_id = typed COLLATE "C"
    UNION SELECT l.parcel_id, 'link' FROM rastro.parcel_links l WHERE l.number = cleaned COLLATE "C"
$$;

-- The parcel and those that it was handed over to, or from, at any remove.
CREATE FUNCTION rastro.journey(parcel bigint) RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE j (id) AS (
        SELECT parcel
        UNION
        SELECT n.parcel_id FROM j CROSS JOIN LATERAL (
            SELECT q.parcel_id FROM rastro.parcel_links l
            JOIN rastro.parcels q ON q.number = l.number AND (l.issuer = '' OR q.issuer IN ('', l.issuer))
            WHERE l.parcel_id = j.id
            UNION ALL
            SELECT l.parcel_id FROM rastro.parcels p
            JOIN rastro.parcel_links l ON l.number = p.number AND (l.issuer = '' OR p.issuer IN ('', l.issuer))
            WHERE p.parcel_id = j.id) n
    )
    SELECT id FROM j LIMIT 64
$$;

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

CREATE VIEW rastro.parcel_list AS
    SELECT p.parcel_id, nullif(p.issuer, '') AS issuer, p.number, p.discriminator,
           p.s10 = 'y' AS s10, p.s10 = 'b' AS bad_check_digit, p.recorded_at,
           s.stage AS stage_hint
    FROM rastro.parcels p LEFT JOIN rastro.statuses s USING (status);

CREATE VIEW rastro.link_list AS
    SELECT l.parcel_id, l.kind, nullif(l.issuer, '') AS issuer, l.number, s.name AS source,
           l.recorded_at
    FROM rastro.parcel_links l JOIN rastro.sources s USING (source);

CREATE VIEW rastro.fact_list AS
    SELECT f.*, s.name AS source_name,
           f.rev = max(f.rev) OVER (PARTITION BY f.parcel_id, f.source) AS current
    FROM rastro.parcel_facts f JOIN rastro.sources s USING (source);

CREATE VIEW rastro.look_list AS
    SELECT v.parcel_id, s.name AS source, v.looked_at
    FROM rastro.source_views v JOIN rastro.sources s USING (source);

-- Each update of each order; current is the newest, and an order's parcels are
-- those of its newest update.
CREATE VIEW rastro.shipment_list AS
    SELECT u.*, (u.updated_at, u.key) =
        (SELECT n.updated_at, n.key FROM rastro.shipment_updates n
         WHERE n.order_id = u.order_id AND n.marketplace = u.marketplace
         ORDER BY n.updated_at DESC, n.key DESC LIMIT 1) AS current
    FROM rastro.shipment_updates u;

CREATE VIEW rastro.position_list AS
    SELECT p.cluster, p.topic, p.partition, p.next, p.last_at, p.owner, p.owner_term,
           p.committed_at, p.halted, p.halted_at
    FROM rastro.positions p;

CREATE VIEW rastro.gap_list AS SELECT * FROM rastro.gaps;

-- id: what `rastro quarantine show` takes.
CREATE VIEW rastro.quarantine_list AS
    SELECT t.name || '/' || m.kafka_partition || '/' || m.kafka_offset AS id, 'message' AS what,
           m.reason, m.source, NULL::bigint AS parcel_id, NULL::text AS path, 1::bigint AS count,
           m.recorded_at AS first_recorded_at, m.recorded_at AS last_recorded_at,
           t.name AS topic, m.kafka_partition, m.kafka_offset, m.sha
    FROM rastro.quarantined_messages m JOIN rastro.topics t USING (topic)
    UNION ALL
    SELECT left(encode(e.sha, 'hex'), 12) || '/' || e.parcel_id, 'event', e.reason, s.name,
           e.parcel_id, e.path, e.count, e.first_recorded_at, e.last_recorded_at,
           t.name, e.first_partition, e.first_offset, e.sha
    FROM rastro.quarantined_events e
    JOIN rastro.topics t ON t.topic = e.first_topic
    JOIN rastro.sources s USING (source);

CREATE VIEW rastro.quarantine_bytes AS SELECT sha, raw FROM rastro.quarantined_bytes;

CREATE VIEW rastro.dictionary_list AS SELECT dictionary, bytes FROM rastro.raw_dictionaries;

-- Counted while small, estimated from then on.
CREATE VIEW rastro.totals AS
    WITH estimate AS (
        SELECT coalesce(sum(reltuples) FILTER (WHERE relname = 'parcels'), 0)::bigint AS parcels,
               coalesce(sum(greatest(reltuples, 0)) FILTER (WHERE relname LIKE 'events\_%'), 0)::bigint AS events
        FROM pg_catalog.pg_class WHERE relnamespace = 'rastro'::regnamespace AND relkind = 'r')
    SELECT CASE WHEN parcels < 1000000 THEN (SELECT count(*) FROM rastro.parcels) ELSE parcels END AS parcels,
           CASE WHEN events < 1000000 THEN (SELECT count(*) FROM rastro.events) ELSE events END AS events,
           parcels >= 1000000 OR events >= 1000000 AS estimated,
           (SELECT count(*) FROM rastro.quarantined_messages) AS quarantined_messages,
           (SELECT count(*) FROM rastro.quarantined_events) AS quarantined_events
    FROM estimate;
