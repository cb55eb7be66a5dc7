#!/usr/bin/env python3
"""The whole way of a stall on a real Kafka: a parcel goes silent while members of a
fleet run, its alert arrives, its next scan closes it, and all see the same.  The
topic has twelve partitions, of which one is always empty."""
import json
import os
import time

from jsonschema import Draft202012Validator

import world
from world import wait_for

PARTITIONS = 12
DAY = 86400
SILENT_IN = 12  # seconds from now on


def instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + "Z"


def scan(number, at, status="transit.arrived"):
    return {"rastro": "event/1", "feed": "correios", "number": number, "carrier": "correios", "origin": "CN",
            "destination": "BR", "event": {"code": status, "status": status, "time": instant(at),
                                           "place": {"country": "BR"}}}


class StallWay(world.Case):
    def setUp(self):
        super().setUp()
        self.scans, self.alerts = f"{self.tag}-scans", f"{self.tag}-alerts"
        self.admin("create", self.scans, PARTITIONS)
        self.admin("create", self.alerts, 3)
        wait_for("the topic", lambda: self.admin("read", self.alerts, codes=(0, 1)).returncode == 0)

    def tell(self, *messages):
        """(partition, scan) each."""
        self.admin("transact", self.scans, input="".join(
            f"commit\t{partition}\t{message['number']}\t{json.dumps(message)}\n" for partition, message in messages))

    def told(self):
        """Of committed alerts: what, of which parcel, in their order for each."""
        values = [json.loads(line.split("\t")[4]) for line in self.admin("read", self.alerts).stdout.splitlines()]
        return sorted(values, key=lambda v: (v["subject"], v["data"]["revision"]))

    def wait_told(self, *expected):
        def found():
            return [(v["type"].split(".")[2], v["subject"]) for v in self.told()]
        try:
            wait_for("alerts", lambda: found() == list(expected), 60)
        except world.servers.ServerError as late:
            self.fail(f"{late}: {found()}\n" + "\n".join(m.tail() for m in self.members))

    def seen(self):
        """What a reader sees in `rastro stalled`."""
        page = json.loads(self.rastro("stalled", "--format", "json", user="rastro_reader").stdout)
        return [(e["number"], e["kind"]) for e in page["episodes"]]

    def test_a_parcel_goes_silent_and_comes_back(self):
        for name in ("a", "b"):
            self.member(name, None, "--alerts", self.alerts, topics=[self.scans])
        start = time.time()
        due = start + SILENT_IN
        self.tell((0, scan("SILENT1", due - 10 * DAY)),
                  *((n, scan(f"LIVE{n}", start - DAY)) for n in range(PARTITIONS - 1)))
        wait_for("the scans", lambda: self.value("SELECT count(*) FROM rastro.events") == str(PARTITIONS))
        self.assertLess(time.time(), due, "it is not silent yet")
        self.assertEqual((self.told(), self.seen()), ([], []))

        self.wait_told(("opened", "SILENT1"))
        self.assertGreater(time.time(), due - 1)
        self.assertEqual(self.seen(), [("SILENT1", "no_update")])
        owners = self.sql("SELECT owner FROM rastro.positions WHERE owner IS NOT NULL GROUP BY 1")
        self.assertEqual(len(owners), 2, "both read some of it")

        # The scan comes on each partition but the empty one, so whoever detects and
        # whoever reads are also two.
        moved = time.time()
        self.tell(*((n, scan("SILENT1", moved)) for n in range(1, PARTITIONS - 1)))
        self.wait_told(("opened", "SILENT1"), ("closed", "SILENT1"))
        self.assertEqual(self.seen(), [])
        with open(os.path.join(world.ROOT, "schema/alert.schema.json"), encoding="utf-8") as text:
            schema = Draft202012Validator(json.load(text))
        for value in self.told():
            self.assertEqual([e.message for e in schema.iter_errors(value)], [], value)
        why = json.loads(self.rastro("why", "SILENT1", "--format", "json", user="rastro_reader").stdout)
        self.assertEqual([e["until"] for e in why["episodes"]], [instant(moved)])
        self.assertEqual(self.value(f"SELECT count(*) FROM rastro.progress WHERE partition = {PARTITIONS - 1} "
                                    "AND complete_to > now() - interval '10 seconds'"), "1", "idle, and complete")
        for member in self.members:
            self.assertEqual(member.terminate(), 0, member.tail())


if __name__ == "__main__":
    world.run()
