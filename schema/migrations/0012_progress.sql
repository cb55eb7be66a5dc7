-- How far each partition is complete: everything that Kafka appended before
-- complete_to is applied.  Owners tell it every few seconds, whether anything came
-- or not.  It is true whoever tells it, so no term guards it: the row of positions
-- proves it.
CREATE TABLE rastro.progress (
    cluster text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    complete_to timestamptz NOT NULL,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (cluster, topic, partition)
) WITH (fillfactor = 50);

-- When a source last told something new on a partition, to the day.
ALTER TABLE rastro.origins ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();

-- A source's feed time: the least progress of the partitions that it was seen on
-- lately (setting feed.seen_days, 30 unless it is there), and which one that is.
-- A partition that nobody owns, or that stands still, holds it back.
CREATE VIEW rastro.feed_list AS
    SELECT DISTINCT ON (s.name) s.name AS source, g.complete_to, p.cluster, p.topic, p.partition, p.owner, p.halted
    FROM (SELECT DISTINCT source, topic, kafka_partition FROM rastro.origins
          WHERE seen_at > now() - coalesce((SELECT value FROM rastro.settings WHERE name = 'feed.seen_days'), '30')::integer
                                  * interval '1 day') seen
    JOIN rastro.sources s USING (source)
    JOIN rastro.topics t ON t.topic = seen.topic
    JOIN rastro.positions p ON p.cluster = t.cluster AND p.topic = t.name AND p.partition = seen.kafka_partition
    LEFT JOIN rastro.progress g ON g.cluster = p.cluster AND g.topic = p.topic AND g.partition = p.partition
    ORDER BY s.name, g.complete_to NULLS FIRST, p.topic, p.partition;

CREATE OR REPLACE VIEW rastro.position_list AS
    SELECT p.cluster, p.topic, p.partition, p.next, p.last_at, p.owner, p.owner_term,
           p.committed_at, p.halted, p.halted_at, g.complete_to, g.told_at
    FROM rastro.positions p LEFT JOIN rastro.progress g USING (cluster, topic, partition);

-- When a hand-over was told belongs to its clock.
CREATE OR REPLACE VIEW rastro.link_list AS
    SELECT l.parcel_id, l.kind, nullif(l.issuer, '') AS issuer, l.number, s.name AS source,
           l.recorded_at, l.published_at
    FROM rastro.parcel_links l JOIN rastro.sources s USING (source);

GRANT SELECT, INSERT, UPDATE ON rastro.progress TO rastro_writer;
GRANT UPDATE (seen_at) ON rastro.origins TO rastro_writer;
GRANT SELECT ON rastro.feed_list TO rastro_writer, rastro_reader;
