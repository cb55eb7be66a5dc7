-- The words of a time stand in a row only where its instant and its offset do not
-- tell them: bits 24 to 27 of traits say how they are written, as rs_time_form_of
-- of include/rastro/time.h finds it.  What a form means is frozen, rows have it.
CREATE FUNCTION rastro.time_words(form integer, instant timestamptz, offset_minutes smallint) RETURNS text
    LANGUAGE sql STABLE AS $$
    SELECT to_char(instant AT TIME ZONE 'UTC' + CASE WHEN form = 2 THEN 0 ELSE offset_minutes END * interval '1 minute',
                   CASE WHEN form = 4 THEN 'YYYY-MM-DD HH24:MI:SS' ELSE 'YYYY-MM-DD"T"HH24:MI:SS' END)
        || CASE form WHEN 1 THEN CASE WHEN offset_minutes < 0 THEN '-' ELSE '+' END
                                 || to_char(abs(offset_minutes) * interval '1 minute', 'HH24:MI')
                     WHEN 2 THEN 'Z' ELSE '' END
$$;

REVOKE EXECUTE ON FUNCTION rastro.time_words(integer, timestamptz, smallint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rastro.time_words(integer, timestamptz, smallint) TO rastro_writer;

CREATE OR REPLACE VIEW rastro.events AS
    SELECT e.parcel_id, e.instant, e.published_at, e.recorded_at, e.kafka_offset, o.kafka_partition, o.topic,
           o.source, e.status, o.identity, o.iana, o.meaning, e.offset_minutes,
           ((e.traits >> 8) & 32767)::smallint AS marks, e.fp, e.said,
           substr('spr', 1 + (e.traits & 3), 1)::"char" AS kind,               -- scan, planned, reported
           substr('dmsf', 1 + ((e.traits >> 2) & 3), 1)::"char" AS precision,    -- day, minute, second, fraction
           substr('gpra', 1 + ((e.traits >> 4) & 3), 1)::"char" AS zone_basis,   -- given, place, rule, assumed
           e.sequence,
           coalesce(w.code, e.own_words[1]) AS code, coalesce(w.text, e.own_words[2]) AS text,
           CASE WHEN e.traits >> 24 > 0 THEN rastro.time_words(e.traits >> 24, e.instant, e.offset_minutes)
                ELSE e.time_words END AS time_words,
           coalesce(w.zone_words, e.own_words[3]) AS zone_words,
           coalesce(p.country, e.own_words[4]) AS country, coalesce(p.region, e.own_words[5]) AS region,
           coalesce(p.city, e.own_words[6]) AS city, coalesce(p.place, e.own_words[7]) AS place,
           e.raw, e.message_sha
    FROM rastro.event_rows e
    LEFT JOIN rastro.origins o USING (origin)
    LEFT JOIN rastro.words w USING (words)
    LEFT JOIN rastro.places p USING (place_id);

-- A parcel's stage is asked of its events (rastro.parcel_status): to write it down
-- at each change cost a tenth of PostgreSQL's part of ingestion, and was a hint.
DROP VIEW rastro.parcel_list;
ALTER TABLE rastro.parcels DROP COLUMN status, DROP COLUMN status_at;
ALTER TABLE rastro.parcels RESET (fillfactor);
CREATE VIEW rastro.parcel_list AS
    SELECT p.parcel_id, nullif(p.issuer, '') AS issuer, p.number, p.discriminator,
           p.s10 = 'y' AS s10, p.s10 = 'b' AS bad_check_digit, p.recorded_at
    FROM rastro.parcels p;
GRANT SELECT ON rastro.parcel_list TO rastro_reader, rastro_writer;

UPDATE rastro.settings SET value = '11' WHERE name = 'schema.least';
