#!/usr/bin/env python3
"""Episodes: opened when feed time has passed what was due, closed by the scan's own
transaction, withdrawn when they never were, and told of in the outbox."""
import json
import os
import signal
import subprocess

import stall_world
import support
from stall_world import DAY, NOW, ago, step, stopped


def setUpModule():
    support.start()


class Stalls(stall_world.Case):
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

    # ---- what else changes a clock

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


if __name__ == "__main__":
    support.main()
