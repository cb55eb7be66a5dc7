-- The judge's own tables: the truth as the feed wrote it (one table a file, in
-- the order of its columns), and what readers see.

DROP SCHEMA IF EXISTS rastro_judge CASCADE;
CREATE SCHEMA rastro_judge;
SET search_path = rastro_judge;

CREATE UNLOGGED TABLE true_event (
    event bigint NOT NULL,
    issuer text COLLATE "C" NOT NULL,
    number text COLLATE "C" NOT NULL,
    discriminator text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    instant timestamptz NOT NULL,
    kind text NOT NULL,
    stage text NOT NULL,
    detail text NOT NULL,
    sequence bigint,
    state text NOT NULL,
    rank integer NOT NULL,
    precision text NOT NULL,
    zone_basis text NOT NULL,
    offset_minutes integer NOT NULL,
    code text,
    text text,
    time_words text,
    zone_words text,
    country text,
    region text,
    city text,
    place text,
    marks text[] NOT NULL
);

-- Other wordings in which the same event is told: which is kept depends on
-- which message comes first.
CREATE UNLOGGED TABLE true_wording (
    event bigint NOT NULL,
    precision text NOT NULL,
    zone_basis text NOT NULL,
    offset_minutes integer NOT NULL,
    code text,
    text text,
    time_words text,
    zone_words text,
    country text,
    region text,
    city text,
    place text,
    marks text[] NOT NULL
);

CREATE UNLOGGED TABLE true_twin (event bigint NOT NULL, shown_with bigint NOT NULL);

CREATE UNLOGGED TABLE true_parcel (
    issuer text COLLATE "C" NOT NULL,
    number text COLLATE "C" NOT NULL,
    discriminator text COLLATE "C" NOT NULL,
    s10 text NOT NULL,
    stage text,
    detail text
);

CREATE UNLOGGED TABLE true_link (
    issuer text COLLATE "C" NOT NULL,
    number text COLLATE "C" NOT NULL,
    discriminator text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    to_issuer text COLLATE "C" NOT NULL,
    to_number text COLLATE "C" NOT NULL
);

CREATE UNLOGGED TABLE true_order (
    marketplace text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL,
    cancelled boolean NOT NULL,
    current boolean NOT NULL,
    seller text,
    service text,
    dispatched_at timestamptz,
    promised_from timestamptz,
    promised_to timestamptz,
    issuer text COLLATE "C" NOT NULL,
    number text COLLATE "C" NOT NULL,
    discriminator text COLLATE "C" NOT NULL
);

CREATE UNLOGGED TABLE true_bad_message (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    why text NOT NULL
);

-- Several rows of one parcel and source add up; without a number: of a block
-- that named no parcel.
CREATE UNLOGGED TABLE true_bad_event (
    issuer text COLLATE "C",
    number text COLLATE "C",
    discriminator text COLLATE "C",
    source text COLLATE "C" NOT NULL,
    count bigint NOT NULL
);

CREATE UNLOGGED TABLE true_position (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL
);

-- What readers see of every parcel.
CREATE UNLOGGED TABLE seen_event (
    parcel_id bigint NOT NULL,
    fp uuid NOT NULL,
    place_in_order bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    instant timestamptz NOT NULL,
    kind text NOT NULL,
    stage text NOT NULL,
    detail text NOT NULL,
    sequence bigint,
    state text NOT NULL,
    shown_with uuid,
    said uuid NOT NULL,
    reading integer NOT NULL,
    precision text NOT NULL,
    zone_basis text NOT NULL,
    offset_minutes integer NOT NULL,
    code text,
    text text,
    time_words text,
    zone_words text,
    country text,
    region text,
    city text,
    place text,
    marks text[] NOT NULL,
    hash bigint NOT NULL
);

CREATE UNLOGGED TABLE seen_status (parcel_id bigint NOT NULL, stage text NOT NULL, detail text NOT NULL);

-- One row a difference; says is for people.
CREATE UNLOGGED TABLE difference (kind text NOT NULL, about text NOT NULL, says text NOT NULL);

CREATE FUNCTION parcel_name(issuer text, number text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT number || CASE WHEN issuer <> '' THEN ' of ' || issuer ELSE '' END $$;

CREATE FUNCTION status_name(stage text, detail text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT coalesce(stage || CASE WHEN detail <> '' THEN '.' || detail ELSE '' END, 'none') $$;

CREATE FUNCTION shown(words text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT coalesce('"' || left(words, 60) || '"', 'nothing') $$;

CREATE FUNCTION clock(instant timestamptz) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT (instant AT TIME ZONE 'UTC')::text || 'Z' $$;

-- Parcels in slices of some sixty events: the timeline compares the events of
-- a call with each other.  Of every so many slices the status is asked too.
CREATE UNLOGGED TABLE slice AS
    SELECT array_agg(parcel_id) AS parcels, n, n % :status_every = 0 AS asked
    FROM (SELECT p.parcel_id, sum(coalesce(e.n, 0) + 1) OVER (ORDER BY p.parcel_id)::bigint / 60 AS n
          FROM rastro.parcels p
          LEFT JOIN (SELECT parcel_id, count(*) AS n FROM rastro.events GROUP BY 1) e USING (parcel_id)) s
    GROUP BY n;
