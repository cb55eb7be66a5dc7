-- Small tables that give short numbers to long names, and the canonical
-- statuses.  Everything of rastro lives in the schema "rastro".

CREATE SCHEMA IF NOT EXISTS rastro;

-- Who tells us.  A name is part of events' keys; the number is this database's.
CREATE TABLE rastro.sources (
    source smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);

-- A topic of a Kafka cluster.
CREATE TABLE rastro.topics (
    topic smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    UNIQUE (cluster, name)
);

-- schema/status.json, as the newest release that migrated knew it.
CREATE TABLE rastro.statuses (
    status smallint PRIMARY KEY,
    rank smallint NOT NULL,
    stage text NOT NULL,
    detail text NOT NULL,
    moves boolean NOT NULL,
    ends boolean NOT NULL,
    label text NOT NULL
);

-- One value a name: versions that an older member must not take back.
CREATE TABLE rastro.settings (
    name text PRIMARY KEY,
    value text NOT NULL
);

-- The profiles that ever read messages here.  The same identity version with
-- another digest is a forgotten version, and a member refuses to start with it.
CREATE TABLE rastro.profiles (
    source text COLLATE "C" NOT NULL,
    identity smallint NOT NULL,
    digest uuid NOT NULL,
    first_used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, identity)
);
