#!/usr/bin/env python3
"""PostgreSQL that goes away, answers late, or refuses, under running members."""
import os
import signal
import subprocess
import threading
import time

import world
from proxy import Plan, Proxy
from world import servers, wait_for

SMALL = ["--batch-rows", "2000" if world.LONG else "300"]


class Connections(world.Case):
    def setUp(self):
        super().setUp()
        self.proxy = Proxy(self.pg.port)
        self.pg_port = self.proxy.port
        self.addCleanup(self.proxy.close)

    def through_proxy(self, truth, plan):
        """All of the truth, by two members; the plan holds once they run, since
        whoever cannot connect at the start says so and ends."""
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        self.wait_applied(truth, 0.01)
        self.proxy.plan = plan
        self.proxy.cut()
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_cut_after_n_bytes_to_the_server_n_swept(self):
        truth = self.feed_of(8000)
        # The first bytes are the start of a session; a batch has some 100 KB.
        sweep = iter([int(300 * 1.13 ** step * self.random.uniform(0.9, 1.1)) for step in range(60)])
        self.through_proxy(truth, lambda: Plan(to_server=next(sweep, None)))
        print(f"    {self.proxy.cuts} connections cut")
        self.assertGreater(self.proxy.cuts, 10)

    def test_cut_after_n_bytes_from_the_server_n_swept(self):
        truth = self.feed_of(8000)
        sweep = iter([int(400 * 1.12 ** step * self.random.uniform(0.9, 1.1)) for step in range(60)])
        self.through_proxy(truth, lambda: Plan(from_server=next(sweep, None)))
        print(f"    {self.proxy.cuts} connections cut")
        self.assertGreater(self.proxy.cuts, 10)

    def test_reply_of_commit_dropped(self):
        truth = self.feed_of(8000)
        # A session's first COMMITs are those of claims.
        self.through_proxy(truth, lambda: Plan(drop_reply_of_commit=self.random.randint(1, 12)))
        print(f"    {self.proxy.dropped} answers dropped")
        self.assertGreater(self.proxy.dropped, 3)
        told = "".join(member.text() for member in self.members)
        self.assertIn("the answer to COMMIT was lost; it had gone through", told)

    def test_every_connection_cut_again_and_again(self):
        truth = self.feed(messages=8000)
        stop = threading.Event()

        def cutter():
            while not stop.wait(self.random.uniform(0.3, 1.5)):
                self.proxy.cut()
        thread = threading.Thread(target=cutter)
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        # A member that cannot connect when it starts says so and ends.
        self.wait_applied(truth, 0.01)
        thread.start()
        try:
            self.wait_applied(truth, 0.7)
        finally:
            stop.set()
            thread.join()
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)


class Servers(world.Case):
    def test_backends_ended_under_load(self):
        truth = self.feed(messages=8000)
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        for share in (0.05, 0.15, 0.3, 0.5, 0.7):
            self.wait_applied(truth, share)
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rastro_writer'")
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_server_crashes_and_comes_back(self):
        truth = self.feed(messages=8000)
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        for share in (0.1, 0.4, 0.6):
            self.wait_applied(truth, share)
            self.pg.stop("immediate")
            time.sleep(self.random.uniform(0, 1))
            self.pg.start()
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_a_rival_that_locks_in_reverse_order(self):
        self.sql("ALTER DATABASE rastro SET deadlock_timeout = '50ms'")
        truth = self.feed(messages=8000)
        stop = threading.Event()

        def rival():
            while not stop.is_set():
                rows = self.sql("SELECT parcel_id FROM rastro.parcels ORDER BY parcel_id DESC LIMIT 60", check=False)
                locks = "".join(f"SELECT 1 FROM rastro.parcels WHERE parcel_id = {row[0]} FOR UPDATE;"
                                f"SELECT pg_sleep(0.01);" for row in rows)
                self.sql(f"BEGIN; {locks} COMMIT;", check=False)
        thread = threading.Thread(target=rival)
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        self.wait_applied(truth, 0.05)
        thread.start()
        try:
            self.wait_applied(truth, 0.9)
        finally:
            stop.set()
            thread.join()
        self.wait_applied(truth)
        self.end_members()
        deadlocks = self.value("SELECT deadlocks FROM pg_stat_database WHERE datname = 'rastro'")
        print(f"    {deadlocks} deadlocks")
        self.judge(truth)

    def test_rows_that_postgresql_alone_refuses_go_to_quarantine_one_by_one(self):
        self.sql("ALTER TABLE rastro.event_rows ADD CONSTRAINT planted CHECK (offset_minutes <> 480 "
                 "OR instant NOT BETWEEN '2025-11-02 00:00+08' AND '2025-11-02 23:59+08')")
        truth = self.feed(messages=2000)
        topic = truth.topics[0]
        message = ('{"rastro":"event/1","number":"RB123456785CN",'
                   '"event":{"time":"2025-11-0%dT10:%02d:00+08:00","code":"X%d","text":"fine"}}')
        lines = "".join(f"commit\t0\tk\t{message % (2 if n % 20 == 3 else 1, n, n)}\n" for n in range(60))
        self.admin("transact", topic, input=lines)
        self.drain(truth)
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events WHERE text = 'fine'"), "57")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.quarantined_events WHERE reason LIKE '%planted%'"),
                         "3")

    def test_a_refusal_of_nearly_everything_halts_and_empties_nothing_into_quarantine(self):
        self.sql("ALTER TABLE rastro.event_rows ADD CONSTRAINT planted CHECK (status = 0)")
        truth = self.feed(topics="scans:2", messages=2000)
        # A batch of few refused rows may go to quarantine: all that a partition has comes in one.
        self.drain(truth, "--batch-age", "5s", codes=(65,))
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events"), "0")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.quarantined_events WHERE reason LIKE '%planted%'"), "0")
        self.sql("ALTER TABLE rastro.event_rows DROP CONSTRAINT planted")
        for row in self.sql("SELECT topic, partition FROM rastro.positions WHERE halted IS NOT NULL"):
            self.rastro("offsets", "resume", "/".join(row), "--reason", "the constraint is gone")
        self.drain(truth)
        self.judge(truth)

    def leave_behind_a_lock(self, *arguments):
        """A member is asked to end while its detector's round waits for a lock."""
        truth = self.feed(messages=300)
        holder = threading.Thread(target=self.sql, args=(
            "BEGIN; LOCK TABLE rastro.rules_versions; SELECT pg_sleep(60); COMMIT",), kwargs={"check": False})
        holder.start()
        try:
            wait_for("the lock", lambda: self.waiting("granted") == "1")
            member = self.member("a", truth, *arguments)
            self.wait_applied(truth)
            wait_for("the detector to wait", lambda: self.waiting("NOT granted") == "1")
            self.assertEqual(member.terminate(), 0, member.tail())
        finally:
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rastro_owner' "
                     "AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()")
            holder.join()
        self.judge(truth)

    def waiting(self, how):
        return self.value(f"SELECT count(*) FROM pg_locks WHERE relation = 'rastro.rules_versions'::regclass "
                          f"AND pid <> pg_backend_pid() AND {how}")

    def test_a_member_asked_to_end_waits_for_no_round_of_its_detector(self):
        self.leave_behind_a_lock()

    def test_a_member_that_read_to_the_end_and_is_asked_to_end_waits_for_no_round_of_its_detector(self):
        self.leave_behind_a_lock("--until-end")


class FailOver(world.Case):
    """Another server, or an older state of this one, takes over under running
    members; what it lacks comes again from Kafka."""

    pg_settings = {"wal_level": "replica", "max_wal_senders": "4", "fsync": "off", "max_connections": "50"}

    def setUp(self):
        super().setUp()
        self.proxy = Proxy(self.pg.port)
        self.pg_port = self.proxy.port
        self.addCleanup(self.proxy.close)

    def copy_of_primary(self, name, *arguments):
        """pg_basebackup as its own server folder."""
        folder = os.path.join(self.home, name)
        os.makedirs(os.path.join(folder, "run"))
        copy = servers.Postgres(folder, self.pg_settings)
        copy.facts.update(self.pg.facts, port=servers.free_port(), pid=0)
        with open(self.pg.pgpass) as text, open(os.open(copy.pgpass, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(text.read())
        for path in (self.home, folder, os.path.join(folder, "run")):
            subprocess.run(["chmod", "777", path], check=True)
        env = dict(os.environ, PGPASSWORD=self.pg.facts["password"])
        copy.as_server_user(copy.bin("pg_basebackup"), "-D", copy.data, "-h", "127.0.0.1", "-p", str(self.pg.port),
                            "-U", "rastro_owner", "-c", "fast", *arguments, env=env)
        return copy

    def promote(self, standby, receiver):
        """With what it has: its receiver dies, upon which all its processes start
        again, and it may be asked for its promotion in between."""
        os.kill(receiver, signal.SIGKILL)

        def promoted():
            standby.psql("SELECT pg_promote(false) WHERE pg_is_in_recovery()", check=False)
            return standby.value("SELECT pg_is_in_recovery()", check=False) == "f"
        world.wait_for("promotion", promoted, 60)

    def take_over(self, copy):
        """Members reach the copy from now on, and so does the judge."""
        primary, self.pg = self.pg, copy
        self.addCleanup(primary.start)
        self.addCleanup(copy.stop, "immediate")
        self.proxy.retarget(copy.port)
        self.proxy.cut()

    def test_a_standby_that_lost_the_last_second(self):
        truth, halves = self.feed_in_halves(messages=200000 if world.LONG else 16000)
        standby = self.copy_of_primary("standby", "-R")
        standby.start()
        self.publish(halves[0])
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        self.wait_applied(truth, 0.4)
        # Replication stands still, the members go on.
        receiver = int(standby.value("SELECT pid FROM pg_stat_wal_receiver", database="rastro"))
        os.kill(receiver, signal.SIGSTOP)
        self.publish(halves[1])
        self.wait_applied(truth, 0.7)
        acknowledged = self.applied(truth)
        self.pg.stop("immediate")
        self.promote(standby, receiver)
        kept = int(standby.value("SELECT sum(next) FROM rastro.positions"))
        self.take_over(standby)
        print(f"    {acknowledged - kept} messages lost with the primary, {kept} kept")
        self.assertGreater(acknowledged, kept)
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_a_restored_backup(self):
        truth, halves = self.feed_in_halves(messages=200000 if world.LONG else 16000)
        self.publish(halves[0])
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        self.wait_applied(truth, 0.2)
        backup = self.copy_of_primary("backup", "-X", "stream")
        self.publish(halves[1])
        self.wait_applied(truth, 0.7)
        acknowledged = self.applied(truth)
        self.pg.stop("immediate")
        # The same system and timeline as before; only its proofs are old.
        backup.start()
        kept = int(backup.value("SELECT sum(next) FROM rastro.positions"))
        self.take_over(backup)
        print(f"    {acknowledged - kept} messages lost, {kept} kept")
        self.assertGreater(acknowledged, kept)
        self.wait_applied(truth)
        self.end_members()
        self.assertIn("another history of the database", "".join(member.text() for member in self.members))
        self.judge(truth)


if __name__ == "__main__":
    world.run()
