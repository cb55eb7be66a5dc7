-- Roles: the owner is whoever migrates; members write as rastro_writer, people
-- and programs read as rastro_reader.  They have no password until one is set,
-- and exist once for a server, so another database may have made them.

-- Two databases of one server may be migrated at once, and both make them.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rastro_writer') THEN
        CREATE ROLE rastro_writer LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rastro_reader') THEN
        CREATE ROLE rastro_reader LOGIN;
        ALTER ROLE rastro_reader SET statement_timeout = '30s';
        ALTER ROLE rastro_reader SET default_transaction_read_only = on;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;

GRANT USAGE ON SCHEMA rastro TO rastro_writer, rastro_reader;

-- Facts are added and never changed; what changes is named here.
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA rastro TO rastro_writer;
REVOKE INSERT ON rastro.statuses, rastro.settings, rastro.migrations FROM rastro_writer;
GRANT UPDATE ON rastro.positions, rastro.proofs, rastro.source_views, rastro.quarantined_events TO rastro_writer;
GRANT UPDATE (status, status_at) ON rastro.parcels TO rastro_writer;
GRANT UPDATE (name) ON rastro.topics TO rastro_writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA rastro TO rastro_writer;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rastro FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rastro TO rastro_writer;
GRANT EXECUTE ON FUNCTION rastro.timeline(bigint[], timestamptz),
    rastro.parcel_status(bigint[], timestamptz), rastro.mark_names(smallint),
    rastro.iana(smallint), rastro.find_parcels(text, text), rastro.journey(bigint) TO rastro_reader;
GRANT SELECT ON rastro.change_log, rastro.parcel_list, rastro.link_list, rastro.fact_list,
    rastro.look_list, rastro.shipment_list, rastro.position_list, rastro.gap_list,
    rastro.quarantine_list, rastro.quarantine_bytes, rastro.dictionary_list, rastro.totals,
    rastro.migrations, rastro.settings TO rastro_reader;
