-- What the sink does: an upsert by the key, in batches.  ${...} is from the environment.
CREATE TABLE scans (
    `number` STRING,
    `event` ROW<`code` STRING, `status` STRING, `text` STRING, `time` STRING,
                `place` ROW<`country` STRING, `region` STRING, `city` STRING, `name` STRING>>,
    `topic` STRING METADATA VIRTUAL,
    `partition` INT METADATA VIRTUAL,
    `offset` BIGINT METADATA VIRTUAL
) WITH (
    'connector' = 'kafka',
    'topic' = '${PEER_TOPIC}',
    'properties.bootstrap.servers' = '${PEER_BROKERS}',
    'properties.group.id' = '${PEER_GROUP}',
    'properties.session.timeout.ms' = '${PEER_SESSION_MS}',
    'properties.auto.offset.reset' = 'earliest',
    'scan.startup.mode' = 'group-offsets',
    'format' = 'json'
);

-- The server reads the instant from its text (stringtype=unspecified).
CREATE TABLE events (
    `number` STRING, `instant` STRING, `code` STRING, `text` STRING, `status` STRING,
    `country` STRING, `region` STRING, `city` STRING, `place` STRING,
    `topic` STRING, `partition` INT, `kafka_offset` BIGINT,
    PRIMARY KEY (`number`, `instant`, `code`) NOT ENFORCED
) WITH (
    'connector' = 'jdbc',
    'url' = 'jdbc:postgresql://${PGHOST}:${PGPORT}/${PGDATABASE}?reWriteBatchedInserts=true&stringtype=unspecified',
    'username' = '${PGUSER}',
    'password' = '${PEER_PASSWORD}',
    'table-name' = 'events',
    'sink.buffer-flush.max-rows' = '5000',
    'sink.buffer-flush.interval' = '1s'
);

INSERT INTO events
SELECT `number`, `event`.`time`, `event`.`code`, `event`.`text`, `event`.`status`,
       `event`.`place`.`country`, `event`.`place`.`region`, `event`.`place`.`city`, `event`.`place`.`name`,
       `topic`, `partition`, `offset`
FROM scans;
