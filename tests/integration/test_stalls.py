#!/usr/bin/env python3
"""Episodes: opened when feed time has passed what was due, closed by the scan's own
transaction, withdrawn when they never were, and told of in the outbox."""
import json
import time

import support
from support import OWNER, scan

DAY = 86400


def setUpModule():
    support.start()


NOW = time.time()


def ago(days):
    """An instant so many days before the test began, to the minute."""
    return time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(NOW - days * DAY))


def step(number, days_ago, status, country="CN", **more):
    return dict(scan(number, ago(days_ago), code=status, status=status, feed="correios",
                     place={"country": country}), origin="CN", destination="BR", **more)


class Stalls(support.Test):
    """A broker for each test: what is on its topic differs."""

    def setUp(self):
        super().setUp()
        self.broker = support.start_broker(self.id(), ["scans:1"])
        self.addCleanup(support.stop_broker, self.broker)
        self.published = False

    def tell(self, *messages, hour_ago=False):
        at_ms = int((NOW - 3600) * 1000) if hour_ago else None
        support.publish(self.broker, "scans", list(messages), more=self.published, at_ms=at_ms)
        self.published = True

    def episodes(self, number=None):
        """kind, state, since and until in days before the test, revision"""
        where = f"WHERE number = '{number}'" if number else ""
        return [(kind, state, ago_of(since), ago_of(until), int(revision)) for kind, state, since, until, revision in
                self.sql("SELECT rastro.stall_kind(kind), state, extract(epoch FROM since), extract(epoch FROM until), "
                         f"revision FROM rastro.episodes {where} ORDER BY number, since, kind")]

    def wait_for(self, number, *expected):
        self.wait_until(f"{number} has {expected}", lambda: self.episodes(number) == list(expected))

    def test_what_is_due_is_opened_and_nothing_else(self):
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"), step("MOVES1", 3, "transit.arrived", "BR"),
                  hour_ago=True)
        self.ingest("scans")
        self.assertEqual(self.episodes(), [("no_update", "o", 20, None, 1)])

    def test_the_next_scan_closes_it_in_its_own_transaction(self):
        self.start_ingest("scans")
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"))
        self.wait_for("SILENT1", ("no_update", "o", 20, None, 1))
        self.tell(step("SILENT1", 1, "transit.arrived", "BR"))
        self.wait_for("SILENT1", ("no_update", "e", 20, 1, 2))
        self.assertEqual(self.value("SELECT e.gone_at = r.recorded_at FROM rastro.episodes e JOIN rastro.events r "
                                    "ON r.parcel_id = e.parcel_id AND r.fp = e.ended_fp"), "t")

    def test_a_late_scan_shows_that_it_never_was(self):
        self.start_ingest("scans")
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"))
        self.wait_for("SILENT1", ("no_update", "o", 20, None, 1))
        self.tell(step("SILENT1", 22, "transit.arrived", "BR"))
        self.wait_for("SILENT1", ("no_update", "w", 20, None, 2), ("no_update", "o", 12, None, 1))


def ago_of(epoch):
    return round((NOW - float(epoch)) / DAY) if epoch else None


if __name__ == "__main__":
    support.main()
