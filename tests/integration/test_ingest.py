#!/usr/bin/env python3
"""A member while it runs: it ends when it is told to, whoever else is away, and
its counters tell what it did."""
import collections
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request

import raw_bytes
import support
from support import CONFIG, USAGE, history, scan, servers

SCANS = 3000


def setUpModule():
    support.start()


def many():
    return [scan(f"AA{i}", "2026-10-01T10:00:00Z", text="x" * 200) for i in range(SCANS)]


def listening(pid):
    """The sockets of the process that take connections, as /proc/net/tcp has them."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for file in ("tcp", "tcp6"):
        with open(f"/proc/net/{file}") as table:
            for line in list(table)[1:]:
                words = line.split()
                if words[3] == "0A" and words[9] in inodes:
                    address, port = words[1].split(":")
                    found.append((address, int(port, 16)))
    return found


class Terminate(support.Test):
    """A broker for each test: one of them is stopped."""

    topics = ()
    # So small that many are under way; each is a transaction.
    small = ("--batch-rows", "10")

    def setUp(self):
        super().setUp()
        self.broker = support.start_broker(self.id(), ["scans:2"])
        self.addCleanup(support.stop_broker, self.broker)

    def events(self):
        return int(self.value("SELECT count(*) FROM rastro.events"))

    def owners(self):
        return self.value("SELECT count(owner) FROM rastro.positions")

    def start_and_wait(self, options=()):
        process = self.start_ingest("scans", options=options)
        self.wait_until("the partitions are owned", lambda: self.owners() == "2" or process.poll() is not None)
        return process

    def check_exact(self):
        """What is stored is what lies before the positions; the rest comes with the next run."""
        self.assertEqual(self.sql("SELECT p.partition, p.next - count(e.kafka_offset) FROM rastro.positions p "
                                  "LEFT JOIN rastro.events e ON e.kafka_partition = p.partition "
                                  "GROUP BY p.partition, p.next ORDER BY 1"), [["0", "0"], ["1", "0"]])

    def test_an_idle_member_listens_nowhere_ends_and_lets_go(self):
        process = self.start_and_wait()
        self.assertEqual(listening(process.pid), [])
        self.assertEqual(self.terminate(process), 0, self.said(process))
        self.assertLess(self.took, 5)
        self.assertEqual(self.owners(), "0")
        self.assertIn("messages 0  events 0", self.said(process))

    def test_a_busy_member_writes_what_it_has_read_and_ends(self):
        support.publish(self.broker, "scans", many(), partitions=2)
        process = self.start_and_wait(self.small)
        self.wait_until("some are written", lambda: self.events() > 0)
        self.assertEqual(self.terminate(process), 0, self.said(process))
        self.assertEqual(self.owners(), "0")
        self.check_exact()
        self.ingest("scans")
        self.assertEqual(self.events(), SCANS)

    def test_it_ends_though_postgresql_is_away(self):
        self.addCleanup(lambda: support.postgres.running() or support.postgres.start())
        support.publish(self.broker, "scans", many(), partitions=2)
        process = self.start_and_wait(self.small)
        self.wait_until("some are written", lambda: self.events() > 0)
        support.postgres.stop()
        time.sleep(1)
        self.assertIsNone(process.poll(), "it waits for PostgreSQL")
        self.terminate(process)
        self.assertNotIn(process.returncode, (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGKILL), self.said(process))
        support.postgres.start()
        self.check_exact()

    def test_it_goes_on_when_postgresql_is_back(self):
        self.addCleanup(lambda: support.postgres.running() or support.postgres.start())
        support.publish(self.broker, "scans", many(), partitions=2)
        process = self.start_and_wait(self.small)
        self.wait_until("some are written", lambda: self.events() > 0)
        support.postgres.stop("immediate")
        support.postgres.start()
        self.wait_until("all are written", lambda: self.events() == SCANS, 40)
        self.check_exact()
        self.assertEqual(self.terminate(process, signal.SIGINT), 0, self.said(process))

    def test_it_ends_though_the_broker_is_away(self):
        support.publish(self.broker, "scans", many(), partitions=2)
        process = self.start_and_wait()
        self.wait_until("all are written", lambda: self.events() == SCANS)
        support.stop_broker(self.broker)
        time.sleep(1)
        self.assertIsNone(process.poll(), "it waits for Kafka")
        self.terminate(process)
        self.assertNotIn(process.returncode, (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGKILL), self.said(process))
        self.assertEqual(self.owners(), "0")
        self.check_exact()

    def test_it_ends_though_what_alerts_need_is_away(self):
        self.addCleanup(lambda: support.postgres.running() or support.postgres.start())
        process = self.start_and_wait(("--alerts", "scans"))
        self.wait_until("the relay is ready", lambda: "publishing alerts" in self.said(process))
        support.stop_broker(self.broker)
        self.sql("INSERT INTO rastro.outbox (key, event) VALUES ('A', '{}')")
        time.sleep(1)
        self.assertIsNone(process.poll(), "it waits for Kafka")
        support.postgres.stop()
        self.terminate(process)
        self.assertNotIn(process.returncode, (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGKILL), self.said(process))
        support.postgres.start()
        self.assertEqual(self.value("SELECT count(*) FROM rastro.outbox"), "1")

    def test_it_ends_though_everything_is_away(self):
        self.addCleanup(lambda: support.postgres.running() or support.postgres.start())
        process = self.start_and_wait()
        support.stop_broker(self.broker)
        support.postgres.stop()
        self.terminate(process)
        self.assertNotIn(process.returncode, (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGKILL), self.said(process))


class Metrics(support.Test):
    topics = ("scans:1", "more:1", "empty:1")

    def get(self, port, path="/metrics", method="GET", host="127.0.0.1"):
        request = urllib.request.Request(f"http://{host}:{port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.headers["Content-Type"], reply.read().decode()

    def started(self, *topics, options=()):
        port = servers.free_port()
        process = self.start_ingest(*topics, options=("--metrics", f"127.0.0.1:{port}", *options))
        self.wait_until("the port", lambda: servers.accepts(port) or process.poll() is not None)
        return process, port

    def test_counters_agree_with_what_is_stored(self):
        past = ("01/10/2026", "10:00", "Objeto postado")
        support.publish(self.broker, "scans", [
            scan("AA1", "2026-10-01T10:00:00Z"), scan("AA1", "2026-10-01T10:00:00Z"), scan("AA1", "soon"), b"no JSON",
            None, scan("AA2", "2026-10-01T10:00:00Z", code="ZZ", status=None),
            scan("AA3", "2026-10-01T10:00:00Z", carrier="nobody"),
            {"rastro": "shipment/1", "marketplace": "m", "order": "o", "updated": "2026-10-01", "parcels": [
                {"number": "NX500010077BR"}]},
            history("NX500010077BR", past, ("02/10/2026", "10:00", "Objeto encaminhado")),
            history("NX500010077BR", past, ("03/10/2026", "10:00", "Objeto encaminhado")),
            history("NX500010077BR", past, ("02/10/2026", "10:00", "Objeto encaminhado"),
                    ("04/10/2026", "10:00", "Objeto entregue ao destinatário"))])
        process, port = self.started("scans")
        self.wait_until("all of it", lambda: support.metrics_of(self.get(port)[1])["rastro_messages_total"] == 11)
        kind, text = self.get(port)
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        found = {name[len("rastro_"):-len("_total")]: v for name, v in support.metrics_of(text).items()}
        expected = {
            "messages_read": 11, "messages": 11, "messages_ignored": 1, "messages_quarantined": 1,
            "events": 11, "events_new": 7, "events_duplicate": 4, "events_reread": 0, "events_withdrawn": 2,
            "events_reinstated": 1, "events_quarantined": 1, "events_refused": 0, "events_unmapped": 1,
            "carriers_unknown": 1, "parcels": 4, "shipments": 1, "reconnects": 0, "fenced": 0, "rebalances": 1}
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertGreaterEqual(found["batches"], 1)
        self.assertEqual(self.sql("SELECT (SELECT count(*) FROM rastro.events), (SELECT count(*) FROM rastro.parcels), "
                                  "(SELECT sum(count) FROM rastro.quarantined_events), "
                                  "(SELECT count(*) FROM rastro.quarantined_messages), "
                                  "(SELECT count(*) FROM rastro.shipment_updates), "
                                  "(SELECT count(*) FROM rastro.event_changes WHERE change IN ('w', 's')), "
                                  "(SELECT count(*) FROM rastro.event_changes WHERE change = 'b')"),
                         [[str(expected[name]) for name in ("events_new", "parcels", "events_quarantined",
                                                            "messages_quarantined", "shipments", "events_withdrawn",
                                                            "events_reinstated")]])
        for path, method, code in (("/", "GET", 404), ("/metrics/x", "GET", 404), ("/metrics", "POST", 405)):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.get(port, path, method)
            self.assertEqual(refused.exception.code, code)
            refused.exception.close()
        self.assertEqual(self.terminate(process), 0)
        self.assertIn("messages 11  events 11 = 7 new + 4 repeats + 0 refused  quarantined 1 messages, 1 events",
                      self.said(process))

    def test_every_counter_has_its_help(self):
        with open(f"{support.ROOT}/include/rastro/counters.h", encoding="utf-8") as text:
            declared = re.findall(r'^    X\((\w+), "(.*)"\)', text.read(), re.M)
        process, port = self.started("empty")
        text = self.get(port)[1]
        for name, says in declared:
            name = f"rastro_{name}_total"
            self.assertIn(f"# HELP {name} {says}\n# TYPE {name} counter\n{name} ", text)
        # The rest speaks of the parcel table.
        others = [name for name in support.metrics_of(text) if not name.startswith("rastro_table_")]
        self.assertEqual(len(others), len(declared))
        self.assertEqual(self.terminate(process), 0)

    def test_it_listens_on_loopback_only(self):
        ingest = ("ingest", *self.ingest_options("empty"), "--until-end")
        for where in ("0.0.0.0:9464", "192.0.2.1:9464", "[::]:9464"):
            self.complaint(*ingest, "--metrics", where, code=USAGE, says=f"--metrics {where}: ")
        process, port = self.started("empty")
        self.assertEqual(listening(process.pid), [("0100007F", port)])
        done = self.run_rastro(*ingest, "--metrics", f"127.0.0.1:{port}", code=CONFIG)
        self.assertIn(f"--metrics 127.0.0.1:{port}: the address is taken", done.err)
        self.assertEqual(self.terminate(process), 0)


class Words(support.Test):
    """What many events say alike stands once, and what one says stands in its row."""

    topics = ("first:1", "second:1", "third:1", "fourth:1", "fifth:1", "sixth:1", "seventh:1")

    def publish(self, topic, numbers):
        """Half of them in words of their own."""
        support.publish(self.broker, topic, [
            scan(f"{topic}{n}", "2026-10-01T10:00:00Z", code=f"C{n % 3}", text=f"to you, {n}" if n % 2 else "to you",
                 place={"country": "BR", "city": "Recife", "name": f"Depot {n}" if n % 4 == 0 else "Depot"})
            for n in numbers])

    def said(self):
        return self.sql("SELECT p.number, e.code, e.text, e.country, e.city, e.place FROM rastro.events e "
                        "JOIN rastro.parcels p USING (parcel_id)")

    def check_words(self, topic, numbers):
        wanted = [[f"{topic.upper()}{n}", f"C{n % 3}", f"to you, {n}" if n % 2 else "to you", "BR", "Recife",
                   f"Depot {n}" if n % 4 == 0 else "Depot"] for n in numbers]
        self.assertEqual(sorted(row for row in self.said() if row[0].startswith(topic.upper())), sorted(wanted))

    def test_what_came_twice_has_a_number_and_all_is_read_as_it_was_said(self):
        self.publish("first", range(600))
        self.ingest("first", options=("--batch-rows", "100"))
        self.check_words("first", range(600))
        self.assertEqual(self.sql("SELECT code, text FROM rastro.words ORDER BY 1"),
                         [["C0", "to you"], ["C1", "to you"], ["C2", "to you"]])
        self.assertEqual(self.sql("SELECT country, city, place FROM rastro.places"), [["BR", "Recife", "Depot"]])
        numbered = "SELECT count(words), count(place_id), count(own_words) FROM rastro.event_rows"
        self.assertEqual(self.sql(numbered), [["300", "450", "450"]])
        # Another member finds the numbers that there are.
        self.publish("second", range(100))
        self.ingest("second", options=("--table-bytes", "0"))
        self.check_words("second", range(100))
        self.assertEqual(self.value("SELECT count(*) FROM rastro.words"), "3")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.places"), "1")

    def test_few_rows_of_a_batch_keep_the_text_that_got_its_number_with_them(self):
        rare = (160, 180, 300)
        support.publish(self.broker, "sixth", [scan(f"sixth{n:03}", "2026-10-01T10:00:00Z", code="S",
                                                    text="rare" if n in rare else "to you") for n in range(400)])
        self.ingest("sixth", options=("--batch-rows", "100"))
        self.assertEqual(self.sql("SELECT p.number, e.words IS NULL, e.own_words IS NULL FROM rastro.event_rows e "
                                  "JOIN rastro.parcels p USING (parcel_id) JOIN rastro.events v USING (parcel_id, fp) "
                                  "WHERE p.number LIKE 'SIXTH%' AND v.text = 'rare' ORDER BY 1"),
                         [["SIXTH160", "t", "f"], ["SIXTH180", "t", "f"], ["SIXTH300", "f", "t"]])

    def test_times_are_told_as_they_were_said_and_kept_only_where_their_form_does_not_tell_them(self):
        told = ["2026-10-01T10:00:00+08:00", "2024-02-29T23:59:59-03:30", "2026-01-01T00:00:00+00:00",
                "2025-12-31T23:59:59Z", "2026-10-01T10:00:00", "2026-10-01 10:00:00"]
        kept = ["2026-10-01T10:00:00-00:00", "2026-10-01T10:00:00.5Z", "2026-10-01 10:00:00+08:00",
                "2026-10-01T24:00:00Z", "2026-10-01", "2026-10-01T10:00", "2026-10-01T10:00:00+0800"]
        support.publish(self.broker, "seventh", [scan(f"seventh{n:02}", time) for n, time in enumerate(told + kept)])
        self.ingest("seventh")
        self.assertEqual(self.sql("SELECT v.time_words, e.time_words IS NOT NULL, v.marks & ~2 FROM rastro.events v "
                                  "JOIN rastro.event_rows e USING (parcel_id, fp) JOIN rastro.parcels p "
                                  "USING (parcel_id) WHERE p.number LIKE 'SEVENTH%' ORDER BY p.number"),
                         [[time, "f", "0"] for time in told] + [[time, "t", "0"] for time in kept])

    def test_the_bytes_of_each_event_come_back_whole(self):
        """Words in the row, escaped, shared, cut, too long, and values that no column has."""
        odd = [{"text": "so \"quoted\""}, {"text": "Saída"}, {"code": "DEP", "text": "DEP"}, {"text": "x" * 2000},
               {"text": "  blanks  "}, {"place": {"country": "BR", "city": "BR", "name": "BR"}}, {"text": ""}, {}]
        values = [scan(f"third{n % 50}", f"2026-10-{1 + n // 50:02}T10:00:00Z", **odd[n % 8],
                       **({"sequence": n // 50} if n % 3 else {"sequence": n, "note": [n, {"of": "ours"}]}))
                  for n in range(400)]
        support.publish(self.broker, "third", [json.dumps(value, ensure_ascii=n % 2 == 0).encode()
                                               for n, value in enumerate(values)])
        self.ingest("third", options=("--batch-rows", "100"))
        found = raw_bytes.read(self.sql, "t.name = 'third'")
        codecs = collections.Counter()
        for n, value in enumerate(values):
            (raw, codec), = found[0, n]
            self.assertEqual(raw.decode(), json.dumps(value["event"], ensure_ascii=n % 2 == 0))
            codecs[codec] += 1
        self.assertGreater(codecs[3], 150)
        self.assertGreater(codecs[2], 100)

    def test_the_bytes_of_histories_come_back_with_their_times_in_other_spellings(self):
        values = support.told("--kind", "history", "--messages", "1500", "--bad", "0", "--topics", "fifth:1")
        support.publish(self.broker, "fifth", values)
        self.ingest("fifth", options=("--batch-rows", "200"))
        found = raw_bytes.read(self.sql, "t.name = 'fifth'")
        codecs = collections.Counter()
        for (_, offset), events in found.items():
            for raw, codec in events:
                self.assertIn(raw, values[offset])
                codecs[codec] += 1
        self.assertGreater(codecs.total(), 1000)
        self.assertGreater(codecs[3], codecs.total() * 2 // 3)

    def test_with_all_raw_bytes_only_other_wordings_are_kept_beside_the_row(self):
        values = [scan(f"fourth{n}", "2026-10-01T10:00:00Z", text="to you") for n in range(200)]
        again = [json.dumps(value).encode() for value in values]
        other = [text.replace(b"to you", b"to  you") for text in again[:20]]
        support.publish(self.broker, "fourth", again + again + other)
        self.ingest("fourth", options=("--batch-rows", "50", "--raw", "all"))
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events JOIN rastro.topics t USING (topic) "
                                    "WHERE t.name = 'fourth'"), "200")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.event_wordings"), "20")
        self.assertTrue(all(codec == 2 for (_, codec), in
                            raw_bytes.read(self.sql, "t.name = 'fourth'").values()))


if __name__ == "__main__":
    support.main()
