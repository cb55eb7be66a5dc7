#!/usr/bin/env python3
"""How far partitions, and the feeds of sources, are complete: idle ones too, never
further than what is applied, and by whom they are held back."""
import threading
import time

import support
from support import scan


def setUpModule():
    support.start()


class Progress(support.Test):
    """A broker for each test: what is on its topic differs."""

    def setUp(self):
        super().setUp()
        self.broker = support.start_broker(self.id(), ["scans:3"])
        self.addCleanup(support.stop_broker, self.broker)

    def now(self):
        return self.value("SELECT clock_timestamp()")

    def complete_since(self, instant):
        """How many partitions are complete up to a later time."""
        return self.value(f"SELECT count(*) FROM rastro.progress WHERE complete_to > '{instant}'")

    def wait_complete(self, partitions, instant):
        self.wait_until(f"{partitions} partitions are complete up to {instant}",
                        lambda: self.complete_since(instant) == str(partitions))

    def feed(self):
        return self.sql("SELECT source, complete_to, topic, partition, owner IS NOT NULL, halted FROM rastro.feed_list")

    def test_partitions_where_nothing_comes_are_complete_up_to_now(self):
        support.publish(self.broker, "scans", [scan("AA1", "2026-10-01T10:00:00Z")])
        self.start_ingest("scans")
        self.wait_complete(3, self.now())
        self.wait_complete(3, self.now())  # and go on being so
        [[source, complete_to, topic, partition, owned, halted]] = self.feed()
        self.assertEqual((source, topic, partition, owned, halted), ("rastro/test", "scans", "0", "t", ""),
                         "one partition had it, and the two empty ones are not its")

    def test_what_is_not_applied_is_not_complete(self):
        process = self.start_ingest("scans")
        self.wait_complete(3, self.now())
        lock = threading.Thread(target=self.sql, args=(
            "BEGIN; LOCK TABLE rastro.event_rows IN SHARE MODE; SELECT pg_sleep(8); ROLLBACK",))
        lock.start()
        self.addCleanup(lock.join)
        self.wait_until("it is locked", lambda: self.value(
            "SELECT count(*) FROM pg_locks WHERE relation = 'rastro.event_rows'::regclass "
            "AND mode = 'ShareLock'") == "1")
        support.publish(self.broker, "scans", [scan(f"AA{i}", "2026-10-01T10:00:00Z") for i in range(2)], partitions=2)
        published = self.now()
        self.wait_complete(1, published)  # the third, where nothing came
        time.sleep(3)
        self.assertTrue(lock.is_alive())
        self.assertEqual(self.complete_since(published), "1", "what came to the others is not applied")
        lock.join()
        self.wait_complete(3, self.now())
        self.assertIsNone(process.poll())

    def test_a_partition_that_nobody_reads_holds_its_source_back(self):
        support.publish(self.broker, "scans", [scan(f"AA{i}", "2026-10-01T10:00:00Z") for i in range(3)], partitions=3)
        process = self.start_ingest("scans")
        self.wait_complete(3, self.now())
        self.assertEqual(self.terminate(process), 0)
        [[source, complete_to, topic, partition, owned, halted]] = self.feed()
        self.assertEqual((source, owned), ("rastro/test", "f"))
        self.assertEqual(complete_to, self.value("SELECT min(complete_to) FROM rastro.progress"))
        status = self.run_rastro("status", "--format", "json").json
        self.fits("status", status)
        self.assertEqual(status["feeds"][0]["by"]["owner"], None)
        self.sql("UPDATE rastro.progress SET complete_to = complete_to - interval '1 hour' WHERE partition = 1")
        said = self.run_rastro("status").out
        self.assertRegex(said, "rastro/test complete to .*, held back by scans/1, which nobody reads")

    def test_a_source_waits_for_partitions_that_it_was_seen_on_lately(self):
        support.publish(self.broker, "scans", [scan(f"AA{i}", "2026-10-01T10:00:00Z") for i in range(3)], partitions=3)
        self.ingest("scans")
        self.sql("INSERT INTO rastro.progress SELECT cluster, topic, partition, "
                 "'2026-01-01'::timestamptz + partition * interval '1 day', now() FROM rastro.positions "
                 "ON CONFLICT (cluster, topic, partition) DO UPDATE SET complete_to = excluded.complete_to")
        self.assertEqual(self.value("SELECT partition FROM rastro.feed_list"), "0")
        self.sql("UPDATE rastro.origins SET seen_at = now() - interval '31 days' WHERE kafka_partition = 0")
        self.assertEqual(self.value("SELECT partition FROM rastro.feed_list"), "1")
        self.sql("INSERT INTO rastro.settings VALUES ('feed.seen_days', '40')")
        self.assertEqual(self.value("SELECT partition FROM rastro.feed_list"), "0")

    def test_an_origin_is_seen_when_it_tells_something_new(self):
        support.publish(self.broker, "scans", [scan("AA1", "2026-10-01T10:00:00Z")])
        self.start_ingest("scans")
        self.wait_until("the first is there", lambda: self.value("SELECT count(*) FROM rastro.events") == "1")
        self.sql("UPDATE rastro.origins SET seen_at = now() - interval '31 days'")
        support.publish(self.broker, "scans", [scan("AA2", "2026-10-01T10:00:00Z")], more=True)
        self.wait_until("it was seen", lambda: self.value(
            "SELECT count(*) FROM rastro.origins WHERE seen_at > now() - interval '1 day'") == "1")


if __name__ == "__main__":
    support.main()
