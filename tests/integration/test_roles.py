#!/usr/bin/env python3
"""What each role may do in PostgreSQL, and what the program says to the wrong one."""
import os
import re

import support
from support import CONFIG, OWNER, READER, WRITER, servers

READER_VIEWS = {"change_log", "parcel_list", "link_list", "fact_list", "look_list", "shipment_list", "position_list",
                "event_state_list", "feed_list", "feed_usual", "held_list", "slowest_list", "episode_list", "outbox_list", "gap_list", "quarantine_list",
                "quarantine_bytes", "dictionary_list", "shape_list", "totals", "migrations", "settings"}
READER_FUNCTIONS = {"timeline", "event_states", "event_words", "parcel_status", "find_parcels", "journey", "mark_names",
                    "iana", "stall_kind"}
# Everything that a writer changes; the rest it only adds to.
WRITER_UPDATES = {"positions", "proofs", "source_views", "quarantined_events", "progress", "deadlines", "episodes",
                  "feeds", "storms", "origins(seen_at)", "rules_versions(applied_at)", "topics(name)",
                  "parcels(first_told_at)"} | {
                      f"parcel_links({column})" for column in ("published_at", "topic", "kafka_partition", "kafka_offset")}
# What waits there is taken out.
QUEUES = {"stall_inbox", "outbox", "deadlines"}
DENIED = "permission denied|must be (owner|superuser)"


def setUpModule():
    support.start()


class Roles(support.Test):
    topics = ("scans:1",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.filled = cls.new_database("rastro")
        support.publish(cls.broker, "scans", [
            support.scan("RB123456785CN", "2026-10-01T10:00:00Z"), b"no JSON",
            support.history("NX500010077BR", ("01/10/2026", "10:00", "Objeto postado"), ("soon", "", "x"))])

    @property
    def database(self):
        return self.filled

    def setUp(self):
        super().setUp()
        if self.value("SELECT count(*) FROM rastro.events") == "0":
            self.ingest("scans")

    def denied(self, sql, user, why=DENIED):
        with self.subTest(sql=sql, user=user), self.assertRaisesRegex(servers.ServerError, why):
            self.sql(sql, user=user)

    def relations(self, kinds):
        return {row[0] for row in self.sql("SELECT relname FROM pg_class WHERE relnamespace = 'rastro'::regnamespace "
                                           f"AND relkind IN ({kinds})")}

    def test_no_role_but_the_owner_changes_the_schema(self):
        for user in (WRITER, READER):
            self.sql("SELECT 1", user=user)
            # A reader's transactions are read-only unless it says otherwise.
            for sql in ("CREATE TABLE rastro.x ()", "CREATE TABLE public.x ()", "CREATE SCHEMA x",
                        "DROP TABLE rastro.event_rows", "ALTER TABLE rastro.parcels ADD x int",
                        "TRUNCATE rastro.event_rows",
                        "DROP VIEW rastro.totals",
                        "CREATE FUNCTION rastro.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                        "DROP SCHEMA rastro CASCADE", "CREATE INDEX ON rastro.event_rows (instant)",
                        "CREATE EXTENSION pg_trgm", "CREATE ROLE x",
                        "ALTER ROLE rastro_owner PASSWORD 'x'", "COPY rastro.totals TO PROGRAM 'true'"):
                self.denied(f"SET default_transaction_read_only = off; {sql}", user, DENIED)

    def test_a_writer_adds_and_never_takes_away(self):
        for table in self.relations("'r', 'p'") - QUEUES:
            self.denied(f"DELETE FROM rastro.{table}", WRITER)
        self.denied("UPDATE rastro.event_rows SET time_words = 'x'", WRITER)
        self.denied("UPDATE rastro.event_rows_000000 SET time_words = 'x'", WRITER)
        self.denied("UPDATE rastro.words SET text = 'x'", WRITER)
        self.denied("UPDATE rastro.parcels SET number = 'x'", WRITER)
        self.denied("INSERT INTO rastro.migrations (version, name, checksum) VALUES (99, '', '')", WRITER)
        self.denied("INSERT INTO rastro.settings VALUES ('x', 'y')", WRITER)
        tables = self.sql("SELECT c.relname FROM pg_class c WHERE relnamespace = 'rastro'::regnamespace AND relkind IN "
                          "('r', 'p') AND has_table_privilege('rastro_writer', c.oid, 'UPDATE')")
        columns = self.sql("SELECT relname || '(' || attname || ')' "
                           "FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid "
                           "WHERE relnamespace = 'rastro'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 "
                           "AND has_column_privilege('rastro_writer', c.oid, attnum, 'UPDATE') "
                           "AND NOT has_table_privilege('rastro_writer', c.oid, 'UPDATE')")
        self.assertEqual({row[0] for row in tables + columns}, WRITER_UPDATES)

    def test_a_reader_sees_what_is_documented_and_nothing_else(self):
        found = {row[0] for row in self.sql(
            "SELECT relname FROM pg_class c WHERE relnamespace = 'rastro'::regnamespace AND relkind IN ('r', 'p', 'v') "
            "AND has_table_privilege('rastro_reader', c.oid, 'SELECT')")}
        self.assertEqual(found, READER_VIEWS)
        functions = {row[0] for row in self.sql(
            "SELECT proname FROM pg_proc p WHERE pronamespace = 'rastro'::regnamespace "
            "AND has_function_privilege('rastro_reader', p.oid, 'EXECUTE')")}
        self.assertEqual(functions, READER_FUNCTIONS)
        with open(os.path.join(support.ROOT, "README.md"), encoding="utf-8") as text:
            documented = text.read()
        for name in READER_VIEWS | READER_FUNCTIONS:
            self.assertRegex(documented, rf"`(rastro\.)?{name}[`(]", "the README has what a reader sees")
        for view in READER_VIEWS:
            self.sql(f"SELECT * FROM rastro.{view} LIMIT 1", user=READER)

    def test_a_reader_reads_no_table_and_writes_nowhere(self):
        for table in self.relations("'r', 'p'") - READER_VIEWS:
            self.denied(f"SELECT count(*) FROM rastro.{table}", READER)
        for view in sorted(READER_VIEWS):
            self.denied(f"SET default_transaction_read_only = off; DELETE FROM rastro.{view}", READER,
                        f"{DENIED}|cannot delete from view")
        self.denied("CREATE TEMP TABLE x (a int); INSERT INTO rastro.settings VALUES ('x', 'y')", READER, "read-only")
        self.denied("SET default_transaction_read_only = off; SELECT rastro.take_parcel_block()", READER)

    def test_a_reader_cannot_hold_the_server_for_long(self):
        self.assertEqual(self.sql("SHOW statement_timeout", user=READER), [["30s"]])
        self.assertEqual(self.sql("SHOW default_transaction_read_only", user=READER), [["on"]])

    def test_what_runs_with_the_owners_rights_has_a_fixed_search_path(self):
        loose = self.sql("SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'rastro'::regnamespace "
                         "AND prosecdef AND NOT coalesce(proconfig, '{}') @> '{\"search_path=pg_catalog, pg_temp\"}'")
        self.assertEqual(loose, [])
        self.assertNotEqual(self.value("SELECT count(*) FROM pg_proc WHERE pronamespace = 'rastro'::regnamespace "
                                       "AND prosecdef"), "0")

    def test_nobody_else_has_any_right(self):
        self.assertEqual(self.sql("SELECT relname FROM pg_class c, aclexplode(relacl) a WHERE grantee = 0 "
                                  "AND relnamespace = 'rastro'::regnamespace"), [])
        self.assertEqual(self.sql("SELECT proname FROM pg_proc p WHERE pronamespace = 'rastro'::regnamespace "
                                  "AND has_function_privilege('pg_monitor', p.oid, 'EXECUTE')"), [])

    def test_a_reader_is_enough_to_look(self):
        for verb in (("timeline", "RB123456785CN"), ("timeline", "NX500010077BR", "--all", "--format", "json"),
                     ("status",), ("stalled", "--count"), ("quarantine", "list"), ("quarantine", "show", "scans/0/1"),
                     ("quarantine", "export"),
                     ("offsets", "show", "--brokers", self.broker.brokers)):
            with self.subTest(verb=verb):
                self.assertNotEqual(self.run_rastro(*verb, user=READER).out, "")

    def test_a_reader_that_is_to_write_is_told_which_role_does(self):
        brokers = ("--brokers", self.broker.brokers)
        says = "rastro_reader may not write; this needs rastro_writer"
        self.complaint("ingest", *brokers, "--topic", "scans", "--until-end", user=READER, code=CONFIG, says=says)
        self.complaint("offsets", "accept-gap", "scans/0", "--reason", "x", *brokers, user=READER, code=CONFIG,
                       says=says)
        done = self.run_rastro("check", *brokers, user=READER, code=CONFIG)
        self.assertRegex(done.out, re.escape(says))

    def test_the_owner_is_not_needed_once_migrated(self):
        """All of ingestion ran as the writer."""
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events"), "2")
        self.assertEqual(self.sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'rastro'"), [[OWNER]])


if __name__ == "__main__":
    support.main()
