-- What readers see, in the slices of one of several sessions.
SET search_path = rastro_judge;

INSERT INTO seen_event
SELECT t.parcel_id, t.fp, t.place_in_order, t.source, t.instant, t.kind::text, t.stage, t.detail, t.sequence, t.state,
       t.shown_with, t.said,
       t.identity * 32768 + (left(t.iana, 4)::integer - 2000) * 26 + ascii(right(t.iana, 1)) - 96,
       t.precision::text, t.zone_basis::text, t.offset_minutes, t.code, t.text, t.time_words, t.zone_words,
       t.country, t.region, t.city, t.place, t.marks,
       hash_record_extended(ROW (t.source::text, t.instant, t.kind::text, t.stage, t.detail, t.sequence,
           t.precision::text, t.zone_basis::text, t.offset_minutes::integer, t.code, t.text, t.time_words, t.zone_words,
           t.country, t.region, t.city, t.place, t.marks), 0)
FROM slice s CROSS JOIN LATERAL rastro.timeline(s.parcels) t
WHERE s.n % :sessions = :session;

INSERT INTO seen_status
SELECT t.parcel_id, t.stage, t.detail
FROM slice s CROSS JOIN LATERAL rastro.parcel_status(s.parcels) t
WHERE s.n % :sessions = :session AND s.asked;
