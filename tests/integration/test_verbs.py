#!/usr/bin/env python3
"""What each verb prints, in each form, and with which exit status."""
import glob
import json
import os
import re
import time

import support
from support import CONFIG, DATA, NO, READER, UNAVAILABLE, USAGE, history, scan, servers

POSTED, SENT, DONE = (("01/10/2026", "10:00", "Objeto postado"), ("02/10/2026", "11:00", "Objeto encaminhado"),
                      ("05/10/2026", "12:30", "Objeto entregue ao destinatário"))
S10 = "NX500010077BR"

FIRST = [
    history(S10, POSTED, SENT),
    scan("AB12345678", "2026-10-01T10:00:00+08:00", carrier="usps"),
    scan("AB12345678", "2026-10-02T10:00:00Z", carrier="cainiao"),
    {"rastro": "event/1", "feed": "test", "number": "RG1", "carrier": "correios"},
    dict(scan("LP1", "2026-10-01T10:00:00Z", carrier="cainiao"), next={"number": "LASTMILE9", "carrier": "usps"}),
    scan("LASTMILE9", "2026-10-03T10:00:00Z", carrier="usps", status="delivery.out"),
    {"rastro": "shipment/1", "marketplace": "market", "order": "8190-4471", "updated": "2026-09-30T08:00:00Z",
     "seller": "s-1", "promised": {"to": "2026-11-05"}, "origin": {"country": "CN"},
     "destination": {"country": "BR", "region": "CE", "city": "Fortaleza"}, "parcels": [{"number": S10}]},
    b"no JSON",
]
# Another source tells a scan that is known; the history lacks one and has a new one.
SECOND = [
    scan(S10, "2026-10-01T10:00:00-03:00", code="PO", status="accepted.scan", feed="hub"),
    history(S10, POSTED, DONE),
]


def setUpModule():
    support.start()


class Loaded(support.Test):
    """Two topics, ingested one behind the other, so that there is a before."""

    topics = ("first:1", "second:1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.loaded = cls.new_database("rastro")
        support.publish(cls.broker, "first", FIRST, at_ms=int(time.time() * 1000) - 60000)
        support.publish(cls.broker, "second", SECOND)

    @property
    def database(self):
        return self.loaded

    def setUp(self):
        super().setUp()
        if not hasattr(type(self), "before"):
            self.ingest("first")
            # Between what the two runs record.
            type(self).before = self.value("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', "
                                           "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
            self.ingest("second")

    def timeline(self, *words, code=0, **kwargs):
        return self.run_rastro("timeline", *words, code=code, user=READER, **kwargs)

    def timeline_json(self, *words):
        value = self.timeline(*words, "--format", "json").json
        self.fits("timeline", value)
        return value


    # ---- timeline

    def test_a_table_has_each_scan_once_with_local_time_and_who_saw_it(self):
        out = self.timeline(S10).out
        out = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\dZ", "NOW", out.replace("2026-10-05 15:30Z", "STATUS"))
        self.assertEqual(out.splitlines(), [
            f"{S10}   S10, check digit ok   known since NOW",
            "ORDER    market 8190-4471, seller s-1   CN -> BR Fortaleza CE   promised by 2026-11-05",
            "STATUS   delivered.other since STATUS (linketrack)",
            "LOOKED   linketrack NOW",
            "",
            "LOCAL TIME             UTC          PLACE          STAGE            "
            "SOURCE'S WORDS                   SEEN BY",
            "2026-10-01 10:00 -03   10-01 13:00                 accepted.scan    "
            "PO                               rastro/hub linketrack",
            "2026-10-05 12:30 -03*  10-05 15:30  CURITIBA - PR  delivered.other  "
            "Objeto entregue ao destinatário  linketrack",
            "* no zone given: by the source's rule or the place, or read as UTC",
            "1 superseded or withdrawn events hidden (--all)"])

    def test_all_shows_what_is_no_longer_reported_and_each_source_by_itself(self):
        out = self.timeline(S10, "--all").out
        self.assertIn("Objeto encaminhado (no_longer_reported)", out)
        self.assertEqual(len(re.findall("^2026-10", out, re.M)), 4)
        value = self.timeline_json(S10, "--all")
        self.assertEqual([(e["text"] or e["code"], e["state"]) for e in value["events"]], [
            ("Objeto postado", "current"), ("PO", "current"), ("Objeto encaminhado", "no_longer_reported"),
            ("Objeto entregue ao destinatário", "current")])
        self.assertEqual([e["shown_with"] for e in value["events"]], [value["events"][1]["fp"], None, None, None])

    def test_json_has_what_a_machine_needs(self):
        value = self.timeline_json(S10)
        self.assertEqual([(n["number"], n["issuer"], n["s10"], n["asked"]) for n in value["numbers"]],
                         [(S10, None, "ok", True)])
        self.assertEqual(value["orders"], [{"marketplace": "market", "order": "8190-4471", "seller": "s-1",
                                            "cancelled": False, "promised": {
                                                "from": None, "to": "2026-11-05T23:59:59.999999Z"}}])
        self.assertEqual(value["status"], {"stage": "delivered", "detail": "other", "instant": "2026-10-05T15:30:00Z",
                                           "source": "linketrack"})
        self.assertEqual([look["source"] for look in value["looked"]], ["linketrack"])
        event = value["events"][-1]
        expected = {"instant": "2026-10-05T15:30:00Z", "precision": "minute", "zone_basis": "rule",
                    "offset_minutes": -180, "kind": "scan", "marks": []}
        self.assertEqual({key: event[key] for key in expected}, expected)
        self.assertEqual(event["words"], {"time": "05/10/2026 12:30", "zone": None})
        self.assertEqual(event["kafka"], {"topic": "second", "partition": 0, "offset": 1})

    def test_ndjson_is_the_same_on_one_line_and_csv_is_refused(self):
        out = self.timeline(S10, "--format", "ndjson").out
        self.assertEqual(out.count("\n"), 1)
        self.assertEqual(json.loads(out), self.timeline_json(S10))
        self.complaint("timeline", S10, "--format", "csv", code=USAGE, says="a timeline is no table; use json")

    def test_as_of_shows_what_was_known_then(self):
        value = self.timeline_json(S10, "--as-of", self.before)
        self.assertEqual([(e["text"], e["state"]) for e in value["events"]],
                         [("Objeto postado", "current"), ("Objeto encaminhado", "current")])
        self.assertEqual(value["status"]["stage"], "transit")
        self.assertEqual([look["source"] for look in value["looked"] if look["at"] > self.before], [])
        self.assertIn(f"AS OF    {self.before[:10]}", self.timeline(S10, "--as-of", self.before).out)
        self.assertEqual(self.timeline_json(S10, "--as-of", "2020-01-01", "--all")["events"], [])

    def test_a_number_is_taken_as_people_paste_it(self):
        for typed in ("nx500010077br", " NX 500 010 077 BR ", "NX-500010077-BR"):
            self.assertEqual(self.timeline_json(typed)["numbers"][0]["number"], S10)

    def test_an_order_finds_its_parcel(self):
        self.assertEqual(self.timeline_json("8190-4471")["numbers"][0]["number"], S10)

    def test_both_numbers_of_a_journey_show_all_of_it(self):
        for number in ("LP1", "LASTMILE9"):
            value = self.timeline_json(number)
            self.assertEqual([e["number"] for e in value["events"]], ["LP1", "LASTMILE9"])
            self.assertEqual([n["number"] for n in value["numbers"] if n["asked"]], [number])
            self.assertEqual(value["status"]["stage"], "delivery")

    def test_a_parcel_without_scan_is_registered(self):
        self.assertIn("Registered; no scan yet.", self.timeline("RG1").out)
        value = self.timeline_json("RG1")
        self.assertEqual((value["events"], value["status"]), ([], None))

    def test_a_number_of_several_parcels_lists_them_until_one_is_chosen(self):
        done = self.timeline("AB12345678", code=NO)
        self.assertEqual(sorted(re.findall(r"AB12345678 +(\w+) .* transit", done.out)), ["cainiao", "usps"])
        self.assertIn("AB12345678: 2 parcels", done.err)
        self.assertIn("Next: choose one by its number, or with --carrier", done.err)
        value = self.timeline("AB12345678", "--format", "json", code=NO).json
        self.fits("timeline", value)
        self.assertEqual({match["carrier"] for match in value}, {"usps", "cainiao"})
        chosen = self.timeline_json("AB12345678", "--carrier", "cainiao")
        self.assertEqual([e["instant"] for e in chosen["events"]], ["2026-10-02T10:00:00Z"])

    def test_what_is_not_there_is_answered_with_no(self):
        self.complaint("timeline", "ZZ999", code=NO, says=["ZZ999: never heard of", "Next: rastro quarantine list"])
        self.complaint("timeline", "AB12345678", "--carrier", "correios", code=NO, says="never heard of")
        self.complaint("timeline", "RB123456786CN", code=NO, says="check digit is bad: it would be RB123456785CN")
        self.complaint("timeline", code=USAGE, says="name one tracking number or order")
        self.complaint("timeline", "A", "B", code=USAGE, says="name one tracking number or order")

    # ---- status

    def test_status_counts_and_names_positions(self):
        out = self.run_rastro("status", user=READER).out
        self.assertEqual(out.splitlines()[0], "6 parcels, 8 events; quarantined: 1 messages, 0 events")
        self.assertRegex(out, r"(?m)^first +0 +8 .* -$")

    def test_status_for_machines(self):
        value = self.run_rastro("status", "--format", "json", user=READER).json
        self.fits("status", value)
        self.assertEqual((value["parcels"], value["events"]), (6, 8))
        self.assertEqual(value["quarantined"], {"messages": 1, "events": 0})
        self.assertEqual([(p["topic"], p["partition"], p["next"], p["owner"], p["halted"]) for p in value["positions"]],
                         [("first", 0, 8, None, None), ("second", 0, 2, None, None)])
        line = self.run_rastro("status", "--format", "ndjson", user=READER).out
        self.assertEqual((line.count("\n"), json.loads(line)), (1, value))
        csv = self.run_rastro("status", "--format", "csv", user=READER).out.split("\r\n")
        self.assertEqual(csv[0], "topic,partition,next,record_age,commit_age,incomplete_for,owner,halted")
        self.assertRegex(csv[1], r"^first,0,8,\d+ s,\d+ s,\d+ s,,$")

    def test_status_says_how_many_alerts_wait(self):
        self.loaded = self.new_database("rastro")
        self.assertNotIn("alerts", self.run_rastro("status", user=READER).out)
        self.assertEqual(self.run_rastro("status", "--format", "json").json["alerts"], {"waiting": 0, "oldest": None})
        self.sql("INSERT INTO rastro.outbox (key, event, recorded_at) VALUES ('A', '{}', '2026-11-23 08:00Z'), "
                 "('B', '{}', '2026-11-23 07:00Z')")
        self.assertIn("\n2 alerts to be published, the oldest since 2026-11-23 07:00Z\n",
                      self.run_rastro("status", user=READER).out)
        value = self.run_rastro("status", "--format", "json", user=READER).json
        self.fits("status", value)
        self.assertEqual(value["alerts"], {"waiting": 2, "oldest": "2026-11-23T07:00:00Z"})

    def test_an_empty_database_has_a_status(self):
        self.loaded = self.new_database("rastro")
        self.fits("status", self.run_rastro("status", "--format", "json").json)
        self.assertTrue(self.run_rastro("status").out.startswith("0 parcels, 0 events; quarantined: 0 messages"))
        self.assertEqual(self.run_rastro("quarantine", "export").out, "")


class Offsets(support.Test):
    topics = ("scans:2", "lost:1", "other:1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.publish(cls.broker, "scans", [scan(f"AA{i}", "2026-10-01T10:00:00Z") for i in range(10)], partitions=2)
        # The broker keeps 5 MB of a partition: the first ones are gone.
        support.publish(cls.broker, "lost", [os.urandom(1_500_000) for _ in range(6)] + [b"{}"])
        support.publish(cls.broker, "other", [b"{}", b"[]"])
        cls.loaded = None

    def setUp(self):
        """All of it is ingested once, and each test has a copy."""
        super().setUp()
        if not self.loaded:
            self.ingest("scans", "lost", "other")
            type(self).loaded = self.database
        self._database = self.new_database(self.loaded)

    def offsets(self, *words, code=0, **kwargs):
        return self.run_rastro("offsets", *words, "--brokers", self.broker.brokers, code=code, **kwargs)

    def shown(self):
        value = self.offsets("show", "--format", "json", user=READER).json
        self.fits("offsets", value)
        return {f"{row['topic']}/{row['partition']}": row for row in value}

    def test_show_has_both_sides(self):
        self.sql("UPDATE rastro.positions SET next = 3 WHERE partition = 1")
        shown = self.shown()
        self.assertEqual([[shown[p][key] for key in ("next", "first", "end", "lag", "owner", "halted")]
                          for p in ("scans/0", "scans/1")], [[5, 0, 5, 0, None, None], [3, 0, 5, 2, None, None]])
        self.assertRegex(self.offsets("show").out, r"(?m)^scans +1 +3 +0 +5 +2 +\d+ +-$")

        nowhere = f"127.0.0.1:{servers.free_port()}"
        done = self.run_rastro("offsets", "show", "--format", "json", "--brokers", nowhere)
        self.fits("offsets", done.json)
        self.assertEqual([row["lag"] for row in done.json], [None] * 4)
        self.assertIn("only what PostgreSQL knows", done.err)

    def test_a_position_beyond_the_end_halts_until_a_person_decides(self):
        self.sql("UPDATE rastro.positions SET next = 100, last_offset = NULL, last_hash = NULL WHERE topic = 'other'")
        done = self.ingest("other", code=DATA)
        self.assertIn("rastro ingest: other/0: offset 100 lies beyond the log's end 2", done.err)
        self.assertIn("Next: rastro offsets accept-gap other/0 --reason TEXT", done.err)
        self.assertIn("lies beyond", self.shown()["other/0"]["halted"])
        self.assertIn("lies beyond", self.run_rastro("status").out)
        self.complaint("offsets", "resume", "other/0", "--reason", "x", "--brokers", self.broker.brokers, code=NO,
                       says=["offset 100 is not in the log", "Next: rastro offsets accept-gap other/0"])
        self.assertIn("other/0 goes on at 0", self.offsets("accept-gap", "other/0", "--reason", "made again").out)
        self.assertEqual(self.sql("SELECT from_offset, to_offset, reason FROM rastro.gaps"),
                         [["100", "0", "made again"]])
        self.ingest("other")
        # What is kept of the topic that is no more does not share its places.
        self.assertEqual(self.sql("SELECT t.name LIKE 'other until %', count(*) FROM rastro.quarantined_messages "
                                  "JOIN rastro.topics t USING (topic) WHERE name LIKE 'other%' GROUP BY 1 ORDER BY 1"),
                         [["f", "2"], ["t", "2"]])

    def test_lost_messages_halt_until_a_person_accepts_the_gap(self):
        self.sql("UPDATE rastro.positions SET next = 0, last_offset = NULL, last_hash = NULL WHERE topic = 'lost';"
                 "DELETE FROM rastro.quarantined_messages")
        done = self.ingest("lost", code=DATA)
        found = re.search(r"lost/0: offset 0 is gone, log starts at (\d+): (\d+) messages lost", done.err)
        self.assertIsNotNone(found, str(done))
        self.assertEqual(found[1], found[2])
        self.complaint("offsets", "resume", "lost/0", "--reason", "x", "--brokers", self.broker.brokers, code=NO,
                       says="offset 0 is not in the log")
        out = self.offsets("accept-gap", "lost/0", "--reason", "retention, ticket 4711").out
        self.assertIn(f"lost/0 goes on at {found[1]}; recorded: offsets from 0 are lost", out)
        self.assertEqual(self.sql("SELECT topic, partition, from_offset, to_offset, reason, accepted_by <> '' "
                                  "FROM rastro.gaps"), [["lost", "0", "0", found[1], "retention, ticket 4711", "t"]])
        self.ingest("lost")
        self.assertEqual(self.value("SELECT min(kafka_offset) FROM rastro.quarantined_messages"), found[1])

    def test_nothing_is_changed_without_need(self):
        before = self.rows("positions")
        brokers = ("--brokers", self.broker.brokers)
        self.complaint("offsets", "accept-gap", "scans/0", "--reason", "x", *brokers, code=NO,
                       says="scans/0: no gap, offset 5 is there")
        self.complaint("offsets", "resume", "scans/0", "--reason", "x", *brokers, code=NO, says="scans/0: not halted")
        self.complaint("offsets", "resume", "scans/7", "--reason", "x", *brokers, code=UNAVAILABLE, says="scans/7")
        self.complaint("offsets", "accept-gap", "scans/0", *brokers, code=USAGE, says="--reason TEXT is missing")
        for where in ("scans", "scans/", "/0", "scans/x", "scans/-1"):
            self.complaint("offsets", "resume", where, "--reason", "x", *brokers, code=USAGE, says="is no partition")
        self.complaint("offsets", code=USAGE, says="expected show, accept-gap TOPIC/PARTITION, or resume")
        self.assertEqual(self.rows("positions"), before)
        self.assertEqual(self.rows("gaps"), [])


class Check(support.Test):
    topics = ("scans:3",)

    def check(self, *words, code=0, **kwargs):
        return self.run_rastro("check", *words, code=code, **kwargs).out

    def test_all_is_well_and_nothing_is_touched(self):
        tables = ("positions", "topics", "sources", "profiles", "proofs")
        before = [self.rows(table) for table in tables]
        out = self.check("--brokers", self.broker.brokers, "--topic", "scans")
        self.assertEqual([line.split()[0] for line in out.splitlines()], ["ok"] * 6)
        self.assertRegex(out, rf"(?m)^ok      postgresql .*{self.database}, schema {support.VERSION} ")
        self.assertRegex(out, r"(?m)^ok      kafka .*, scans:3$")
        self.assertEqual([self.rows(table) for table in tables], before)

    def test_one_run_names_every_failure(self):
        nowhere = str(servers.free_port())
        out = self.check("--brokers", f"127.0.0.1:{nowhere}", env={"PGPORT": nowhere}, code=UNAVAILABLE)
        self.assertRegex(out, rf"(?m)^FAILED  postgresql +postgresql 127.0.0.1:{nowhere}")
        self.assertRegex(out, rf"(?m)^FAILED  kafka +kafka 127.0.0.1:{nowhere}")
        self.assertIn("ok      profiles", out)

    def test_a_topic_that_is_not_there_is_a_failure(self):
        out = self.check("--brokers", self.broker.brokers, "--topic", "scans=nobody", code=USAGE)
        self.assertIn('there is no source "nobody"', out)

    def test_the_topic_of_alerts_is_looked_for(self):
        out = self.check("--brokers", self.broker.brokers, "--topic", "scans", "--alerts", "scans")
        self.assertRegex(out, r"(?m)^ok      alerts +scans:3$")

    def test_a_changed_identity_under_its_old_version_is_a_failure(self):
        self.sql("INSERT INTO rastro.profiles (source, identity, digest) SELECT 'cainiao', 1, gen_random_uuid()")
        out = self.check("--brokers", self.broker.brokers, code=CONFIG)
        self.assertRegex(out, "FAILED  identity .*cainiao.json: the identity section changed, but its version is still")
        done = self.ingest("scans", code=CONFIG)
        self.assertIn("the identity section changed", done.err)

    def test_it_goes_on_without_the_schema_files(self):
        out = self.check("--brokers", self.broker.brokers, env={"RASTRO_SCHEMA": "/nowhere"}, code=CONFIG)
        self.assertIn("FAILED  schema files --schema: /nowhere is no folder", out)
        self.assertIn("ok      postgresql", out)


class Explain(support.Test):
    payload = os.path.join(support.ROOT, "tests", "golden", "cainiao", "module-wrong-epoch.json")

    def test_a_file_and_standard_input_are_alike(self):
        with open(self.payload, "rb") as data:
            text = data.read()
        options = ("--received", "2026-11-23T08:00:00Z")
        from_file = self.run_rastro("explain", self.payload, *options, database="none").out
        self.assertIn("source   cainiao", from_file)
        self.assertEqual(self.run_rastro("explain", "-", *options, stdin=text, database="none").out, from_file)
        value = self.run_rastro("explain", "-", *options, "--format", "json", stdin=text, database="none").json
        self.fits("explain", value)
        self.assertEqual(value["source"], "cainiao")

    def test_several_files_are_several_results(self):
        out = self.run_rastro("explain", self.payload, self.payload, "--format", "ndjson", database="none").out
        self.assertEqual([json.loads(line)["source"] for line in out.splitlines()], ["cainiao", "cainiao"])

    def test_what_cannot_be_used_is_answered_with_no(self):
        done = self.run_rastro("explain", "-", "--format", "json", stdin=b"{]", code=NO, database="none")
        self.fits("explain", done.json)
        self.assertEqual(done.json["result"], "quarantined")
        self.assertEqual(done.err, "")

    def test_a_file_that_is_not_there_is_said(self):
        self.complaint("explain", "/nowhere/x.json", code=DATA, says="/nowhere/x.json", database="none")
        self.complaint("explain", code=USAGE, says="name a file, or - for standard input", database="none")


class Schemas(support.Test):
    def test_every_example_of_a_schema_fits_it(self):
        found = 0
        for path in glob.glob(os.path.join(support.SCHEMA, "*.schema.json")):
            with open(path, encoding="utf-8") as text:
                examples = json.load(text).get("examples", [])
            for example in examples:
                self.fits(os.path.basename(path)[:-len(".schema.json")], example)
                found += 1
        self.assertGreater(found, 5)


if __name__ == "__main__":
    support.main()
