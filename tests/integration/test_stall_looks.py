#!/usr/bin/env python3
"""When a parcel is looked at: what batches leave word of, what they are told of, and
what a look reads.  A stall that a scan makes due or ends does so at once."""
import json
import os
import signal

import stall_world
import support
from stall_world import DAY, NOW, ago, step, stopped


def setUpModule():
    support.start()


def of_usps(*scans):
    """Codes, and how many days ago; of DX and its like it says that it concluded them."""
    return {"trackingNumber": "9200190500010200000018", "trackingEvents": [
        {"eventType": "x", "eventCode": code, "eventTimestamp": ago(days)[:-1], "GMTTimestamp": ago(days)}
        for code, days in scans]}


class Looks(stall_world.Case):
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

    # ---- hand-overs

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


if __name__ == "__main__":
    support.main()
