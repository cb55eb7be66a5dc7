-- Where each partition is, and who may write for it.

CREATE TABLE rastro.positions (
    cluster text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL,                         -- the first offset not applied
    last_offset bigint,                           -- the last record applied,
    last_at timestamptz,                          -- its time
    last_hash uuid,                               -- and the hash of its value
    owner_term bigint NOT NULL,                   -- rises with each claim; fences the one before
    owner text,                                   -- the member, or null when let go
    backend_pid integer,
    backend_start timestamptz,
    claimed_at timestamptz,
    committed_at timestamptz,
    halted text,                                  -- why the partition stands still
    halted_at timestamptz,
    PRIMARY KEY (cluster, topic, partition)
) WITH (fillfactor = 50);

-- Offsets that Kafka no longer had when they were asked for.
CREATE TABLE rastro.gaps (
    cluster text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    from_offset bigint NOT NULL,
    to_offset bigint NOT NULL,                    -- the first offset behind the gap
    reason text NOT NULL,
    accepted_by text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, topic, partition, from_offset, accepted_at)
);

-- A random value that each session commits with each batch.  A session that
-- does not find its last one again talks to another history of the database:
-- a standby that lost the end, or a restored backup.
CREATE TABLE rastro.proofs (
    member uuid NOT NULL,
    worker integer NOT NULL,
    proof uuid NOT NULL,
    proved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (member, worker)
) WITH (fillfactor = 50);

-- Changes behind the members' backs: a verb that changes rows logs the parcels
-- under a new epoch, and members forget what they knew of them.
CREATE TABLE rastro.epochs (
    epoch bigint PRIMARY KEY,
    reason text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE rastro.epoch_parcels (
    epoch bigint NOT NULL,
    parcel_id bigint NOT NULL,
    PRIMARY KEY (epoch, parcel_id)
);
