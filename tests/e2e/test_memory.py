#!/usr/bin/env python3
"""What members know from memory, when the database, a neighbour or the member
itself goes wrong: the cases that would break a table that is believed too much."""
import os
import signal
import threading
import time

import test_postgres_faults as faults
import world
from world import wait_for

MANY = 200000 if world.LONG else None
# All partitions at one pace, so that workers meet at new parcels.
ABREAST = ["-X", "max.partition.fetch.bytes=16384"]
METRICS = ("batches", "batches_straight", "conflicts", "reconnects", "fenced")


class Warm(world.Case):
    """Members whose counters are read, and rivals."""

    def measured(self, name, truth, *arguments, **kwargs):
        where = f"127.0.0.1:{world.servers.free_port()}"
        return self.member(name, truth, "--metrics", where, *arguments, **kwargs)

    def counted(self, *members):
        """The sums over the members, as last seen, and what to print of them."""
        for member in members or self.members:
            member.counters()
        sums = {name: sum(member.counted.get(name, 0) for member in members or self.members) for name in METRICS}
        print("    " + ", ".join(f"{n:,} {name}" for name, n in sums.items()), flush=True)
        return sums

    def assert_warm(self, *members):
        """Some batches were decided from memory: else a test proves nothing."""
        sums = self.counted(*members)
        self.assertGreater(sums["batches_straight"], 0)

    def in_background(self, step):
        """Calls step() again and again until the returned function is called."""
        stop = threading.Event()

        def loop():
            while not stop.is_set():
                step(stop)
        thread = threading.Thread(target=loop)
        thread.start()

        def end():
            stop.set()
            thread.join()
        self.addCleanup(end)
        return end


class FailOver(Warm, faults.FailOver):
    """Interleaving 1: what memory has is durable in another history only."""

    def warm_up(self, truth, feed):
        """A member that knows a lot, also of partitions that another one had before."""
        members = {}

        def ready():
            for name in ("warm", "other"):
                # A broker may not know a topic yet that was made a moment ago.
                if name not in members or members[name].code is not None:
                    members[name] = self.measured(name, truth, *faults.SMALL)
            return all(member.text().count(", term ") >= 4 for member in members.values())
        # Half of the partitions each, and only then something to do.
        wait_for("partitions", ready, 60)
        warm, other = members["warm"], members["other"]
        self.publish(feed)
        self.wait_applied(truth, 0.2)
        self.assertGreater(self.counted(other)["batches"], 0)
        self.assertEqual(other.terminate(), 0, other.tail())
        wait_for("its partitions", lambda: warm.text().count(", term ") >= 8, 60)
        self.wait_applied(truth, 0.3)
        return warm

    def go_on(self, truth, warm, acknowledged, kept):
        print(f"    {acknowledged - kept} messages lost, {kept} kept")
        self.assertGreater(acknowledged, kept)
        self.wait_applied(truth)
        self.counted(warm)
        self.end_members()
        self.assertIn("another history of the database", warm.text())
        self.judge(truth)

    def test_a_standby_that_lost_the_last_second(self):
        truth, halves = self.feed_in_halves(messages=MANY or 12000)
        standby = self.copy_of_primary("standby", "-R")
        standby.start()
        warm = self.warm_up(truth, halves[0])
        # Replication stands still, the members go on.
        receiver = int(standby.value("SELECT pid FROM pg_stat_wal_receiver", database="rastro"))
        os.kill(receiver, signal.SIGSTOP)
        self.publish(halves[1])
        self.wait_applied(truth, 0.75)
        acknowledged = self.applied(truth)
        self.pg.stop("immediate")
        self.promote(standby, receiver)
        kept = int(standby.value("SELECT sum(next) FROM rastro.positions"))
        self.take_over(standby)
        self.go_on(truth, warm, acknowledged, kept)

    def test_a_restored_backup(self):
        truth, halves = self.feed_in_halves(messages=MANY or 12000)
        warm = self.warm_up(truth, halves[0])
        backup = self.copy_of_primary("backup", "-X", "stream")
        self.publish(halves[1])
        self.wait_applied(truth, 0.75)
        acknowledged = self.applied(truth)
        self.pg.stop("immediate")
        # The same system and timeline as before; only its proofs are old.
        backup.start()
        kept = int(backup.value("SELECT sum(next) FROM rastro.positions"))
        self.take_over(backup)
        self.go_on(truth, warm, acknowledged, kept)


class Neighbours(Warm):
    """Interleavings 5 and 6: parcels that two workers write at the same time."""

    def rival(self, stop):
        """Ends a session at random, rather one that is in a transaction."""
        if not stop.wait(self.random.uniform(0.1, 0.4)):
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rastro_writer' "
                     "AND (state <> 'idle' OR random() < 0.1) ORDER BY random() LIMIT 1", check=False)

    def end_and_judge(self, truth):
        self.wait_applied(truth)
        sums = self.counted()
        self.end_members()
        # Nothing may hang on the number of a parcel that an aborted transaction took.
        for table in ("events", "source_views", "parcel_links", "shipment_updates"):
            self.assertEqual(self.value(f"SELECT count(*) FROM rastro.{table} WHERE parcel_id NOT IN "
                                        "(SELECT parcel_id FROM rastro.parcels)"), "0", table)
        self.judge(truth, repeated=True)
        return sums

    def borrow(self, truth, topics):
        """A member for each list of topics, all told the same parcels, and a rival."""
        for name, told in topics.items():
            self.measured(name, truth, "--batch-rows", "100", *ABREAST, topics=told, group=f"{self.tag}-{name}")
        self.wait_applied(truth, 0.01)
        end = self.in_background(self.rival)
        self.wait_applied(truth, 0.9)
        end()
        sums = self.end_and_judge(truth)
        self.assertGreater(sums["reconnects"] + sums["conflicts"], 0)

    def test_borrowed_parcels_in_one_process(self):
        truth, first, second = self.feed_on_more_topics(messages=MANY or 3500)
        self.borrow(truth, {"a": first + second})

    def test_borrowed_parcels_in_two_processes(self):
        truth, first, second = self.feed_on_more_topics(messages=MANY or 3500)
        self.borrow(truth, {"a": first, "b": second})

    def test_two_halves_in_two_orders_do_not_deadlock(self):
        truth, first, second = self.feed_on_more_topics(messages=MANY or 3000)
        for name, topics in (("a", first), ("b", second)):
            self.measured(name, truth, "--batch-rows", "50", *ABREAST, topics=topics, group=f"{self.tag}-{name}")
        sums = self.end_and_judge(truth)
        deadlocks = int(self.value("SELECT deadlocks FROM pg_stat_database WHERE datname = 'rastro'"))
        print(f"    {deadlocks} deadlocks in {sums['batches']:,} batches")
        self.assertLessEqual(deadlocks, sums["batches"] // 10000)

    def test_histories_dealt_out_to_two_processes(self):
        # Nothing is told twice that would heal a view that was decided from an older one.
        truth, first, second = self.feed_on_more_topics("--redeliver", "0", dealt=True, messages=MANY or 3500)
        for name, topics in (("a", first), ("b", second)):
            self.measured(name, truth, "--batch-rows", "100", *ABREAST, topics=topics, group=f"{self.tag}-{name}")
        self.end_and_judge(truth)


class Bounds(Warm):
    def test_a_table_too_small_for_the_parcels(self):
        # Short lives, so that there are many parcels.
        truth = self.feed("--days", "3", messages=MANY or 20000)
        for name in ("a", "b"):
            self.measured(name, truth, "--batch-rows", "500", "--table-bytes", "1m")
        self.wait_applied(truth)
        self.assert_warm()
        left_out = sum(member.counted.get(f"table_{name}", 0) for member in self.members for name in ("evicted", "refused"))
        self.end_members()
        parcels = int(self.value("SELECT count(*) FROM rastro.parcels"))
        print(f"    {parcels:,} parcels, {left_out:,} evicted or refused")
        self.assertGreater(left_out, 0)
        self.judge(truth)


class Aborts(Warm):
    def test_warm_members_that_die_at_random_points(self):
        truth = self.feed(messages=MANY or 6000)
        one_in = 2000 if world.LONG else 80
        alive, deaths = {}, 0
        deadline = time.monotonic() + (3000 if world.LONG else 150)
        while self.applied(truth) < truth.messages:
            self.assertLess(time.monotonic(), deadline, f"{deaths} deaths")
            for name in "ab":
                member = alive.get(name)
                if member and member.code is None:
                    member.counters()
                    continue
                if member:
                    self.assertEqual(member.code, -signal.SIGKILL, member.tail())
                    deaths += 1
                seed = self.random.randrange(1, 1 << 30)
                alive[name] = self.measured(f"{name}{deaths}", truth, "--batch-rows", "60",
                                            RASTRO_KILL=f"*:{one_in}:{seed}")
            time.sleep(0.2)
        print(f"    {deaths} deaths")
        self.assertGreater(deaths, 0)
        self.assert_warm()
        for member in self.members:
            member.end()
        self.drain(truth)
        self.judge(truth)


if __name__ == "__main__":
    world.run()
