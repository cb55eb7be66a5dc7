-- What could not be used, with the reason and the bytes.

CREATE TABLE rastro.quarantined_messages (
    published_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    topic smallint NOT NULL,
    source text,                                  -- when it was recognised
    reason text NOT NULL,
    sha bytea NOT NULL,                           -- SHA-256 of the message
    PRIMARY KEY (topic, kafka_partition, kafka_offset)
);
CREATE INDEX quarantined_messages_recorded ON rastro.quarantined_messages (recorded_at);

-- Unusable events of usable messages: once for each parcel, source, bytes and
-- reason, however often the history repeats them.
CREATE TABLE rastro.quarantined_events (
    parcel_id bigint NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    count bigint NOT NULL,
    first_recorded_at timestamptz NOT NULL DEFAULT now(),
    last_recorded_at timestamptz NOT NULL DEFAULT now(),
    first_partition integer NOT NULL,
    last_partition integer NOT NULL,
    first_topic smallint NOT NULL,
    last_topic smallint NOT NULL,
    source smallint NOT NULL,
    path text NOT NULL,                           -- where it first stood
    reason text NOT NULL,
    sha bytea NOT NULL,
    PRIMARY KEY (parcel_id, source, sha, reason)
);
CREATE INDEX quarantined_events_recorded ON rastro.quarantined_events (last_recorded_at);

-- The bytes, once.
CREATE TABLE rastro.quarantined_bytes (
    sha bytea PRIMARY KEY,
    raw bytea NOT NULL
);

-- With --raw all: wordings of an event beside the one in its row.
CREATE TABLE rastro.event_wordings (
    parcel_id bigint NOT NULL,
    published_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    topic smallint NOT NULL,
    fp uuid NOT NULL,
    raw_key uuid NOT NULL,                        -- first half of the SHA-256 of the bytes
    raw bytea NOT NULL,
    PRIMARY KEY (parcel_id, fp, raw_key)
);

-- Examples of messages, by which raw bytes are compressed.  Kept for ever: a
-- row's bytes name their dictionary.
CREATE TABLE rastro.raw_dictionaries (
    dictionary smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key uuid NOT NULL UNIQUE,
    bytes bytea NOT NULL
);
