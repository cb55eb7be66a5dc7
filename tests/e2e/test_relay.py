#!/usr/bin/env python3
"""Alerts on their way from the outbox to Kafka: none lost whatever is killed, those
of a key in order, repeats the same as what they repeat, and one relay at a time."""
import json
import os
import signal
import subprocess
import time

from jsonschema import Draft202012Validator

import world
from world import wait_for

SAYS = '已"\\'
TYPE = "application/cloudevents+json; charset=UTF-8"


def one_of(number, key):
    event = json.dumps({"id": number, "key": key, "says": SAYS})
    return f"INSERT INTO rastro.outbox (key, event) VALUES ('{key}', '{event}')"


class Relay(world.Case):
    def setUp(self):
        super().setUp()
        self.scans, self.alerts = f"{self.tag}-scans", f"{self.tag}-alerts"
        self.admin("create", self.scans, 1)
        self.admin("create", self.alerts, 3)
        wait_for("the topic", lambda: self.admin("read", self.alerts, codes=(0, 1)).returncode == 0)
        self.told = 0

    def relay(self, name, *arguments, alerts=None, **env):
        return self.member(name, None, "--alerts", alerts or self.alerts, *arguments, workers=1, topics=[self.scans],
                           **env)

    def tell(self, count, keys=5):
        """Puts so many alerts into the outbox, in a transaction."""
        self.sql(f"""INSERT INTO rastro.outbox (key, event)
                     SELECT 'K' || n % {keys}, json_build_object('id', n, 'key', 'K' || n % {keys}, 'says', '已"\\')
                     FROM generate_series({self.told + 1}, {self.told + count}) n ORDER BY n""")
        self.told += count

    def holder(self):
        return self.value("SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
                          "AND granted AND application_name = 'rastro relay'")

    def waiting(self):
        return int(self.value("SELECT count(*) FROM rastro.outbox"))

    def wait_told(self, seconds=60):
        try:
            wait_for("an empty outbox", lambda: self.waiting() == 0, seconds)
        except world.servers.ServerError as late:
            self.fail(f"{late}; {self.waiting()} wait\n" + "\n".join(m.tail() for m in self.members))

    def published(self):
        """What a reader of committed records sees, a partition after the other:
        [(partition, key, value)]."""
        rows = [line.split("\t") for line in self.admin("read", self.alerts).stdout.splitlines()]
        rows.sort(key=lambda row: int(row[0]))
        self.assertEqual({row[3] for row in rows} - {TYPE}, set())
        return [(int(partition), key, json.loads(value)) for partition, key, _, _, value in rows]

    def check(self, repeats=False):
        """Each is there; those of a key are in order.  With repeats, some come again:
        as a run of what was there before, so that whoever leaves out the ids that
        it has seen has them in order too."""
        places, ids = {}, {}
        for partition, key, value in self.published():
            self.assertEqual(places.setdefault(key, partition), partition, "a key has one partition")
            self.assertEqual((value["key"], value["says"]), (key, SAYS))
            of_key = ids.setdefault(key, [])
            if of_key and value["id"] <= of_key[-1]:
                self.assertIn(value["id"], of_key, "an older one that comes behind a newer one is a repeat")
            of_key.append(value["id"])
        seen = [n for of_key in ids.values() for n in of_key]
        self.assertEqual(sorted(set(seen)), list(range(1, self.told + 1)))
        for key, of_key in ids.items():
            first = list(dict.fromkeys(of_key))
            self.assertEqual(first, sorted(first), f"{key} in order")
        if not repeats:
            self.assertEqual(len(seen), self.told, "each once")
        return len(seen) - self.told

    # ---- without faults -------------------------------------------------------------

    def test_what_is_in_the_outbox_is_published_in_order_and_taken_away(self):
        self.tell(1200)
        member = self.relay("a", "--metrics", f"127.0.0.1:{world.servers.free_port()}")
        self.wait_told()
        for _ in range(3):
            self.tell(7)
            self.wait_told()
        self.assertEqual(member.counters()["alerts_published"], self.told)
        self.assertEqual(member.counters()["relay_errors"], 0)
        self.end_members()
        self.check()

    def test_an_id_that_commits_behind_a_later_one_is_published_too(self):
        self.relay("a")
        wait_for("the relay", self.holder)
        late = subprocess.Popen(["psql", "-X", "-q"], env=self.env("rastro_owner"), stdin=subprocess.PIPE,
                                      text=True)
        self.addCleanup(late.kill)
        self.told = 2
        late.stdin.write(f"BEGIN; {one_of(1, 'A')};\n")
        late.stdin.flush()
        wait_for("the first has its id", lambda: self.value(
            "SELECT last_value FROM rastro.outbox_id_seq WHERE is_called") == "1")
        self.sql(one_of(2, "B"))
        self.wait_told()
        self.assertEqual([key for _, key, _ in self.published()], ["B"])
        late.stdin.write("COMMIT;\n")
        late.stdin.close()
        self.assertEqual(late.wait(20), 0)
        wait_for("the late one", lambda: len(self.published()) == 2)
        self.wait_told()
        self.end_members()
        self.check()

    def test_a_member_that_reads_to_the_end_publishes_what_is_left(self):
        self.tell(1700)
        member = self.relay("a", "--until-end")
        self.assertEqual(member.wait(60), 0, member.tail())
        self.assertEqual(self.waiting(), 0)
        self.check()

    def test_without_a_topic_for_alerts_they_stay(self):
        self.tell(3)
        member = self.member("a", None, "--until-end", topics=[self.scans])
        self.assertEqual(member.wait(60), 0, member.tail())
        self.assertEqual(self.waiting(), 3)

    def test_a_topic_that_is_not_there_is_said_at_once(self):
        member = self.relay("a", alerts="no-such-topic")
        self.assertEqual(member.wait(30), 78, member.tail())
        self.assertIn('there is no topic "no-such-topic"', member.text())
        checked = self.rastro("check", "--alerts", "no-such-topic", codes=(78,)).stdout
        self.assertRegex(checked, '(?m)^FAILED  alerts +kafka: there is no topic "no-such-topic"')

    def tell_scan(self, days_ago, status):
        when = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.time() - days_ago * 86400))
        scan = {"rastro": "event/1", "feed": "correios", "number": "AA1", "carrier": "correios", "origin": "CN",
                "destination": "BR", "event": {"code": status, "status": status, "time": when, "place": {"country": "BR"}}}
        self.admin("transact", self.scans, input=f"commit\t0\tAA1\t{json.dumps(scan)}\n")

    def test_a_stall_that_is_found_is_published_as_the_schema_says(self):
        with open(os.path.join(world.ROOT, "schema/alert.schema.json"), encoding="utf-8") as text:
            schema = Draft202012Validator(json.load(text))
        for days_ago, status, told in ((30, "transit.arrived", ["opened"]), (1, "delivery.out", ["opened", "closed"])):
            self.tell_scan(days_ago, status)
            member = self.relay("a", "--until-end")
            self.assertEqual(member.wait(60), 0, member.tail())
            self.assertEqual(self.waiting(), 0)
            alerts = [value for _, _, value in self.published()]
            self.assertEqual([a["type"] for a in alerts], [f"rastro.stall.{word}.v1" for word in told])
            for alert in alerts:
                self.assertEqual([e.message for e in schema.iter_errors(alert)], [], alert)
                self.assertEqual(alert["subject"], "AA1")

    # ---- deaths -----------------------------------------------------------------------

    def test_killed_at_each_point_nothing_is_lost(self):
        repeats = {}
        for point in ("alerts-written", "alerts-sent"):
            for nth in (1, 2):
                self.tell(600)
                member = self.relay(f"{point}{nth}", RASTRO_KILL=f"{point}:{nth}")
                self.assertEqual(member.wait(60), -signal.SIGKILL, member.tail())
                self.assertGreater(self.waiting(), 0)
                before = len(self.published())
                self.relay("next")
                self.wait_told()
                self.end_members()
                repeats[point, nth] = self.check(repeats=True)
                self.assertGreaterEqual(len(self.published()), before)
        print(f"    repeats so far: {repeats}")
        # Uncommitted ones are never seen; those that were sent are seen twice.
        self.assertEqual(repeats["alerts-written", 2], 0)
        self.assertEqual(repeats["alerts-sent", 2], 500 + 100)

    def test_killed_at_random_moments(self):
        for number in range(6):
            self.tell(700)
            member = self.relay(f"victim{number}", RASTRO_KILL=f"*:3:{self.random.randrange(1, 1 << 30)}")
            wait_for("its end or the outbox's", lambda m=member: m.code is not None or self.waiting() == 0, 60)
            member.kill()
        self.relay("last")
        self.wait_told()
        self.end_members()
        print(f"    {self.check(repeats=True)} repeats")

    # ---- one at a time ----------------------------------------------------------------

    def test_of_two_members_one_publishes_and_the_other_takes_over(self):
        first = self.relay("first")
        wait_for("the relay", self.holder)
        second = self.relay("second")
        for _ in range(5):
            self.tell(50)
            self.wait_told()
        time.sleep(3)  # more than one try of the second
        self.assertIn("publishing alerts", first.text())
        self.assertNotIn("publishing alerts", second.text())
        self.assertEqual(first.terminate(), 0)
        self.tell(50)
        self.wait_told()
        self.assertIn("publishing alerts", second.text())
        self.end_members()
        self.check()

    def stopped_then_woken(self, point, end_its_session):
        self.tell(40)
        sleeper = self.relay("sleeper", RASTRO_STOP=f"{point}:1")
        wait_for(f"sleep at {point}", lambda: sleeper.code is not None or sleeper.stopped(), 60)
        self.assertIsNone(sleeper.code, sleeper.tail())
        other = self.relay("other")
        if end_its_session:
            self.sql(f"SELECT pg_terminate_backend({self.holder()})")
        self.tell(40)
        # Without help PostgreSQL ends the session that says nothing.
        self.wait_told(40)
        self.assertIn("publishing alerts", other.text())
        before, said = self.published(), len(sleeper.text())
        sleeper.signal(signal.SIGCONT)
        wait_for("word from the woken", lambda: "alerts" in sleeper.text()[said:], 60)
        time.sleep(3)
        self.assertEqual(self.published(), before, "the woken one published nothing")
        self.tell(40)
        self.wait_told()
        self.end_members()
        return sleeper, self.check(repeats=True)

    def test_stopped_before_the_commit_and_woken_it_is_fenced(self):
        sleeper, repeats = self.stopped_then_woken("alerts-written", True)
        self.assertEqual(repeats, 0)
        self.assertIn("another publishes as rastro-relay-", sleeper.text())

    def test_stopped_behind_the_commit_and_woken_it_deletes_nothing(self):
        _, repeats = self.stopped_then_woken("alerts-sent", True)
        self.assertEqual(repeats, 40)

    def test_one_that_is_stopped_for_long_loses_the_lock_by_itself(self):
        self.stopped_then_woken("alerts-written", False)

    # ---- servers ------------------------------------------------------------------------

    def test_kafka_goes_away_and_comes_back(self):
        self.relay("a")
        self.tell(30)
        self.wait_told()
        os.kill(self.kafka.pid, signal.SIGKILL)
        wait_for("the broker's end", lambda: not self.kafka.running())
        self.tell(30)
        wait_for("a complaint", lambda: "alerts wait" in self.members[0].text(), 30)
        self.assertEqual(self.waiting(), 30)
        self.kafka.start()
        self.wait_told()
        self.end_members()
        self.check(repeats=True)

    def test_asked_to_end_while_kafka_says_nothing_it_ends_in_time(self):
        member = self.relay("a")
        self.tell(30)
        self.wait_told()
        os.kill(self.kafka.pid, signal.SIGSTOP)
        try:
            self.tell(30)
            time.sleep(1)  # in the middle of publishing
            began = time.monotonic()
            code = member.terminate()
            print(f"    ended with {code} after {time.monotonic() - began:.1f} s")
            self.assertLess(time.monotonic() - began, 10.5)
        finally:
            os.kill(self.kafka.pid, signal.SIGCONT)
        self.relay("b")
        self.wait_told()
        self.end_members()
        self.check(repeats=True)

    def test_asked_to_end_while_postgresql_says_nothing_it_ends_in_time(self):
        member = self.relay("a")
        wait_for("the relay", self.holder)
        session = int(self.holder())
        os.kill(session, signal.SIGSTOP)
        try:
            time.sleep(1)  # it has asked for what there is
            began = time.monotonic()
            self.assertEqual(member.terminate(), 69, member.tail())
            self.assertLess(time.monotonic() - began, 10.5)
            self.assertIn("PostgreSQL does not answer", member.text())
        finally:
            os.kill(session, signal.SIGCONT)

    def test_postgresql_is_restarted(self):
        self.relay("a")
        wait_for("the relay", self.holder)
        for mode in ("fast", "immediate"):
            self.tell(300)
            self.pg.stop(mode)
            self.pg.start()
            self.tell(300)
            self.wait_told()
        self.end_members()
        self.check(repeats=True)


if __name__ == "__main__":
    world.run()
