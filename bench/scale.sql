-- Rows as years of feeds leave them: 20 events a parcel, words as long as those
-- of the one-event feed, no raw bytes.  Parcels get ids as if they had been taken
-- block by block.

-- Ids for parcels [first, last]: what is to be added to a parcel's number.  Ids in
-- between are those of ingested parcels.
CREATE FUNCTION reserve(first bigint, last bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    base constant bigint := nextval('rastro.parcel_blocks') * 1024 - first;
BEGIN
    PERFORM rastro.make_event_ranges(base + last + rastro.event_range_size());
    PERFORM setval('rastro.parcel_blocks', (base + last) / 1024);
    RETURN base;
END $$;

CREATE PROCEDURE fill(base bigint, first bigint, last bigint) LANGUAGE plpgsql AS $$
DECLARE
    step constant bigint := 50000; -- parcels a transaction
    row_origin integer;
    said constant text[] := ARRAY['Taken over from the seller', 'Left the sorting centre',
                                  'Arrived at the sorting centre', 'Presented to customs', 'With the courier'];
    city constant text[] := ARRAY['Shenzhen', 'Guangzhou', 'Dongguan'];
    word_ids integer[];
    place_ids integer[];
BEGIN
    INSERT INTO rastro.origins (topic, kafka_partition, source, identity, iana, meaning) VALUES (1, 0, 1, 1, 652, 1)
    ON CONFLICT (topic, kafka_partition, source, identity, iana, meaning) DO UPDATE SET topic = 1
    RETURNING origin INTO row_origin;
    INSERT INTO rastro.words (key, code, text) SELECT md5(t)::uuid, upper(left(t, 3)), t FROM unnest(said) t
    ON CONFLICT DO NOTHING;
    INSERT INTO rastro.places (key, country, region, city) SELECT md5(c)::uuid, 'CN', 'GD', c FROM unnest(city) c
    ON CONFLICT DO NOTHING;
    word_ids := ARRAY(SELECT w.words FROM unnest(said) t JOIN rastro.words w ON w.key = md5(t)::uuid);
    place_ids := ARRAY(SELECT p.place_id FROM unnest(city) c JOIN rastro.places p ON p.key = md5(c)::uuid);
    COMMIT;
    FOR p IN first .. last BY step LOOP
        INSERT INTO rastro.parcels (parcel_id, s10, issuer, number, discriminator)
        SELECT base + n, 'n', 'scale', 'SCALE' || lpad(n::text, 12, '0'), ''
        FROM generate_series(p, least(p + step - 1, last)) n;
        INSERT INTO rastro.event_rows (parcel_id, instant, published_at, kafka_offset, fp, said, origin, words, place_id,
                                       traits, status, offset_minutes, sequence, time_words)
        SELECT base + n, instant, instant + interval '9 minutes', n * 20 + k, md5(n || '/' || k)::uuid,
               md5(k || '/' || n)::uuid, row_origin, word_ids[1 + k % 5], place_ids[1 + k % 3], 8, 1 + k % 30,
               480, k + 1,
               to_char(instant AT TIME ZONE 'UTC' + interval '8 hours', 'YYYY-MM-DD"T"HH24:MI:SS+08:00')
        FROM generate_series(p, least(p + step - 1, last)) n CROSS JOIN generate_series(0, 19) k
        CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01 00:00Z' + (n % 300) * interval '1 day'
                                   + k * interval '25 hours') t (instant)
        ORDER BY n, md5(n || '/' || k)::uuid;
        COMMIT;
    END LOOP;
END $$;
