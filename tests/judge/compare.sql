-- Every difference, one row each.  What only follows from another difference
-- (the order of an event whose instant is wrong, the partner of one that is
-- missing) is not listed again.
SET search_path = rastro_judge;

-- ---- parcels ---------------------------------------------------------------------

INSERT INTO difference
SELECT 'missing parcel', p.name,
       format('not registered; it has %s events',
              (SELECT count(*) FROM true_event e WHERE e.number = p.number AND e.issuer = p.issuer))
FROM parcel p WHERE p.parcel_id IS NULL;

INSERT INTO difference
SELECT 'parcel that the truth lacks', parcel_name(p.issuer, p.number),
       format('registered, with %s events', (SELECT count(*) FROM rastro.events e WHERE e.parcel_id = p.parcel_id))
FROM rastro.parcels p WHERE NOT EXISTS (SELECT FROM parcel t WHERE t.parcel_id = p.parcel_id);

INSERT INTO difference
SELECT 'wrong S10 verdict', name, format('%s; true: %s', coalesce(seen_s10, 'unknown'), s10)
FROM parcel WHERE parcel_id IS NOT NULL AND seen_s10 IS DISTINCT FROM s10;

INSERT INTO difference
SELECT 'wrong status of a parcel', p.name,
       format('%s; true: %s', status_name(s.stage, s.detail), status_name(p.stage, p.detail))
FROM (SELECT unnest(parcels) AS parcel_id FROM slice WHERE asked) a
JOIN parcel p USING (parcel_id)
LEFT JOIN seen_status s USING (parcel_id)
WHERE (p.stage, p.detail) IS DISTINCT FROM (s.stage, s.detail);

-- ---- events ------------------------------------------------------------------------

INSERT INTO difference
SELECT 'missing event', parcel_name(t.issuer, t.number),
       format('%s: %s at %s, %s, text %s', t.source, status_name(t.stage, t.detail), clock(t.instant), t.state,
              shown(t.text))
FROM true_left t WHERE NOT EXISTS (SELECT FROM pair p WHERE p.event = t.event);

INSERT INTO difference
SELECT 'event twice', parcel_name(e.issuer, e.number),
       format('%s: %s at %s, text %s', e.source, status_name(e.stage, e.detail), clock(e.instant), shown(e.text))
FROM agreeing a JOIN true_event e USING (event) WHERE a.nth > 1;

-- With :rereadings an older reading of words that were read again may stand there;
-- where another wording stands for the event, the log names it.
INSERT INTO difference
SELECT 'event that the truth lacks', n.name,
       format('%s: %s at %s, %s, text %s', s.source, status_name(s.stage, s.detail), clock(s.instant), s.state,
              shown(s.text))
FROM seen_left s JOIN parcel n USING (parcel_id)
WHERE NOT EXISTS (SELECT FROM pair p WHERE p.parcel_id = s.parcel_id AND p.fp = s.fp AND NOT p.exact)
  AND NOT (:rereadings AND s.state = 'superseded'
           AND EXISTS (SELECT FROM seen_event n2 WHERE n2.parcel_id = s.parcel_id AND n2.source = s.source
                       AND n2.reading > s.reading
                       AND (n2.said = s.said
                            OR EXISTS (SELECT FROM rastro.event_changes c WHERE c.parcel_id = s.parcel_id
                                       AND c.fp = s.fp AND c.change = 's' AND c.by_fp = n2.fp))));

-- Fields, by the wording that is nearest.
INSERT INTO difference
SELECT f.kind, parcel_name(t.issuer, t.number),
       format('%s: %s at %s: %s; true: %s', t.source, status_name(t.stage, t.detail), clock(t.instant), f.found,
              f.wanted)
FROM pair p
JOIN true_left t USING (event)
JOIN seen_left s ON s.parcel_id = p.parcel_id AND s.fp = p.fp
CROSS JOIN LATERAL (
    SELECT w.* FROM (
        SELECT t.precision, t.zone_basis, t.offset_minutes, t.code, t.text, t.time_words, t.zone_words, t.country,
               t.region, t.city, t.place, t.marks
        UNION ALL
        SELECT w.precision, w.zone_basis, w.offset_minutes, w.code, w.text, w.time_words, w.zone_words, w.country,
               w.region, w.city, w.place, w.marks
        FROM true_wording w WHERE w.event = t.event) w
    ORDER BY (w.time_words IS NOT DISTINCT FROM s.time_words)::int + (w.text IS NOT DISTINCT FROM s.text)::int
             + (w.zone_words IS NOT DISTINCT FROM s.zone_words)::int + (w.place IS NOT DISTINCT FROM s.place)::int DESC
    LIMIT 1) w
CROSS JOIN LATERAL (VALUES
    ('wrong instant', clock(s.instant), clock(t.instant)),
    ('wrong stage', status_name(s.stage, s.detail), status_name(t.stage, t.detail)),
    ('wrong kind', s.kind, t.kind),
    ('wrong sequence', s.sequence::text, t.sequence::text),
    ('wrong precision', s.precision, w.precision),
    ('wrong zone basis', s.zone_basis, w.zone_basis),
    ('wrong clock offset', s.offset_minutes::text, w.offset_minutes::text),
    ('wrong code', shown(s.code), shown(w.code)),
    ('wrong text', shown(s.text), shown(w.text)),
    ('wrong words of time', shown(s.time_words), shown(w.time_words)),
    ('wrong words of zone', shown(s.zone_words), shown(w.zone_words)),
    ('wrong place', ROW (s.country, s.region, s.city, s.place)::text,
     ROW (w.country, w.region, w.city, w.place)::text),
    ('wrong marks', array_to_string(s.marks, ' '), array_to_string(w.marks, ' '))) f (kind, found, wanted)
WHERE NOT p.exact AND f.found IS DISTINCT FROM f.wanted;

-- A long text differs behind what is shown of it.
INSERT INTO difference
SELECT 'wrong text', parcel_name(t.issuer, t.number),
       format('%s: at %s: differs behind its 60th character', t.source, clock(t.instant))
FROM pair p
JOIN true_left t USING (event)
JOIN seen_left s ON s.parcel_id = p.parcel_id AND s.fp = p.fp
WHERE NOT p.exact AND t.text <> s.text AND left(t.text, 60) = left(s.text, 60)
  AND NOT EXISTS (SELECT FROM true_wording w WHERE w.event = t.event AND w.text = s.text);

-- ---- what is current ------------------------------------------------------------------

INSERT INTO difference
SELECT 'wrong state', parcel_name(e.issuer, e.number),
       format('%s: %s at %s: %s; true: %s', e.source, status_name(e.stage, e.detail), clock(e.instant), s.state,
              e.state)
FROM pair p JOIN true_event e USING (event) JOIN seen_event s ON s.parcel_id = p.parcel_id AND s.fp = p.fp
WHERE e.state <> s.state;

-- The newest line of the log must say so too.
INSERT INTO difference
SELECT 'not in the log', parcel_name(e.issuer, e.number),
       format('%s: %s at %s is %s; the log says %s', e.source, status_name(e.stage, e.detail), clock(e.instant),
              e.state, coalesce(l.change, 'nothing'))
FROM true_event e
JOIN pair p USING (event)
JOIN seen_event s ON s.parcel_id = p.parcel_id AND s.fp = p.fp
LEFT JOIN LATERAL (SELECT c.change, c.recorded_at FROM rastro.change_log c
                   WHERE c.parcel_id = p.parcel_id AND c.fp = p.fp
                   ORDER BY c.recorded_at DESC, c.change = e.state DESC LIMIT 1) l ON true
WHERE e.state <> 'current' AND e.state = s.state AND l.change IS DISTINCT FROM e.state;

-- ---- order -------------------------------------------------------------------------------

INSERT INTO difference
SELECT 'wrong order', name,
       format('%s: %s at %s stands behind one that must come later', source, status_name(stage, detail), clock(instant))
FROM (SELECT n.name, e.source, e.stage, e.detail, e.instant, e.rank,
             max(e.rank) OVER (PARTITION BY p.parcel_id ORDER BY s.place_in_order
                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
      FROM pair p JOIN true_event e USING (event) JOIN parcel n USING (parcel_id)
      JOIN seen_event s ON s.parcel_id = p.parcel_id AND s.fp = p.fp
      WHERE p.exact) o
WHERE o.before > o.rank;

-- ---- one scan told by two --------------------------------------------------------------------

INSERT INTO difference
SELECT CASE WHEN w.event IS NULL THEN 'shown with another' WHEN s.shown_with IS NULL THEN 'missing soft link'
            ELSE 'wrong soft link' END,
       parcel_name(e.issuer, e.number),
       format('%s: %s at %s is shown %s; true: %s', e.source, status_name(e.stage, e.detail), clock(e.instant),
              coalesce('with that of ' || x.source, 'alone'), coalesce('with that of ' || y.source, 'alone'))
FROM pair p
JOIN true_event e USING (event)
JOIN seen_event s ON s.parcel_id = p.parcel_id AND s.fp = p.fp
LEFT JOIN true_twin w USING (event)
LEFT JOIN pair v ON v.event = w.shown_with
LEFT JOIN true_event y ON y.event = w.shown_with
LEFT JOIN seen_event x ON x.parcel_id = s.parcel_id AND x.fp = s.shown_with
LEFT JOIN pair u ON u.parcel_id = x.parcel_id AND u.fp = x.fp
WHERE p.exact AND (w.event IS NOT NULL OR s.shown_with IS NOT NULL)
  AND v.fp IS DISTINCT FROM s.shown_with
  -- Both ends, as told and as seen, are right in themselves.
  AND e.state = s.state AND (w.event IS NULL OR v.exact) AND (s.shown_with IS NULL OR u.exact)
  AND NOT EXISTS (SELECT FROM seen_event z WHERE z.parcel_id = v.parcel_id AND z.fp = v.fp AND z.state <> y.state);

-- ---- links ---------------------------------------------------------------------------------------

CREATE UNLOGGED TABLE seen_link AS
    SELECT l.parcel_id, s.name AS source, l.kind, l.issuer AS to_issuer, l.number AS to_number
    FROM rastro.parcel_links l JOIN rastro.sources s USING (source);

INSERT INTO difference
SELECT 'missing link', n.name, format('%s: %s is %s', t.source, t.kind, parcel_name(t.to_issuer, t.to_number))
FROM true_link t JOIN parcel n USING (number, issuer, discriminator)
WHERE n.parcel_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM seen_link s
                  WHERE (s.parcel_id, s.source, s.kind, s.to_issuer, s.to_number)
                      = (n.parcel_id, t.source, t.kind, t.to_issuer, t.to_number));

INSERT INTO difference
SELECT 'link that the truth lacks', n.name,
       format('%s: %s is %s', s.source, s.kind, parcel_name(s.to_issuer, s.to_number))
FROM seen_link s JOIN parcel n USING (parcel_id)
WHERE NOT EXISTS (SELECT FROM true_link t
                  WHERE (t.number, t.issuer, t.discriminator, t.source, t.kind, t.to_issuer, t.to_number)
                      = (n.number, n.issuer, n.discriminator, s.source, s.kind, s.to_issuer, s.to_number));

-- ---- orders ----------------------------------------------------------------------------------------

CREATE UNLOGGED TABLE seen_order AS
    SELECT marketplace, order_id, updated_at, parcel_id, cancelled, current, seller, service, dispatched_at,
           promised_from, promised_to,
           row_number() OVER (PARTITION BY marketplace, order_id, updated_at, parcel_id ORDER BY key) AS nth
    FROM rastro.shipment_list;
CREATE UNLOGGED TABLE true_order_parcel AS
    SELECT t.*, n.parcel_id, n.name FROM true_order t JOIN parcel n USING (number, issuer, discriminator);
ANALYZE seen_order;
ANALYZE true_order_parcel;

INSERT INTO difference
SELECT 'missing update of an order', format('%s %s', t.marketplace, t.order_id),
       format('of %s, with parcel %s', clock(t.updated_at), t.name)
FROM true_order_parcel t
LEFT JOIN seen_order s ON (s.marketplace, s.order_id, s.updated_at, s.parcel_id)
    = (t.marketplace, t.order_id, t.updated_at, t.parcel_id)
WHERE s.nth IS NULL AND t.parcel_id IS NOT NULL;

INSERT INTO difference
SELECT 'update of an order that the truth lacks', format('%s %s', s.marketplace, s.order_id),
       format('of %s, with parcel %s', clock(s.updated_at), coalesce(n.name, 'unknown'))
FROM seen_order s
LEFT JOIN parcel n USING (parcel_id)
LEFT JOIN true_order_parcel t ON (s.marketplace, s.order_id, s.updated_at, s.parcel_id)
    = (t.marketplace, t.order_id, t.updated_at, t.parcel_id)
WHERE t.order_id IS NULL OR s.nth > 1;

INSERT INTO difference
SELECT f.kind, format('%s %s', t.marketplace, t.order_id),
       format('update of %s, parcel %s: %s; true: %s', clock(t.updated_at), t.name, coalesce(f.found, 'nothing'),
              coalesce(f.wanted, 'nothing'))
FROM true_order_parcel t
JOIN seen_order s ON (s.marketplace, s.order_id, s.updated_at, s.parcel_id)
    = (t.marketplace, t.order_id, t.updated_at, t.parcel_id)
CROSS JOIN LATERAL (VALUES
    ('wrong status of an order', CASE WHEN s.cancelled THEN 'cancelled' ELSE 'not cancelled' END,
     CASE WHEN t.cancelled THEN 'cancelled' ELSE 'not cancelled' END),
    ('wrong current update of an order', CASE WHEN s.current THEN 'current' ELSE 'replaced' END,
     CASE WHEN t.current THEN 'current' ELSE 'replaced' END),
    ('wrong promise of an order', format('%s to %s', s.promised_from, s.promised_to),
     format('%s to %s', t.promised_from, t.promised_to)),
    ('wrong seller of an order', s.seller, t.seller),
    ('wrong service of an order', s.service, t.service),
    ('wrong dispatch of an order', s.dispatched_at::text, t.dispatched_at::text)) f (kind, found, wanted)
WHERE f.found IS DISTINCT FROM f.wanted;

-- ---- quarantine ----------------------------------------------------------------------------------------

INSERT INTO difference
SELECT 'message not in quarantine', format('%s/%s/%s', t.topic, t.partition, t.kafka_offset), t.why
FROM true_bad_message t
WHERE NOT EXISTS (SELECT FROM rastro.quarantine_list q WHERE q.what = 'message' AND q.topic = t.topic
                  AND q.kafka_partition = t.partition AND q.kafka_offset = t.kafka_offset);

INSERT INTO difference
SELECT 'message in quarantine that is fine', q.id, q.reason
FROM rastro.quarantine_list q
WHERE q.what = 'message'
  AND NOT EXISTS (SELECT FROM true_bad_message t WHERE t.topic = q.topic AND t.partition = q.kafka_partition
                  AND t.kafka_offset = q.kafka_offset);

-- With :repeated messages may have been applied more than once, by a replay.
INSERT INTO difference
SELECT CASE WHEN s.count IS NULL THEN 'event not in quarantine'
            WHEN t.count IS NULL THEN 'event in quarantine that is fine'
            ELSE 'wrong count in quarantine' END,
       coalesce(n.name, CASE WHEN parcel_id = 0 THEN 'no parcel' ELSE 'parcel ' || parcel_id END),
       format('%s: %s times; true: %s%s', source, coalesce(s.count, 0), coalesce(t.count, 0),
              coalesce('; ' || s.reason, ''))
FROM (SELECT coalesce(n.parcel_id, 0) AS parcel_id, b.source, sum(b.count) AS count
      FROM true_bad_event b LEFT JOIN parcel n USING (number, issuer, discriminator)
      WHERE b.number IS NULL OR n.parcel_id IS NOT NULL
      GROUP BY 1, 2) t
FULL JOIN (SELECT q.parcel_id, q.source COLLATE "C" AS source, sum(q.count) AS count, min(q.reason) AS reason
           FROM rastro.quarantine_list q WHERE q.what = 'event' GROUP BY 1, 2) s USING (parcel_id, source)
LEFT JOIN parcel n USING (parcel_id)
WHERE t.count IS DISTINCT FROM s.count AND NOT (:repeated AND s.count > t.count);

-- ---- positions -------------------------------------------------------------------------------------------

INSERT INTO difference
SELECT 'wrong position', format('%s/%s', topic, partition),
       format('next is %s; true: %s', coalesce(s.next::text, 'not known'), coalesce(t.next::text, 'not known'))
FROM true_position t
FULL JOIN (SELECT topic, partition, next FROM rastro.position_list) s USING (topic, partition)
WHERE coalesce(t.next, 0) <> coalesce(s.next, 0);
