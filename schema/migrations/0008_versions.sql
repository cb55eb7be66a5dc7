-- Decisions from memory hold only if the view's row is still the one that they
-- were made from: version counts the transactions that decided something by it.
ALTER TABLE rastro.source_views ADD COLUMN version integer NOT NULL DEFAULT 0;

-- Rows that are changed often stay in their page.
ALTER TABLE rastro.source_views SET (fillfactor = 50);
ALTER TABLE rastro.parcels SET (fillfactor = 70);

-- A range's own check made attaching it quick, and costs each row after that.
CREATE OR REPLACE FUNCTION rastro.make_event_ranges(id bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    size bigint := rastro.event_range_size();
    made integer := 0;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('rastro.event_ranges'));
    FOR n IN 0 .. id / size LOOP
        name := 'events_' || lpad(n::text, 6, '0');
        CONTINUE WHEN to_regclass('rastro.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE rastro.%I (LIKE rastro.events INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE rastro.%I SET (autovacuum_vacuum_insert_scale_factor = 0.4,'
                       ' autovacuum_analyze_scale_factor = 0.2)', name);
        EXECUTE format('ALTER TABLE rastro.events ATTACH PARTITION rastro.%I FOR VALUES FROM (%s) TO (%s)',
                       name, n * size, (n + 1) * size);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT conrelid::regclass AS range, conname FROM pg_constraint
             WHERE contype = 'c' AND connamespace = 'rastro'::regnamespace
               AND conrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'rastro.events'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.range, c.conname);
    END LOOP;
END $$;
