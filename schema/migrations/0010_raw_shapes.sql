-- What an event's own bytes are without its words: its keys, brackets, and what has
-- no column.  A row whose shape has a number keeps that alone in its column raw;
-- src/core/raw.c puts the bytes together again.  key is a hash of the shape.
CREATE TABLE rastro.raw_shapes (
    shape integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key uuid NOT NULL UNIQUE,
    bytes bytea NOT NULL
);

CREATE VIEW rastro.shape_list AS SELECT shape, bytes FROM rastro.raw_shapes;

GRANT SELECT, INSERT ON rastro.raw_shapes TO rastro_writer;
GRANT SELECT ON rastro.shape_list TO rastro_reader;
