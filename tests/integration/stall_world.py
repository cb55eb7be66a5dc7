"""What the tests of stalls share: parcels that were seen so many days ago, a broker for
each test, and other processes that only detect."""
import json
import os
import time

import support
from support import scan

DAY = 86400
NOW = time.time()


def ago(days):
    """An instant so many days before the test began, to the minute."""
    return time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(NOW - days * DAY))


def step(number, days_ago, status, country="CN", **more):
    return dict(scan(number, ago(days_ago), code=status, status=status, feed="correios",
                     place={"country": country}), origin="CN", destination="BR", **more)


def stopped(process):
    with open(f"/proc/{process.pid}/stat") as text:
        return text.read().rpartition(")")[2].split()[0] == "T"


def ago_of(epoch):
    return round((NOW - float(epoch)) / DAY) if epoch else None


class Case(support.Test):
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
        found = []

        def there():
            found[:] = self.episodes(number)
            return found == list(expected)
        try:
            self.wait_until(f"{number} has {expected}", there)
        except AssertionError as late:
            self.fail(f"{late}, but {found}")

    def detect(self, *options, env=None):
        """Another process: it reads a topic on which nothing comes."""
        if not hasattr(self, "other"):
            self.other = support.start_broker(f"{self.id()}-other", ["nothing:1"])
            self.addCleanup(support.stop_broker, self.other)
        mine, self.broker = self.broker, self.other
        try:
            return self.start_ingest("nothing", options=options, env=env)
        finally:
            self.broker = mine

    def wait_complete(self):
        told = self.value("SELECT clock_timestamp()")
        self.wait_until("the feed is complete up to now", lambda: self.value(
            f"SELECT complete_to > '{told}' FROM rastro.feed_list") == "t")

    def wait_rounds(self):
        """Until the other process has gone on for some seconds: a partition is
        complete up to the time before it was asked for last."""
        told = self.value("SELECT clock_timestamp()")
        self.wait_until("the other process goes on", lambda: self.value(
            f"SELECT complete_to > '{told}' FROM rastro.progress WHERE topic = 'nothing'") == "t")

    def shipped_rules(self):
        with open(os.path.join(support.SCHEMA, "stalls.json"), encoding="utf-8") as text:
            return json.load(text)
