-- Rows as years of feeds leave them: 20 events a parcel, words as long as those
-- of the one-event feed, no raw bytes.  Parcels get ids as if they had been taken
-- block by block.

CREATE PROCEDURE fill(first bigint, last bigint) LANGUAGE plpgsql AS $$
DECLARE
    step constant bigint := 50000; -- parcels a transaction
    base bigint := nextval('rastro.parcel_blocks') * 1024 - first; -- ids in between are those of ingested parcels
BEGIN
    PERFORM rastro.make_event_ranges(base + last + rastro.event_range_size());
    PERFORM setval('rastro.parcel_blocks', (base + last) / 1024);
    COMMIT;
    FOR p IN first .. last BY step LOOP
        INSERT INTO rastro.parcels (parcel_id, status_at, status, s10, issuer, number, discriminator)
        SELECT base + n, timestamptz '2026-01-01 00:00Z', 1, 'n', 'scale', 'SCALE' || lpad(n::text, 12, '0'), ''
        FROM generate_series(p, least(p + step - 1, last)) n;
        INSERT INTO rastro.events (parcel_id, instant, published_at, kafka_offset, kafka_partition, topic, source, status,
                                   identity, iana, meaning, offset_minutes, marks, fp, said, kind, precision, zone_basis,
                                   sequence, code, text, time_words, country, region, city, place)
        SELECT base + n, instant, instant + interval '9 minutes', n * 20 + k, n % 12, 1, 1, 1 + k % 30,
               1, 652, 1, 480, 0, md5(n || '/' || k)::uuid, md5(k || '/' || n)::uuid, 's', 's', 'g',
               k + 1, (ARRAY['ACC', 'DEP', 'ARR', 'CUS', 'OUT'])[1 + k % 5],
               (ARRAY['Taken over from the seller', 'Left the sorting centre', 'Arrived at the sorting centre',
                      'Presented to customs', 'With the courier'])[1 + k % 5],
               to_char(instant AT TIME ZONE 'UTC' + interval '8 hours', 'YYYY-MM-DD"T"HH24:MI:SS+08:00'),
               'CN', 'GD', (ARRAY['Shenzhen', 'Guangzhou', 'Dongguan'])[1 + k % 3],
               (ARRAY['Shenzhen Baoan hub', 'Guangzhou international', 'Dongguan depot 4'])[1 + k % 3]
        FROM generate_series(p, least(p + step - 1, last)) n CROSS JOIN generate_series(0, 19) k
        CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01 00:00Z' + (n % 300) * interval '1 day'
                                   + k * interval '25 hours') t (instant)
        ORDER BY n, md5(n || '/' || k)::uuid;
        COMMIT;
    END LOOP;
END $$;
