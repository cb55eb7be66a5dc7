-- What waits to be told, for people.
CREATE VIEW rastro.outbox_list AS SELECT count(*) AS count, min(recorded_at) AS oldest FROM rastro.outbox;
GRANT SELECT ON rastro.outbox_list TO rastro_writer, rastro_reader;
