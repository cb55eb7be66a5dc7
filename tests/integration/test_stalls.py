#!/usr/bin/env python3
"""Episodes: opened when feed time has passed what was due, closed by the scan's own
transaction, withdrawn when they never were, and told of in the outbox."""
import json
import os
import signal
import subprocess
import time

import support
from support import scan

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


def of_usps(*scans):
    """Codes, and how many days ago; of DX and its like it says that it concluded them."""
    return {"trackingNumber": "9200190500010200000018", "trackingEvents": [
        {"eventType": "x", "eventCode": code, "eventTimestamp": ago(days)[:-1], "GMTTimestamp": ago(days)}
        for code, days in scans]}


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
        found = []

        def there():
            found[:] = self.episodes(number)
            return found == list(expected)
        try:
            self.wait_until(f"{number} has {expected}", there)
        except AssertionError as late:
            self.fail(f"{late}, but {found}")

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

    # ---- the crossing of stall and scan

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

    def test_a_batch_that_did_not_see_the_candidate_is_waited_for(self):
        member = self.start_ingest("scans", options=["--detector", "off"], env={"RASTRO_STOP": "before-commit:2"})
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"))
        self.wait_complete()
        self.tell(step("SILENT1", 1, "transit.arrived", "BR"))
        self.wait_until("it stands before its commit", lambda: stopped(member))
        self.detect()
        self.wait_until("there is a candidate", lambda: self.episodes() == [("no_update", "c", 20, None, 0)])
        self.wait_rounds()
        self.assertEqual(self.episodes(), [("no_update", "c", 20, None, 0)], "a batch is under way that may bring a scan")
        member.send_signal(signal.SIGCONT)
        self.wait_for("SILENT1", ("no_update", "e", 20, 1, 2))

    def test_a_batch_that_sees_the_candidate_waits_for_the_opening(self):
        member = self.start_ingest("scans", options=["--detector", "off"])
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"))
        self.wait_complete()
        detector = self.detect(env={"RASTRO_STOP": "before-opening"})
        self.wait_until("it stands before the opening", lambda: stopped(detector))
        self.tell(step("SILENT1", 1, "transit.arrived", "BR"))
        self.wait_until("the batch waits", lambda: self.value(
            "SELECT count(*) FROM pg_locks WHERE NOT granted") != "0")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events"), "1")
        detector.send_signal(signal.SIGCONT)
        self.wait_for("SILENT1", ("no_update", "e", 20, 1, 2))
        self.assertIsNone(member.poll())

    def test_another_member_closes_what_this_one_opened(self):
        self.start_ingest("scans")
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"))
        self.wait_for("SILENT1", ("no_update", "o", 20, None, 1))
        self.broker = support.start_broker(f"{self.id()}-second", ["more:1"])
        self.addCleanup(support.stop_broker, self.broker)
        support.publish(self.broker, "more", [step("SILENT1", 1, "transit.arrived", "BR")])
        self.ingest("more", options=["--detector", "off"])
        self.assertEqual(self.episodes("SILENT1"), [("no_update", "e", 20, 1, 2)])

    # ---- deaths

    def test_death_at_any_point_of_the_detector_changes_nothing(self):
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"), step("SILENT2", 40, "transit.departed", "CN"),
                  hour_ago=True)
        self.ingest("scans", options=["--detector", "off"])
        for point in ("inbox-taken", "looked", "candidates", "before-opening", "opened"):
            detector = self.detect(env={"RASTRO_KILL": point})
            self.assertEqual(detector.wait(30), -signal.SIGKILL, point)
        self.detect()
        self.wait_for("SILENT1", ("no_update", "o", 20, None, 1))
        self.wait_for("SILENT2", ("no_update", "o", 20, None, 1))

    # ---- rules

    def test_older_rules_open_nothing_beside_newer_ones(self):
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"), hour_ago=True)
        self.ingest("scans", options=["--detector", "off"])
        path = os.path.join(support.folder, "later.json")
        self.write_rules(path, 2, "P60D")
        later = self.detect("--rules", path)
        self.wait_until("it was looked at", lambda: self.value(
            "SELECT count(*) FROM rastro.deadlines WHERE due > '2026-01-01'") == "1")
        self.assertEqual(self.terminate(later), 0)
        self.detect()
        self.sql("UPDATE rastro.deadlines SET due = '-infinity'")
        self.wait_rounds()
        self.assertEqual(self.episodes(), [])

    def test_other_rules_under_a_version_in_use_are_refused(self):
        self.ingest("scans")
        path = os.path.join(support.folder, "same.json")
        with open(os.path.join(support.SCHEMA, "stalls.json"), encoding="utf-8") as text:
            rules = text.read()
        with open(path, "w", encoding="utf-8") as text:
            text.write(rules.replace("P7D", "P8D"))
        process = self.detect("--rules", path)
        self.wait_until("it is said", lambda: "version 1 is in use and says something else" in self.said(process))
        with open(path, "w", encoding="utf-8") as text:
            text.write(rules.replace("P7D", "P8D").replace('"version": 1', '"version": 2'))
        process.send_signal(signal.SIGHUP)
        self.wait_until("those of another version are taken", lambda: self.value(
            "SELECT max(version) FROM rastro.rules_versions") == "2")

    def test_a_detector_that_a_statement_fails_lets_another_lead_and_goes_on_when_it_is_mended(self):
        self.sql("REVOKE INSERT ON rastro.episodes FROM rastro_writer")
        self.addCleanup(self.sql, "GRANT INSERT ON rastro.episodes TO rastro_writer")
        process = self.start_ingest("scans")
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"))
        self.wait_until("it is said", lambda: "detects no stalls until that is mended" in self.said(process))
        self.assertEqual(self.value("SELECT pg_try_advisory_lock(hashtext('rastro.detector'))"), "t", "another may lead")
        self.sql("GRANT INSERT ON rastro.episodes TO rastro_writer")
        self.wait_for("SILENT1", ("no_update", "o", 20, None, 1))

    def shipped_rules(self):
        with open(os.path.join(support.SCHEMA, "stalls.json"), encoding="utf-8") as text:
            return json.load(text)

    def write_rules(self, path, version, no_update):
        rules = self.shipped_rules()
        rules["version"] = version
        for rule in rules["rules"]:
            rule.update({"after": no_update} if rule["kind"] == "no_update" else {})
        with open(path, "w", encoding="utf-8") as text:
            json.dump(rules, text)

    def test_rules_are_read_again_while_members_run(self):
        path = os.path.join(support.folder, "reloaded.json")
        self.write_rules(path, 1, "P10D")
        process = self.start_ingest("scans", options=["--rules", path])
        self.tell(step("RESTS1", 3, "transit.arrived", "BR"), step("SILENT1", 30, "transit.arrived", "BR"))
        self.wait_for("SILENT1", ("no_update", "o", 20, None, 1))
        self.write_rules(path, 2, "P2D")
        process.send_signal(signal.SIGHUP)
        self.wait_for("RESTS1", ("no_update", "o", 1, None, 1))
        self.assertEqual(self.episodes("SILENT1"), [("no_update", "o", 20, None, 1)], "the same clock, the same stall")
        with open(path, "w", encoding="utf-8") as text:
            text.write("{")
        process.send_signal(signal.SIGHUP)
        self.wait_until("it is said", lambda: "those in use stay" in self.said(process))
        self.write_rules(path, 3, "P60D")
        process.send_signal(signal.SIGHUP)
        self.wait_for("RESTS1", ("no_update", "w", 1, None, 2))
        self.wait_for("SILENT1", ("no_update", "w", 20, None, 2))
        self.assertIsNone(process.poll())

    # ---- what is told

    def alerts(self):
        """What waits in the outbox: (type, key, data)."""
        events = [json.loads(row[0]) for row in self.sql("SELECT event FROM rastro.outbox ORDER BY id")]
        for event in events:
            self.fits("alert", event)
        self.assertEqual(len({event["id"] for event in events}), len(events))
        return [(event["type"].removeprefix("rastro."), event["subject"], event["data"]) for event in events]

    def test_each_step_of_an_episode_is_told_once_and_in_order(self):
        self.sql("INSERT INTO rastro.settings VALUES ('stall.storm', '2')")
        # The embedded broker has no such topic for long, so nothing is taken out.
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"), step("SILENT2", 40, "transit.arrived", "BR"), hour_ago=True)
        self.sql("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
                 "CREATE TRIGGER keep BEFORE DELETE ON rastro.outbox FOR EACH ROW EXECUTE FUNCTION keep()")
        self.start_ingest("scans", options=["--alerts", "alerts", "--alert-stages"])
        self.wait_for("SILENT2", ("no_update", "o", 30, None, 1))
        self.tell(step("SILENT1", 1, "delivered.signed", "BR"))
        self.wait_for("SILENT1", ("no_update", "e", 20, 1, 2))
        told = self.alerts()
        self.assertEqual([(what, key) for what, key, _ in told if what != "parcel.stage.v1"], [
            ("stall.storm.v1", "storm-1"), ("stall.opened.v1", "SILENT1"), ("stall.opened.v1", "SILENT2"),
            ("stall.closed.v1", "SILENT1")])
        self.assertEqual([(key, data["was"], data["stage"]) for what, key, data in told if what == "parcel.stage.v1"], [
            ("SILENT1", None, "transit"), ("SILENT2", None, "transit"), ("SILENT1", "transit", "delivered")])
        opened, closed = (next(data for what, _, data in told if what == f"stall.{word}.v1") for word in ("opened", "closed"))
        self.assertEqual((opened["storm"], opened["replayed"], opened["revision"], closed["revision"]),
                         ("storm-1", False, 1, 2))
        self.assertEqual(closed["ended_by"]["status"], "delivered.signed")

    # ---- who watches

    def test_a_timeline_that_is_watched_shows_the_stall_and_its_end(self):
        self.start_ingest("scans")
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"))
        self.wait_until("it is there", lambda: self.value("SELECT count(*) FROM rastro.events") == "1")
        log = open(os.path.join(support.folder, "watched"), "w+b")
        self.addCleanup(log.close)
        watcher = subprocess.Popen([support.RASTRO, "timeline", "SILENT1", "--watch", "--format", "ndjson"], stdout=log,
                                   env=support.environment(support.READER, self.database), stdin=subprocess.DEVNULL)
        self.addCleanup(self._end, watcher)

        def shown():
            log.seek(0)
            return [json.loads(line) for line in log.read().decode().splitlines()]
        self.wait_until("it is shown as stalled", lambda: any(
            e["until"] is None for page in shown() for e in page["episodes"]))
        self.tell(step("SILENT1", 1, "transit.arrived", "BR"))
        self.wait_until("its end is shown", lambda: shown()[-1]["episodes"][0]["until"] is not None)
        self.assertLess(len(shown()), 6, "once for each change, not for each look")

    # ---- what is looked at, and when

    def test_a_new_parcel_is_looked_at_when_it_may_be_due_and_not_before(self):
        self.tell(step("MOVES1", 3, "transit.arrived", "BR"), step("OVER1", 2, "delivered.signed", "BR"), hour_ago=True)
        self.ingest("scans", options=["--detector", "off"])
        said = "SELECT p.number, u.minute FROM rastro.stall_inbox i, unnest(i.parcel, i.minute) u (parcel_id, minute) " \
            "JOIN rastro.parcels p USING (parcel_id) ORDER BY 1"
        minutes = {number: int(minute) and round((NOW / 60 - int(minute)) / 1440) for number, minute in self.sql(said)}
        self.assertEqual(minutes, {"MOVES1": 3, "OVER1": 0})

    def test_the_first_scan_is_looked_at_though_its_source_had_concluded_something(self):
        """It may be one that comes before the dispatch."""
        self.start_ingest("scans=usps", options=["--detector", "off"])
        self.tell(of_usps(("DX", 0.2)))
        self.wait_until("it is there", lambda: self.value("SELECT count(*) FROM rastro.events") == "1")
        self.sql("DELETE FROM rastro.stall_inbox")
        self.tell(of_usps(("DX", 0.2), ("03", 0.1)))
        self.wait_until("its scan is there", lambda: self.value("SELECT count(*) FROM rastro.events") == "2")
        self.assertEqual(self.sql("SELECT unnest(minute) FROM rastro.stall_inbox"), [["0"]])

    def test_what_a_source_concludes_is_looked_at(self):
        """Another rule may fit then, and by a clock that runs since the last scan."""
        self.start_ingest("scans=usps", options=["--detector", "off"])
        self.tell(of_usps(("03", 0.3)))
        self.wait_until("it is there", lambda: self.value("SELECT count(*) FROM rastro.events") == "1")
        self.sql("DELETE FROM rastro.stall_inbox")
        self.tell(of_usps(("03", 0.3), ("03", 0.2)))
        self.wait_until("its scan is there", lambda: self.value("SELECT count(*) FROM rastro.events") == "2")
        self.assertEqual(self.sql("SELECT unnest(minute) FROM rastro.stall_inbox"), [], "it came in time")
        self.tell(of_usps(("03", 0.3), ("03", 0.2), ("DX", 0.1)))
        self.wait_until("the rest is there", lambda: self.value("SELECT count(*) FROM rastro.events") == "3")
        self.assertEqual(self.sql("SELECT unnest(minute) FROM rastro.stall_inbox"), [["0"]])

    def test_what_was_concluded_a_moment_ago_is_not_silent_for_long(self):
        """Batches leave no word of a scan a day behind it; so the next look comes before
        what that scan starts can be due, and not when an eighth of the silence is over."""
        self.start_ingest("scans=usps")
        self.tell(of_usps(("03", 40), ("DX", 0.1)))
        self.wait_until("it was looked at", lambda: self.value(
            "SELECT count(*) FROM rastro.deadlines WHERE due > now()") == "1")
        self.assertEqual(self.value("SELECT due < now() + interval '4.5 days' FROM rastro.deadlines"), "t")

    # ---- what is ripe: a scan that comes in time makes it due at once

    def write_overdue(self):
        """Nine days more on the line haul, none elsewhere."""
        path, rules = os.path.join(support.folder, "overdue.json"), self.shipped_rules()
        rules["rules"].insert(0, {"name": "on-its-way", "kind": "overdue", "leg": "line_haul", "after": "P9D"})
        with open(path, "w", encoding="utf-8") as text:
            json.dump(rules, text)
        return path

    def tell_promised(self, *more):
        self.tell({"rastro": "shipment/1", "marketplace": "m", "order": "o-1", "updated": ago(10),
                   "parcels": [{"number": "RIPE1", "carrier": "correios"}], "dispatched": ago(3.5),
                   "promised": {"from": None, "to": ago(2)}}, step("RIPE1", 3, "transit.departed", "CN"), *more)

    def wait_watched(self, so):
        self.wait_until("batches are told" if so else "they are told no more", lambda: self.value(
            "SELECT watched IS NOT NULL FROM rastro.deadlines d JOIN rastro.parcels USING (parcel_id) "
            "WHERE number = 'RIPE1' AND due > '-infinity'") == ("t" if so else "f"))

    def test_a_scan_by_which_a_rule_fits_that_waits_less_opens_a_stall_at_once(self):
        self.start_ingest("scans", options=["--rules", self.write_overdue()])
        self.tell_promised()
        self.wait_watched(True)
        self.assertEqual(self.episodes(), [])
        self.tell(step("RIPE1", 0.9, "transit.arrived", "BR"))
        self.wait_for("RIPE1", ("overdue", "o", 1, None, 1))
        self.tell(step("RIPE1", 0.1, "delivered.signed", "BR"))
        self.wait_for("RIPE1", ("overdue", "e", 1, 0, 2))

    def test_a_batch_that_does_not_know_that_a_parcel_is_ripe_is_waited_for(self):
        rules = ["--rules", self.write_overdue()]
        self.ingest("scans", options=rules)  # so that no rules are new
        member = self.start_ingest("scans", options=["--detector", "off"] + rules, env={"RASTRO_STOP": "before-commit:2"})
        self.tell_promised()
        self.wait_complete()
        self.sql("DELETE FROM rastro.stall_inbox; INSERT INTO rastro.deadlines (parcel_id, due, source) "
                 "SELECT parcel_id, now() - interval '2 days', 0 FROM rastro.parcels")
        self.tell(step("RIPE1", 0.9, "transit.arrived", "BR"))
        self.wait_until("it stands before its commit", lambda: stopped(member))
        self.detect(*rules)
        self.wait_until("it is watched", lambda: self.value(
            "SELECT count(*) FROM rastro.deadlines WHERE watched IS NOT NULL") == "1")
        self.wait_rounds()
        self.assertEqual(self.episodes(), [])
        member.send_signal(signal.SIGCONT)
        self.wait_for("RIPE1", ("overdue", "o", 1, None, 1))

    def test_what_is_due_does_not_wait_for_all_that_is_to_be_looked_at(self):
        self.ingest("scans")  # so that no rules are new
        self.tell(step("SILENT1", 30, "transit.arrived", "BR"),
                  *[step(f"OTHER{i}", 3, "transit.arrived", "BR") for i in range(400)], hour_ago=True)
        self.ingest("scans", options=["--detector", "off"])
        self.sql("DELETE FROM rastro.stall_inbox; INSERT INTO rastro.deadlines (parcel_id, due, source) SELECT parcel_id, "
                 "CASE number WHEN 'SILENT1' THEN now() - interval '20 days' ELSE '-infinity' END, source "
                 "FROM rastro.parcels, rastro.sources")
        detector = self.detect(env={"RASTRO_STOP": "candidates"})
        self.wait_until("there is a candidate", lambda: stopped(detector))
        self.assertEqual(self.episodes(), [("no_update", "c", 20, None, 0)])
        self.assertGreater(int(self.value("SELECT count(*) FROM rastro.deadlines WHERE due = '-infinity'")), 200)

    def rows_read(self, number):
        """Of each table, once it is counted what was read to open an episode of the number."""
        def opened():
            return self.value("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'episodes'")
        before = opened()
        self.tell(step(number, 30, "transit.arrived", "BR"))
        self.wait_for(number, ("no_update", "o", 20, None, 1))
        self.wait_until("it is counted", lambda: opened() != before)
        return {name: int(rows) for name, rows in self.sql(
            "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables "
            "WHERE schemaname = 'rastro' AND n_live_tup >= 400")}

    def test_a_look_reads_nothing_of_other_parcels(self):
        self.tell(*[step(f"OTHER{i}", 3, "transit.arrived", "BR") for i in range(400)], hour_ago=True)
        self.start_ingest("scans")
        self.wait_until("all are known", lambda: self.value("SELECT count(*) FROM rastro.deadlines") == "400")
        before, after = self.rows_read("FIRST1"), self.rows_read("SECOND1")
        self.assertLessEqual({"parcels", "parcel_facts", "event_rows_000000"}, before.keys())
        read = {name: rows - before[name] for name, rows in after.items() if name in before}
        self.assertLess(max(read.values()), 100, read)

    # ---- what else changes a clock

    def test_a_hand_over_ends_the_first_numbers_stall(self):
        self.start_ingest("scans")
        self.tell(step("FIRST1", 30, "transit.departed", "CN"))
        self.wait_for("FIRST1", ("no_update", "o", 10, None, 1))
        self.tell(step("FIRST1", 30, "transit.departed", "CN", next={"number": "NEXT1", "carrier": "correios"}),
                  step("NEXT1", 2, "transit.arrived", "BR"))
        self.wait_for("FIRST1", ("no_update", "e", 10, 2, 2))

    def test_of_a_hand_over_counts_when_it_was_told_first(self):
        linked = step("FIRST1", 30, "transit.departed", "CN", next={"number": "NEXT1", "carrier": "correios"})
        self.tell(step("NEXT1", 40, "info.received", "BR"), linked)
        self.start_ingest("scans")
        self.wait_for("FIRST1", ("no_update", "e", 10, 0, 2))
        support.publish(self.broker, "scans", [linked], more=True, at_ms=int((NOW - 5 * DAY) * 1000))
        self.wait_for("FIRST1", ("no_update", "e", 10, 5, 3))

    # ---- the other numbers of a journey

    LINK = {"number": "NEXT1", "carrier": "correios"}

    def assert_ended_by_its_transaction(self, number, scanned):
        self.assertEqual(self.value(
            "SELECT e.gone_at = max(r.recorded_at) FROM rastro.episodes e, rastro.events r JOIN rastro.parcels p "
            f"USING (parcel_id) WHERE e.number = '{number}' AND p.number = '{scanned}' GROUP BY e.gone_at"), "t")

    def wait_told(self, *numbers):
        """Until batches are told of the numbers, and nothing is to be looked at."""
        self.wait_until(f"batches are told of {numbers}", lambda: self.sql(
            "SELECT unnest(journey) FROM rastro.deadlines JOIN rastro.episodes USING (parcel_id) "
            "WHERE (SELECT count(*) FROM rastro.stall_inbox) = 0 AND state = 'o' "
            "AND NOT EXISTS (SELECT FROM rastro.deadlines WHERE due = '-infinity')") == [[n] for n in numbers])

    def test_a_scan_of_its_other_number_ends_a_stall_in_its_own_transaction(self):
        self.start_ingest("scans", options=["--detector", "off"])
        self.tell(step("FIRST1", 30, "transit.departed", "CN", next=self.LINK),
                  step("NEXT1", 29, "transit.arrived", "BR"), hour_ago=True)
        self.detect()
        self.wait_for("NEXT1", ("no_update", "o", 19, None, 1))
        self.tell(step("FIRST1", 0.9, "transit.arrived", "BR"))
        self.wait_for("NEXT1", ("no_update", "e", 19, 1, 2))
        self.assert_ended_by_its_transaction("NEXT1", "FIRST1")

    def test_batches_are_told_when_a_journey_grows(self):
        self.start_ingest("scans", options=["--detector", "off"])
        self.tell(step("NEXT1", 29, "transit.arrived", "BR"))
        self.detect()
        self.wait_for("NEXT1", ("no_update", "o", 19, None, 1))
        self.tell(step("FIRST1", 30, "transit.departed", "CN"))
        self.tell(step("FIRST1", 30, "transit.departed", "CN", next=self.LINK))
        self.wait_told("FIRST1", "NEXT1")
        self.tell(step("FIRST1", 0.9, "transit.arrived", "BR"))
        self.wait_for("NEXT1", ("no_update", "e", 19, 1, 2))
        self.assert_ended_by_its_transaction("NEXT1", "FIRST1")

    def test_the_first_scan_of_a_number_that_was_only_named_ends_a_stall_in_its_own_transaction(self):
        self.start_ingest("scans", options=["--detector", "off"])
        self.tell(step("FIRST1", 30, "transit.departed", "CN", next=self.LINK))
        self.detect()
        self.wait_for("FIRST1", ("no_update", "o", 10, None, 1))
        self.wait_told("FIRST1", "NEXT1")
        self.tell(step("NEXT1", 2, "transit.arrived", "BR"))
        self.wait_for("FIRST1", ("no_update", "e", 10, 2, 2))
        self.assert_ended_by_its_transaction("FIRST1", "NEXT1")

    def test_a_batch_that_does_not_know_how_a_journey_grew_is_waited_for(self):
        """Its scan comes in time for its own number, and leaves no word of it."""
        member = self.start_ingest("scans", options=["--detector", "off"], env={"RASTRO_STOP": "before-commit:2"})
        moving = step("FIRST1", 3, "transit.arrived", "BR")
        self.tell(moving, *[step("NEXT1", days, "transit.arrived", "BR") for days in (36, 28, 20, 12, 4)])
        self.detect()
        self.wait_for("NEXT1", ("stuck", "o", 6, None, 1))
        self.wait_complete()
        self.tell(step("FIRST1", 0.1, "customs.held", "BR"))
        self.wait_until("it stands before its commit", lambda: stopped(member))
        mine, self.broker = self.broker, support.start_broker(f"{self.id()}-second", ["more:1"])
        self.addCleanup(support.stop_broker, self.broker)
        support.publish(self.broker, "more", [dict(moving, next=self.LINK)], at_ms=int((NOW - 3600) * 1000))
        self.ingest("more", options=["--detector", "off"])
        self.broker = mine
        self.wait_until("it was looked at", lambda: self.value(
            "SELECT count(*) FROM rastro.deadlines WHERE journey IS NOT NULL") == "1")
        self.wait_rounds()
        self.assertEqual(self.episodes("NEXT1"), [("stuck", "o", 6, None, 1)])
        member.send_signal(signal.SIGCONT)
        self.wait_for("NEXT1", ("stuck", "e", 6, 0, 2))

    def test_a_parcel_counts_from_when_it_was_told_of_first(self):
        told = step("NEVER1", 1, "info.received")
        self.tell(told)
        self.start_ingest("scans")
        self.wait_until("it is there", lambda: self.value("SELECT count(*) FROM rastro.events") == "1")
        support.publish(self.broker, "scans", [told], more=True, at_ms=int((NOW - 9 * DAY) * 1000))
        self.wait_for("NEVER1", ("never_scanned", "o", 2, None, 1))

    def test_a_promise_that_is_put_off_is_not_broken_any_more(self):
        def order(updated, promised):
            return {"rastro": "shipment/1", "marketplace": "m", "order": "o-1", "updated": ago(updated),
                    "parcels": [{"number": "ORDERED1", "carrier": "correios"}], "dispatched": ago(9),
                    "promised": {"from": None, "to": ago(promised)}}
        self.start_ingest("scans")
        self.tell(order(10, 2), step("ORDERED1", 3, "transit.arrived", "BR"))
        self.wait_for("ORDERED1", ("overdue", "o", 2, None, 1))
        self.tell(order(1, -20))
        self.wait_for("ORDERED1", ("overdue", "e", 2, 1, 2))

    def test_a_scan_behind_the_delivery_contradicts(self):
        self.start_ingest("scans")
        self.tell(step("BACK1", 5, "delivered.signed", "BR"), step("LONGAGO1", 40, "delivered.signed", "BR"))
        self.wait_until("both were looked at, and one is forgotten", lambda: self.sql(
            "SELECT number FROM rastro.deadlines JOIN rastro.parcels USING (parcel_id) WHERE due > now()") == [["BACK1"]]
            and self.value("SELECT count(*) FROM rastro.deadlines") == "1")
        self.tell(step("BACK1", 1, "transit.arrived", "BR"), step("LONGAGO1", 1, "transit.arrived", "BR"))
        for number in "BACK1", "LONGAGO1":
            self.wait_for(number, ("contradicted.scan_after_delivery", "o", 1, None, 1))

    # ---- feeds and storms

    def heard(self):
        """Of the one source: messages, days from first to last, its longest gap and its silence, in hours."""
        return self.sql("SELECT messages, round(extract(epoch FROM heard_to - heard_from) / 86400), "
                        "round(extract(epoch FROM usual_gap) / 3600), "
                        "round(extract(epoch FROM now() - silent_since) / 3600) FROM rastro.feeds")

    def tell_hourly(self, hours_ago, count):
        for i in range(count):
            support.publish(self.broker, "scans", [step(f"H{hours_ago}-{i}", (hours_ago - i) / 24, "transit.arrived", "BR")],
                            more=self.published, at_ms=int((NOW - (hours_ago - i) * 3600) * 1000))
            self.published = True

    def test_a_feed_from_which_nothing_comes_is_silent_and_its_parcels_are_held(self):
        support.publish(self.broker, "scans", [step("SILENT1", 14, "transit.arrived", "BR")],
                        at_ms=int((NOW - 14 * DAY) * 1000))
        self.published = True
        self.tell_hourly(330, 102)  # until 9 days ago; SILENT1 is due since 4
        self.ingest("scans")
        [[messages, days, gap, silent]] = self.heard()
        self.assertEqual((messages, days), ("103", "4"))
        self.assertEqual(gap, "6", "of 14 days and 330 hours")
        self.assertEqual(silent, str(330 - 101))
        self.assertEqual(self.episodes(), [], "we do not know whether it moved")
        feed = self.sql("SELECT complete_to = silent_since, read_to > complete_to FROM rastro.feed_list")
        self.assertEqual(feed, [["t", "t"]])
        said = self.run_rastro("status", user=support.READER).out
        self.assertRegex(said, r"rastro/correios complete to \S+ \S+Z: nothing came since, its parcels are held")
        self.fits("status", self.run_rastro("status", "--format", "json", user=support.READER).json)
        said = self.run_rastro("stalled", user=support.READER).err
        self.assertRegex(said, r"rastro/correios is silent since \S+ \S+Z, \d+ of its parcels are held")
        self.tell_hourly(2, 2)
        self.ingest("scans")
        self.assertEqual([row[3] for row in self.heard()], [""])
        self.assertEqual(self.heard()[0][2], "4", "the gap of six hours has faded, and the outage of nine days is not usual")
        self.assertEqual(self.episodes("SILENT1"), [("no_update", "o", 4, None, 1)])

    def test_many_openings_at_once_are_a_storm_and_all_are_opened(self):
        self.sql("INSERT INTO rastro.settings VALUES ('stall.storm', '20')")
        self.tell(*[step(f"S{i}", 30, "transit.arrived", "BR") for i in range(30)], hour_ago=True)
        self.ingest("scans")
        self.assertEqual(self.sql("SELECT state, e.storm = s.storm, count(*) FROM rastro.episodes e, rastro.storms s "
                                  "GROUP BY 1, 2"), [["o", "t", "30"]])


def stopped(process):
    with open(f"/proc/{process.pid}/stat") as text:
        return text.read().rpartition(")")[2].split()[0] == "T"


def ago_of(epoch):
    return round((NOW - float(epoch)) / DAY) if epoch else None


if __name__ == "__main__":
    support.main()
