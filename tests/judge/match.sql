-- Which row is which event of the truth: first those that agree in every field
-- of one wording, then what is left, by likeness within a parcel and source.
SET search_path = rastro_judge;

CREATE UNLOGGED TABLE parcel AS
    SELECT t.*, p.parcel_id, parcel_name(t.issuer, t.number) AS name,
           CASE p.s10 WHEN 'y' THEN 'ok' WHEN 'b' THEN 'bad' WHEN 'n' THEN 'no' END AS seen_s10
    FROM true_parcel t
    LEFT JOIN rastro.parcels p USING (number, issuer, discriminator);
ANALYZE parcel;
ANALYZE true_event;

-- An event in each of its wordings.
CREATE UNLOGGED TABLE told AS
    SELECT e.event, p.parcel_id,
           hash_record_extended(ROW (e.source::text, e.instant, e.kind, e.stage, e.detail, e.sequence, e.precision,
               e.zone_basis, e.offset_minutes, e.code, e.text, e.time_words, e.zone_words, e.country, e.region,
               e.city, e.place, e.marks), 0) AS hash
    FROM true_event e JOIN parcel p USING (number, issuer, discriminator)
    WHERE p.parcel_id IS NOT NULL
    UNION ALL
    SELECT e.event, p.parcel_id,
           hash_record_extended(ROW (e.source::text, e.instant, e.kind, e.stage, e.detail, e.sequence, w.precision,
               w.zone_basis, w.offset_minutes, w.code, w.text, w.time_words, w.zone_words, w.country, w.region,
               w.city, w.place, w.marks), 0)
    FROM true_wording w JOIN true_event e USING (event) JOIN parcel p USING (number, issuer, discriminator)
    WHERE p.parcel_id IS NOT NULL;
ANALYZE told;
ANALYZE seen_event;

-- nth: an event that is there once has only a first.
CREATE UNLOGGED TABLE agreeing AS
    SELECT event, parcel_id, fp, row_number() OVER (PARTITION BY event ORDER BY fp) AS nth
    FROM (SELECT DISTINCT t.event, s.parcel_id, s.fp FROM told t JOIN seen_event s USING (parcel_id, hash)) x;
CREATE UNLOGGED TABLE pair AS
    SELECT event, parcel_id, fp, true AS exact FROM agreeing WHERE nth = 1;
CREATE UNIQUE INDEX ON pair (event);
ANALYZE pair;
ANALYZE agreeing;

CREATE UNLOGGED TABLE true_left AS
    SELECT e.*, p.parcel_id FROM true_event e JOIN parcel p USING (number, issuer, discriminator)
    WHERE p.parcel_id IS NOT NULL AND NOT EXISTS (SELECT FROM pair x WHERE x.event = e.event);
-- A parcel that the truth lacks is one difference, not one an event.
CREATE UNLOGGED TABLE seen_left AS
    SELECT s.* FROM seen_event s
    WHERE NOT EXISTS (SELECT FROM agreeing x WHERE x.parcel_id = s.parcel_id AND x.fp = s.fp)
      AND EXISTS (SELECT FROM parcel p WHERE p.parcel_id = s.parcel_id);
CREATE INDEX ON seen_left (parcel_id, source);
ANALYZE true_left;
ANALYZE seen_left;

-- Each takes the most like one, if that takes it too; what that leaves tries
-- again.
DO $$
DECLARE made bigint;
BEGIN
    CREATE TEMPORARY TABLE alike ON COMMIT DROP AS
        SELECT t.event, t.parcel_id, s.fp,
               (t.instant = s.instant)::int * 3 + coalesce((t.text = s.text)::int, 0) * 2
               + coalesce((t.code = s.code)::int, 0) * 2 + (t.stage = s.stage AND t.detail = s.detail)::int
               + ((t.country, t.region, t.city, t.place)
                  IS NOT DISTINCT FROM (s.country, s.region, s.city, s.place))::int
               + coalesce((t.time_words = s.time_words)::int, 0) * 2 AS score,
               abs(extract(epoch FROM t.instant - s.instant)) AS apart
        FROM true_left t JOIN seen_left s USING (parcel_id, source);
    DELETE FROM alike WHERE score < 4;
    LOOP
        INSERT INTO pair (event, parcel_id, fp, exact)
        SELECT event, parcel_id, fp, false
        FROM (SELECT a.*, row_number() OVER (PARTITION BY event ORDER BY score DESC, apart, fp) AS best_of_event,
                     row_number() OVER (PARTITION BY parcel_id, fp ORDER BY score DESC, apart, event) AS best_of_row
              FROM alike a
              WHERE NOT EXISTS (SELECT FROM pair p WHERE p.event = a.event)
                AND NOT EXISTS (SELECT FROM pair p WHERE p.parcel_id = a.parcel_id AND p.fp = a.fp AND NOT p.exact)) b
        WHERE best_of_event = 1 AND best_of_row = 1;
        GET DIAGNOSTICS made = ROW_COUNT;
        EXIT WHEN made = 0;
    END LOOP;
END $$;
CREATE INDEX ON pair (parcel_id, fp);
ANALYZE pair;
