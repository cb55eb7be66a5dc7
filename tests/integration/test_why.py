#!/usr/bin/env python3
"""rastro why: whether a parcel counts as stalled, by which rule, and what would change it."""
import json
import os
import shutil
import tempfile
import time

import support
from support import NO, READER, USAGE, scan

DAY = 86400


def setUpModule():
    support.start()


NOW = time.time()


def ago(days):
    """An instant so many days before the test began, to the minute."""
    return time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(NOW - days * DAY))


def step(number, days_ago, status, country="CN", city=None, **more):
    return dict(scan(number, ago(days_ago), code=status, status=status, feed="correios",
                     place={"country": country, "city": city}), origin="CN", destination="BR", **more)


def order(name, number, updated, **more):
    return dict({"rastro": "shipment/1", "marketplace": "m", "order": name, "updated": updated,
                 "parcels": [{"number": number, "carrier": "correios"}]}, **more)


FORTALEZA = {"country": "BR", "region": "CE", "city": "Fortaleza"}
STORY = [
    step("SILENT1", 42, "accepted.scan"), step("SILENT1", 40, "customs.released", "BR", "Curitiba"),
    step("WOKE1", 40, "transit.arrived", "BR"), step("WOKE1", 20, "delivered.signed", "BR"),
    order("o-1", "ORDERED1", ago(50), dispatched=ago(49), destination=FORTALEZA, promised={"from": None, "to": ago(35)}),
    step("ORDERED1", 45, "transit.arrived", "BR"), step("ORDERED1", 38, "transit.arrived", "BR"),
    step("ORDERED1", 30, "delivered.other", "BR", "Recife"),
    order("o-2", "UNSEEN1", ago(50), dispatched=ago(20)),
    step("FIRST1", 60, "transit.departed", "CN", next={"number": "NEXT1", "carrier": "correios"}),
    step("NEXT1", 50, "transit.arrived", "BR"),
]


class Why(support.Test):
    """Each test has a copy of a database into which all of that was read."""

    topics = ("scans:1",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.publish(cls.broker, "scans", STORY)
        cls.filled = cls.new_database("rastro")
        done = support.run("ingest", "--brokers", cls.broker.brokers, "--topic", "scans", "--until-end",
                           database=cls.filled)
        if done.code:
            raise support.servers.ServerError(f"rastro ingest {done}")

    def setUp(self):
        super().setUp()
        self._database = self.new_database(self.filled)

    def why(self, number, *options, **kwargs):
        result = self.run_rastro("why", number, "--format", "json", *options, user=READER, **kwargs).json
        self.fits("why", result)
        return result

    def said(self, number, *options):
        return self.run_rastro("why", number, *options, user=READER).out

    def test_a_silent_parcel_is_stalled_since_its_limit(self):
        result = self.why("SILENT1")
        self.assertEqual((result["stalled"], result["leg"], result["carrier"]), (True, "last_mile", "correios"))
        [episode] = result["episodes"]
        self.assertEqual((episode["kind"], episode["started"], episode["since"], episode["until"]),
                         ("no_update", ago(40), ago(30), None))
        self.assertEqual(episode["rule"], {"name": "default-last-mile", "version": 1, "after": "P10D"})
        self.assertEqual(episode["last"]["status"], "customs.released")
        said = self.said("silent 1")
        self.assertRegex(said, r"STALLED  no_update since \S+ \S+Z, rule default-last-mile v1\n")
        self.assertRegex(said, r"  last   \S+ \S+Z customs.released, Curitiba BR, \"customs.released\" \(rastro/correios\)\n")
        self.assertRegex(said, r"  due    \S+ \S+Z \+ P10D = \S+ \S+Z\n")

    def test_nobody_is_stalled_because_we_are_behind(self):
        self.assertTrue(self.why("SILENT1")["stalled"])
        self.sql(f"UPDATE rastro.progress SET complete_to = '{ago(31)}'")
        behind = self.why("SILENT1")
        self.assertEqual((behind["stalled"], behind["episodes"]), (False, []))
        self.assertEqual([(c["kind"], c["due"]) for c in behind["clocks"]], [("no_update", ago(30))])
        self.assertIn("NOT      stalled\nWOULD BE no_update from", self.said("SILENT1"))
        self.sql("DELETE FROM rastro.progress")
        for number in ("SILENT1", "UNSEEN1"):
            self.assertFalse(self.why(number)["stalled"])
            self.assertIn("FEED     not known: no member told yet how far it is", self.said(number))

    def test_the_next_scan_ended_it(self):
        result = self.why("WOKE1")
        self.assertFalse(result["stalled"])
        [episode] = result["episodes"]
        self.assertEqual((episode["since"], episode["until"]), (ago(30), ago(20)))
        self.assertEqual(episode["ended_by"]["status"], "delivered.signed")
        self.assertRegex(self.said("WOKE1"), r"WAS      no_update since \S+ \S+Z until \S+ \S+Z,")

    def test_what_was_known_then_is_asked_with_as_of(self):
        self.sql(f"UPDATE rastro.event_rows SET recorded_at = '{ago(40)}'")
        self.assertFalse(self.why("SILENT1", "--as-of", ago(31))["stalled"])
        self.assertTrue(self.why("SILENT1", "--as-of", ago(29))["stalled"])

    def test_orders_are_held_against_what_was_told(self):
        kinds = {e["kind"]: (e["since"], e["until"]) for e in self.why("o-1")["episodes"]}
        self.assertEqual(kinds, {"overdue": (ago(35), ago(30)), "contradicted.delivered_elsewhere": (ago(30), None)})
        said = self.said("ORDERED1")
        self.assertRegex(said, r"delivered.other, Recife BR, .*; ordered to Fortaleza CE BR\n")
        self.assertRegex(said, r"transit.arrived BR, .*; promised by \S+ \S+Z\n")

    def test_a_number_that_nobody_scanned_is_told_from_its_dispatch(self):
        result = self.why("UNSEEN1")
        [episode] = result["episodes"]
        self.assertEqual((episode["kind"], episode["since"], episode["last"]), ("never_scanned", ago(13), None))
        self.assertIsNone(result["feed"]["source"], "its first scan may come from anybody")
        self.assertIn("  last   no scan\n", self.said("UNSEEN1"))

    def test_the_next_number_has_the_clock(self):
        first, second = self.why("FIRST1"), self.why("NEXT1")
        self.assertEqual((first["stalled"], first["episodes"], first["clocks"]), (False, [], []))
        [episode] = second["episodes"]
        self.assertEqual((second["leg"], episode["since"], episode["last"]["number"]), ("last_mile", ago(40), "NEXT1"))

    def test_own_rules_count_instead(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"version": 7, "rules": [{"name": "patient", "kind": "no_update", "after": "P50D"}]}, file)
            file.flush()
            result = self.why("SILENT1", "--rules", file.name)
        self.assertFalse(result["stalled"])
        self.assertEqual(result["clocks"][0]["rule"], {"name": "patient", "version": 7, "after": "P50D"})

    def test_a_carrier_without_tracking_is_never_flagged_and_said_so(self):
        with tempfile.TemporaryDirectory() as folder:
            schema = os.path.join(folder, "schema")
            shutil.copytree(support.SCHEMA, schema)
            path = os.path.join(schema, "carriers.json")
            with open(path, encoding="utf-8") as text:
                carriers = json.load(text)
            for carrier in carriers["carriers"]:
                if carrier["id"] == "correios":
                    carrier["untracked"] = True
            with open(path, "w", encoding="utf-8") as text:
                json.dump(carriers, text)
            result = self.why("SILENT1", "--schema", schema)
            self.assertEqual((result["stalled"], result["untracked"], result["episodes"]), (False, True, []))
            self.assertIn("NOT      its carrier, correios, gives no tracking", self.said("SILENT1", "--schema", schema))

    def test_other_rules_are_tried_on_all_parcels(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"version": 7, "rules": [{"name": "patient", "kind": "no_update", "after": "P45D"}]}, file)
            file.flush()
            tried = self.run_rastro("rules", "test", "--rules", file.name, "--format", "json", user=READER)
        self.fits("rules-test", tried.json)
        counts = {row["kind"]: (row["now"], row["then"], row["would_open"], row["would_withdraw"]) for row in tried.json}
        self.assertEqual(counts["no_update"], (2, 1, 0, 1), "NEXT1 is silent for 50 days, SILENT1 for 40")
        self.assertEqual(counts["never_scanned"], (1, 0, 0, 1))
        self.assertIn("version 7 beside 1, 6 parcels: would open 0, withdraw 3", tried.err)

    def test_what_is_not_there_is_said(self):
        self.complaint("why", "AA999", code=NO, says="AA999: never heard of")
        self.complaint("why", code=USAGE, says="name one tracking number or order")
        self.complaint("why", "SILENT1", "--format", "csv", code=USAGE, says="reasons are no table")


if __name__ == "__main__":
    support.main()
