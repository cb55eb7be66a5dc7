#!/usr/bin/env python3
"""rastro migrate, and what each verb says to a schema of another version."""
import hashlib
import json
import os
import subprocess

import support
from support import CONFIG, DATA, OWNER, READER, VERSION, WRITER

MIGRATIONS = sorted(name[:-4] for name in os.listdir(os.path.join(support.SCHEMA, "migrations")))
LOCK = "pg_advisory_lock(hashtext('rastro.migrate'))"


def setUpModule():
    support.start()


def text_of(name):
    with open(os.path.join(support.SCHEMA, "migrations", name + ".sql"), encoding="utf-8") as text:
        return text.read()


class Migrate(support.Test):
    @property
    def database(self):
        """Empty, unlike that of other tests."""
        if not self._database:
            self._database = self.new_database()
        return self._database

    def migrate(self, *options, user=OWNER, **kwargs):
        return self.run_rastro("migrate", *options, user=user, **kwargs)

    def start_migrate(self):
        return subprocess.Popen([support.RASTRO, "migrate"], env=support.environment(OWNER, self.database),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end_of(self, process):
        out, err = process.communicate(timeout=60)
        support.check_reports(err)
        self.assertEqual(process.returncode, 0, err)
        return out.splitlines()

    def migrate_to(self, version):
        """As an older release would have done."""
        self.sql("CREATE SCHEMA rastro; CREATE TABLE rastro.migrations (version integer PRIMARY KEY, "
                 "name text NOT NULL, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())")
        for i, name in enumerate(MIGRATIONS[:version], 1):
            sha = hashlib.sha256(text_of(name).encode()).hexdigest()
            self.sql(text_of(name))
            self.sql(f"INSERT INTO rastro.migrations VALUES ({i}, '{name}', '\\x{sha}')")

    def applied(self):
        return self.sql("SELECT version, name, encode(checksum, 'hex'), applied_at FROM rastro.migrations ORDER BY 1")

    def test_a_fresh_database_gets_all_versions_in_order(self):
        lines = self.migrate().out.splitlines()
        self.assertEqual(lines, [f"apply {name}" for name in MIGRATIONS] + [f"schema 0 -> {VERSION}"])
        self.assertEqual([row[:3] for row in self.applied()],
                         [[str(i), name, hashlib.sha256(text_of(name).encode()).hexdigest()]
                          for i, name in enumerate(MIGRATIONS, 1)])
        with open(os.path.join(support.SCHEMA, "status.json"), encoding="utf-8") as text:
            wanted = sorted([s["id"], s["name"], s["label"]] for s in json.load(text)["statuses"])
        found = self.sql("SELECT status, stage || coalesce('.' || nullif(detail, ''), ''), label FROM rastro.statuses")
        self.assertEqual(sorted([int(i), name, label] for i, name, label in found), wanted)
        self.run_rastro("status", user=OWNER)

    def test_a_second_run_does_nothing(self):
        self.migrate()
        before = self.applied()
        self.assertEqual(self.migrate().out, f"schema {VERSION} -> {VERSION}\n")
        self.assertEqual(self.applied(), before)

    def test_what_an_older_release_lacks_is_added(self):
        self.migrate_to(VERSION - 2)
        lines = self.migrate().out.splitlines()
        self.assertEqual(lines, [f"apply {name}" for name in MIGRATIONS[-2:]]
                         + [f"schema {VERSION - 2} -> {VERSION}"])

    def test_a_dry_run_says_and_changes_nothing(self):
        lines = self.migrate("--dry-run").out.splitlines()
        self.assertEqual(lines, [f"would apply {name}" for name in MIGRATIONS] + [f"schema 0 -> {VERSION} (dry run)"])
        self.assertEqual(self.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'rastro'"), "0")

    def test_two_at_once_apply_each_version_once(self):
        processes = [self.start_migrate() for _ in range(3)]
        lines = [line for p in processes for line in self.end_of(p)]
        self.assertEqual(sorted(line for line in lines if line.startswith("apply")),
                         [f"apply {name}" for name in MIGRATIONS])

    def test_it_waits_for_another_one_under_way(self):
        other = subprocess.Popen(["psql", "-X", "-q", "-A", "-t"], env=support.environment(OWNER, self.database),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(other.stdout.close)
        other.stdin.write(f"SELECT {LOCK};\n")
        other.stdin.flush()
        other.stdout.readline()
        process = self.start_migrate()
        self.wait_until("migrate at the lock", lambda: self.value(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "1")
        self.assertEqual(self.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'rastro'"), "0")
        other.stdin.close()
        other.wait()
        self.assertEqual(self.end_of(process)[-1], f"schema 0 -> {VERSION}")

    def test_a_changed_migration_is_refused(self):
        self.migrate_to(4)
        self.sql("UPDATE rastro.migrations SET checksum = '\\x00' WHERE version = 3")
        for options in ((), ("--dry-run",)):
            done = self.complaint("migrate", *options, user=OWNER, code=CONFIG, says=[
                f"migration 3 ({MIGRATIONS[2]})", "not the one of this release"])
            self.assertIn("Next:", done.err)
        self.assertEqual(len(self.applied()), 4)

    def test_a_failing_migration_leaves_nothing_of_itself(self):
        self.migrate_to(1)
        self.sql("CREATE TABLE rastro.source_views ()")
        # DATA: going on would be a guess.
        done = self.migrate(code=DATA)
        self.assertRegex(done.err, f"^rastro migrate: migration {MIGRATIONS[1]}: postgresql .*source_views.*\n$")
        self.assertEqual(self.value("SELECT to_regclass('rastro.parcels') IS NULL"), "t")
        self.sql("DROP TABLE rastro.source_views")
        self.assertEqual(self.migrate().out.splitlines()[-1], f"schema 1 -> {VERSION}")

    def test_events_say_after_their_rows_were_narrowed_what_they_said_before(self):
        self.migrate_to(8)
        self.sql("""
            INSERT INTO rastro.events (parcel_id, instant, published_at, recorded_at, kafka_offset, kafka_partition,
                topic, source, status, identity, iana, meaning, offset_minutes, marks, fp, said, kind, precision,
                zone_basis, sequence, code, text, time_words, zone_words, country, region, city, place, raw,
                message_sha)
            SELECT n * 100000, timestamptz '2026-01-01 00:00Z' + n * interval '7 hours', '2026-03-01 00:00Z',
                '2026-03-02 00:00Z', n, n % 3, 1 + n % 2, 1 + n % 4, n % 9, 1 + n % 2, 650 + n % 3, n % 2,
                60 * (n % 5) - 180, n * 7 % 512, md5(n::text)::uuid, md5('s' || n)::uuid, substr('spr', 1 + n % 3, 1),
                substr('dmsf', 1 + n % 4, 1), substr('gpra', 1 + n / 4 % 4, 1),
                CASE WHEN n % 2 = 0 THEN n END, CASE WHEN n & 1 > 0 THEN 'c' || n END,
                CASE WHEN n & 2 > 0 THEN 't' || n END, CASE WHEN n & 4 > 0 THEN 'w' || n END,
                CASE WHEN n & 8 > 0 THEN 'z' || n END, CASE WHEN n & 16 > 0 THEN 'BR' END,
                CASE WHEN n & 32 > 0 THEN 'r' || n END, CASE WHEN n & 64 > 0 THEN 'y' || n END,
                CASE WHEN n & 128 > 0 THEN 'p' || n END, CASE WHEN n % 3 = 0 THEN '\\x0102'::bytea END,
                CASE WHEN n % 5 = 0 THEN decode(md5(n::text), 'hex') END
            FROM generate_series(0, 83) n""")
        columns = ("parcel_id, instant, published_at, recorded_at, kafka_offset, kafka_partition, topic, source, "
                   "status, identity, iana, meaning, offset_minutes, marks, fp, said, kind, precision, zone_basis, "
                   "sequence, code, text, time_words, zone_words, country, region, city, place, raw, message_sha")
        before = self.sql(f"SELECT {columns} FROM rastro.events ORDER BY parcel_id")
        self.assertEqual(len(before), 84)
        self.migrate()
        self.assertEqual(self.sql(f"SELECT {columns} FROM rastro.events ORDER BY parcel_id"), before)
        self.assertGreater(int(self.value("SELECT count(DISTINCT tableoid) FROM rastro.event_rows")), 1)

    def test_a_role_without_rights_is_told_so(self):
        for user in (WRITER, READER):
            self.complaint("migrate", user=user, code=CONFIG, says=["permission denied", user])
        self.assertEqual(self.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'rastro'"), "0")


class OtherVersion(support.Test):
    """Each verb looks at the schema before it does anything."""

    topics = ("scans:1",)
    verbs = (("timeline", "RB123456785CN"), ("status",), ("quarantine", "list"), ("quarantine", "export"),
             ("offsets", "show"), ("offsets", "resume", "scans/0", "--reason", "x"))

    def all_refuse(self, says, next_step):
        brokers = ("--brokers", self.broker.brokers)
        for verb in self.verbs:
            with self.subTest(verb=verb):
                options = brokers if verb[0] == "offsets" else ()
                done = self.complaint(*verb, *options, code=CONFIG, says=says)
                self.assertIn(f"Next: {next_step}", done.err)
        with self.subTest(verb="ingest"):
            done = self.run_rastro("ingest", *brokers, "--topic", "scans", "--until-end", code=CONFIG)
            self.assertIn(says, done.err)
            self.assertIn(f"Next: {next_step}", done.err)
        with self.subTest(verb="check"):
            done = self.run_rastro("check", *brokers, code=CONFIG)
            self.assertRegex(done.out, f"FAILED  postgresql .*{says}")
            self.assertIn(f"Next: {next_step}", done.out)

    def test_an_older_schema_is_to_be_migrated(self):
        self.sql(f"DELETE FROM rastro.migrations WHERE version = {VERSION}")
        self.all_refuse(f"schema version {VERSION - 1}, this release needs", "rastro migrate")

    def test_a_database_without_schema_is_to_be_migrated(self):
        self._database = self.new_database()
        self.all_refuse("schema version 0, this release needs", "rastro migrate")

    def test_a_newer_schema_that_only_adds_is_worked_with(self):
        self.sql("INSERT INTO rastro.migrations (version, name, checksum) VALUES (99, '0099_more', '\\x00')")
        self.run_rastro("status")
        self.run_rastro("status", user=READER)
        self.ingest("scans")
        self.assertEqual(self.run_rastro("migrate", user=OWNER).out, "schema 99 -> 99\n")

    def test_a_newer_schema_that_took_something_away_is_refused(self):
        self.sql("INSERT INTO rastro.migrations (version, name, checksum) VALUES (99, '0099_less', '\\x00');"
                 "UPDATE rastro.settings SET value = '99' WHERE name = 'schema.least'")
        says = f"schema version 99 needs a release that knows version 99; this one knows {VERSION}"
        self.all_refuse(says, "upgrade rastro")
        self.complaint("status", user=READER, code=CONFIG, says=says)
        self.complaint("migrate", user=OWNER, code=CONFIG, says=says)

    def test_statuses_of_a_newer_release_are_not_taken_back(self):
        self.sql("UPDATE rastro.settings SET value = '99999' WHERE name = 'statuses';"
                 "UPDATE rastro.statuses SET label = 'newer' WHERE status = 1")
        self.run_rastro("migrate", user=OWNER)
        self.assertEqual(self.value("SELECT label FROM rastro.statuses WHERE status = 1"), "newer")


if __name__ == "__main__":
    support.main()
