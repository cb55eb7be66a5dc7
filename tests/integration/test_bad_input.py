#!/usr/bin/env python3
"""What cannot be used: in quarantine once, with its reason, place and bytes; what
can be used in part: an event with a mark.  Neighbours land in any case."""
import base64
import hashlib
import json
import time

import raw_bytes
import support
from support import DATA, NO, READER, history, scan

GOOD_TIME = "2026-10-01T10:00:00Z"
REFUSED_TIME = "2026-10-02T10:00:00Z"  # by a constraint that a test plants


def setUpModule():
    support.start()


def json_of(value):
    return json.dumps(value, ensure_ascii=False).encode()


def event_of(message):
    """The bytes of the only event of a message of ours, as they stand in it."""
    text = json_of(message)
    return text[text.index(b'"event": ') + 9:-1]


# name: (the message, words of the reason)
MESSAGES = {
    "truncated": (b'{"rastro": "event/1", "number": "AA', "JSON: a string does not end"),
    "cut behind a colon": (b'{"rastro": "event/1", "number": ', "JSON: the text ends before its value"),
    "no JSON": (b"hello", "JSON: not a value"),
    "XML": (b"<event/>", "JSON: not a value"),
    "two values": (b"{} {}", "JSON: "),
    "wrong UTF-8": (b'{"rastro": "event/1", "number": "AA1", "event": {"text": "S\xe3o Paulo"}}',
                    "JSON: not valid UTF-8"),
    "overlong UTF-8": (b'{"rastro": "\xc0\xaf"}', "JSON: not valid UTF-8"),
    "UTF-16": ("﻿{}".encode("utf-16"), "JSON: not valid UTF-8"),
    "a NUL byte": (b'{"rastro": "event/1"}\0', "JSON: "),
    "too deep": (b"[" * 200 + b"]" * 200, "JSON: nested too deeply"),
    "so deep that a stack would overflow": (b'{"a":' * 300000, "JSON: "),
    "number that is none": (b'{"rastro": "event/1", "number": 0x10}', "JSON: "),
    "empty": (b"", "empty value"),
    "blanks": (b" \n\t\r ", "JSON: "),
    "unknown shape": (json_of({"parcel": "AA1", "where": "nobody knows"}), "unknown shape"),
    "a list": (b"[1, 2, 3]", "unknown shape"),
    "a word": (b'"x"', "unknown shape"),
    "key twice": (b'{"rastro": "event/1", "number": "AA1", "number": "AA2", "carrier": "correios"}',
                  'key "number" is there twice'),
    "no number": (json_of(scan("", GOOD_TIME)), "number: "),
    "NUL in the number": (json_of(scan("AA\x001", GOOD_TIME)), "number: 'AA'"),
    "NUL in an order": (json_of({"rastro": "shipment/1", "marketplace": "m\0", "order": "o", "updated": "2026-10-01",
                                 "parcels": [{"number": "AA9", "carrier": "correios"}]}), "marketplace: "),
    "order without a day": (json_of({"rastro": "shipment/1", "marketplace": "m", "order": "o", "updated": "soon",
                                     "parcels": [{"number": "AA9", "carrier": "correios"}]}), "updated: "),
}

# name: (time of an event of ours, words of the reason)
TIMES = {
    "placeholder": ("string", "time: 'string' is no date"),
    "day that does not exist": ("2026-02-30T10:00:00Z", "time: "),
    "month that does not exist": ("2026-13-01T10:00:00Z", "time: "),
    "hour 25": ("2026-10-01T25:00:00Z", "time: "),
    "second 61": ("2026-10-01T10:00:61Z", "time: "),
    "year 1": ("0001-01-01T00:00:00Z", "time: "),
    "year 9999": ("9999-12-31T23:59:59Z", "out of range"),
    "year 10000": ("10000-01-01T00:00:00Z", "time: "),
    "before 1970": ("1969-12-31T23:59:59Z", "out of range"),
    "zone 99": ("2026-10-01T10:00:00+99:00", "time: "),
    "NUL": ("2026-10-01\0T10:00:00Z", "time: '2026-10-01' is no date"),
    "missing": ("", "time: missing"),
    "words": ("gestern", "time: 'gestern' is no date"),
    "longer than a reason may be": ("x" * 3000 + "ü" * 3000, "time: 'xxx"),
}

# name: (what an event of ours says beside the usual, its marks or None, the expected columns)
MARKED = {
    "unknown status": ({"code": "ZZ", "status": "transit.arived"}, "unmapped_code", {"stage": "unknown", "code": "ZZ"}),
    "no status": ({"code": "ZZ", "status": None}, "unmapped_code", {"stage": "unknown"}),
    "NUL in the text": ({"text": "a\0b"}, "nul", {"text": "a�b"}),
    "NUL in the code": ({"code": "\0x"}, "nul", {"code": "�x"}),
    "text without end": ({"text": "ü" * 9000}, "cut", {"text": "ü" * 2048}),
    "no zone, no place": ({"time": "2026-10-01T10:00:00"}, "assumed_zone", {"zone_basis": "a"}),
    "zone that nobody knows": ({"time": "2026-10-01T10:00:00", "zone": "Mars/Olympus"}, "assumed_zone unknown_zone",
                               {"zone_basis": "a"}),
    "from the day after tomorrow": (
        {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2 * 86400))}, "future", {}),
    "huge sequence": ({"sequence": 10 ** 30}, None, {"sequence": ""}),
    "sequence that is none": ({"sequence": "first"}, None, {"sequence": ""}),
    "odd characters": ({"text": "\u202e\u0007中国😀\\\t\"'"}, None, {"text": "\u202e\u0007中国😀\\\t\"'"}),
}

TOPICS = ("bad:2", "big:1", "good:1", "many:1", "few:1", "storm-messages:1", "storm-events:1")


def columns_of(row):
    return dict(zip(("number", "stage", "code", "text", "zone_basis", "sequence", "marks"), row))


class BadInput(support.Test):
    """All of it in one batch, with a good message behind each."""

    topics = TOPICS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.values, cls.place = [], {}
        for name, (value, _) in MESSAGES.items():
            cls.add(name, value)
        for name, (when, _) in TIMES.items():
            cls.add(name, json_of(scan(f"TT{len(cls.values)}BAD", when)))
        for name, (more, _, _) in MARKED.items():
            cls.add(name, json_of(scan(f"MM{len(cls.values)}X", **dict({"time": GOOD_TIME}, **more))))
        # Those of one parcel are two apart, so on one partition, where order is certain.
        cls.add("tombstone", None)
        cls.add("partly bad history", json_of(history(
            "NX500010077BR", ("01/10/2026", "10:00", "Objeto postado"), ("99/99/2026", "10:00", "Objeto encaminhado"),
            ("02/10/2026", "11:00", "Objeto encaminhado"))))
        cls.add("ignored shape", json_of({"codigo": "NX500010077BR", "erro": "not found"}))
        cls.add("the same bad event again", json_of(history(
            "NX500010077BR", ("01/10/2026", "10:00", "Objeto postado"), ("99/99/2026", "10:00", "Objeto encaminhado"),
            ("02/10/2026", "11:00", "Objeto encaminhado"), ("03/10/2026", "12:00", "Objeto entregue ao destinatário"))))
        support.publish(cls.broker, "bad", cls.values, partitions=2)
        cls.big = json_of({"rastro": "event/1", "number": "AA1", "carrier": "correios", "pad": "x" * 10_000_000})
        support.publish(cls.broker, "big", [cls.big])
        cls.loaded = cls.new_database("rastro")

    @classmethod
    def add(cls, name, value):
        """The bad one and a good neighbour, both on partition 0 or both on 1."""
        n = len(cls.place)
        cls.place[name] = f"bad/{n % 2}/{n // 2 * 2}"
        at = n // 2 * 4 + n % 2
        cls.values += [None] * (at + 3 - len(cls.values))
        cls.values[at], cls.values[at + 2] = value, json_of(scan(f"GG{n}OK", GOOD_TIME))

    @property
    def database(self):
        return self.loaded

    def setUp(self):
        super().setUp()
        if self.value("SELECT count(*) FROM rastro.positions") == "0":
            self.ingest("bad", "big")

    def exported(self):
        lines = self.run_rastro("quarantine", "export", user=READER).out.splitlines()
        return [json.loads(line) for line in lines]

    def state(self):
        """All that is stored, parcels by their numbers and bytes as they came; how often an event was met is left
        out."""
        raw = {topic: {place: [event for event, _ in events] for place, events in
                       raw_bytes.read(self.sql, f"t.name = '{topic}'").items()} for topic in ("bad", "big")}
        return [raw] + [self.sql(sql) for sql in (
            "SELECT number, issuer, s10 FROM rastro.parcels ORDER BY 1, 2",
            "SELECT p.number, e.fp, e.status, e.marks, e.kafka_partition, e.kafka_offset FROM rastro.events e "
            "JOIN rastro.parcels p USING (parcel_id) ORDER BY 1, 2",
            "SELECT p.number, q.reason, q.path, q.sha, q.first_partition, q.first_offset "
            "FROM rastro.quarantined_events q LEFT JOIN rastro.parcels p USING (parcel_id) ORDER BY 1, 2, 4",
            "SELECT name, kafka_partition, kafka_offset, source, reason, sha FROM rastro.quarantined_messages "
            "JOIN rastro.topics USING (topic) ORDER BY 1, 2, 3",
            "SELECT sha, raw FROM rastro.quarantined_bytes ORDER BY 1",
            "SELECT topic, partition, next, halted FROM rastro.positions ORDER BY 1, 2")]

    def test_each_unusable_message_is_there_once_with_reason_place_and_bytes(self):
        found = {}
        for row in self.exported():
            self.fits("quarantine", row)
            if row["what"] == "message":
                self.assertNotIn(row["id"], found)
                found[row["id"]] = row
        expected = {self.place[name]: (name, value, reason) for name, (value, reason) in MESSAGES.items()}
        expected["big/0/0"] = ("big", self.big, f"{len(self.big)} bytes, more than")
        self.assertEqual(set(found), set(expected))
        for place, (name, value, reason) in expected.items():
            with self.subTest(name):
                row = found[place]
                self.assertIn(reason, row["reason"])
                self.assertEqual("{topic}/{partition}/{offset}".format(**row["kafka"]), place)
                self.assertEqual(base64.b64decode(row["bytes_base64"]), value)
                self.assertEqual(row["sha256"], hashlib.sha256(value).hexdigest())
                self.assertEqual((row["count"], row["number"], row["path"]), (1, None, None))

    def test_each_unusable_event_is_there_once_with_reason_place_and_bytes(self):
        found = {"{topic}/{partition}/{offset}".format(**row["kafka"]): row for row in self.exported()
                 if row["what"] == "event"}
        self.assertEqual(set(found), {self.place[name] for name in TIMES} | {self.place["partly bad history"]})
        for name, (when, reason) in TIMES.items():
            with self.subTest(name):
                row = found[self.place[name]]
                self.assertIn(reason, row["reason"])
                self.assertLess(len(row["reason"].encode()), 512)
                self.assertEqual((row["source"], row["path"], row["count"]), ("rastro/test", "$.event", 1))
                self.assertEqual(base64.b64decode(row["bytes_base64"]), event_of(scan("x", when)))
                # The parcel is known though its event is not.
                self.assertEqual(self.value("SELECT count(*) FROM rastro.events JOIN rastro.parcels USING (parcel_id) "
                                            f"WHERE number = '{row['number']}'"), "0")
        row = found[self.place["partly bad history"]]
        self.assertEqual((row["number"], row["path"], row["count"]), ("NX500010077BR", "$.eventos[1]", 2))
        self.assertIn(b'"99/99/2026"', base64.b64decode(row["bytes_base64"]))

    def test_the_rest_of_a_history_lands_beside_its_bad_event(self):
        self.assertEqual(self.sql("SELECT text FROM rastro.events JOIN rastro.parcels USING (parcel_id) "
                                  "WHERE number = 'NX500010077BR' ORDER BY instant"),
                         [["Objeto postado"], ["Objeto encaminhado"], ["Objeto entregue ao destinatário"]])

    def test_what_is_understood_in_part_is_an_event_with_a_mark(self):
        rows = self.sql(
            "SELECT p.number, s.stage, e.code, translate(e.text, E'\\n', ''), e.zone_basis, e.sequence, "
            "array_to_string(rastro.mark_names(e.marks), ' ') "
            "FROM rastro.events e JOIN rastro.parcels p USING (parcel_id) "
            "JOIN rastro.statuses s ON s.status = e.status WHERE p.number LIKE 'MM%X'")
        found = {row[0]: columns_of(row) for row in rows}
        self.assertEqual(len(rows), len(MARKED))
        for (name, (_, marks, columns)), number in zip(MARKED.items(), sorted(found, key=lambda n: int(n[2:-1]))):
            with self.subTest(name):
                row = found[number]
                self.assertEqual(row["marks"], marks or "")
                self.assertEqual({c: row[c] for c in columns}, columns)

    def test_an_event_from_the_future_does_not_move_the_status(self):
        number = self.value("SELECT number FROM rastro.parcels JOIN rastro.events USING (parcel_id) "
                            "WHERE 'future' = ANY (rastro.mark_names(marks))")
        self.assertIsNone(self.run_rastro("timeline", number, "--format", "json").json["status"])

    def test_every_neighbour_lands(self):
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events JOIN rastro.parcels USING (parcel_id) "
                                    "WHERE number LIKE 'GG%OK'"), str(len(self.place)))

    def test_positions_are_behind_all_of_it(self):
        self.assertEqual(self.sql("SELECT topic, partition, next, halted IS NULL FROM rastro.positions ORDER BY 1, 2"),
                         [["bad", "0", str((len(self.values) + 1) // 2), "t"],
                          ["bad", "1", str(len(self.values) // 2), "t"], ["big", "0", "1", "t"]])

    def test_each_is_shown_by_its_id(self):
        listed = self.run_rastro("quarantine", "list", "--format", "json", "--limit", "1000", user=READER).json
        self.fits("quarantine-list", listed)
        exported = self.exported()
        self.assertEqual(sorted(row["id"] for row in listed), sorted(row["id"] for row in exported))
        for row in exported[::7] + [r for r in exported if r["id"] == "big/0/0"]:
            shown = self.run_rastro("quarantine", "show", row["id"], "--format", "json", user=READER).json
            self.assertEqual(shown, [row])
            text = self.run_rastro("quarantine", "show", row["id"], user=READER).out
            self.assertIn(row["sha256"], text)
            # What a carrier wrote cannot drive a terminal.
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f]")
        self.complaint("quarantine", "show", "bad/0/9999", code=NO, says="bad/0/9999: not in quarantine")

    def test_it_is_found_by_words_of_the_reason_and_by_time(self):
        found = self.run_rastro("quarantine", "list", "--match", "UTF-8", "--format", "ndjson", user=READER).out
        self.assertEqual(found.count("not valid UTF-8"), 3)
        self.assertEqual(len(found.splitlines()), 3)
        done = self.run_rastro("quarantine", "list", "--since", "2100-01-01", "--format", "json", user=READER)
        self.assertEqual((done.json, done.err), ([], "quarantine: nothing\n"))
        lines = self.run_rastro("quarantine", "export", "--match", "UTF-8", user=READER).out.splitlines()
        self.assertEqual(len(lines), 3)
        csv = self.run_rastro("quarantine", "list", "--limit", "2", "--format", "csv", user=READER).out
        self.assertEqual(csv.split("\r\n")[0], "id,recorded,source,number,count,reason")
        self.assertEqual(len(csv.split("\r\n")), 4)

    def test_a_new_group_has_nothing_to_do(self):
        before = self.state()
        done = self.ingest("bad", "big")
        self.assertIn("messages 0  events 0", done.out)
        self.assertEqual(self.state(), before)

    def test_a_replay_changes_nothing(self):
        self.loaded = self.new_database(self.loaded)
        before = self.state()
        self.sql("UPDATE rastro.positions SET next = 0, last_offset = NULL, last_at = NULL, last_hash = NULL")
        done = self.ingest("bad", "big", options=("--batch-rows", "1"))
        self.assertIn(" = 0 new + ", done.out)
        self.assertEqual(self.state(), before)

    def test_where_batches_are_cut_does_not_matter(self):
        before, self.loaded = self.state(), self.new_database("rastro")
        self.ingest("bad", "big", options=("--batch-rows", "1", "--workers", "1"))
        after = self.state()
        self.assertEqual(after, before)


class Refused(support.Test):
    """Rows that decoding let through and PostgreSQL does not take."""

    topics = TOPICS

    def refuse(self):
        self.sql(f"ALTER TABLE rastro.event_rows ADD CONSTRAINT no_x CHECK (instant <> '{REFUSED_TIME}')")

    def test_a_few_rows_that_postgresql_refuses_are_set_aside(self):
        support.publish(self.broker, "few", [scan(f"AA{i}", REFUSED_TIME if i % 250 == 7 else GOOD_TIME)
                                             for i in range(1000)])
        self.refuse()
        self.ingest("few")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events"), "996")
        rows = self.sql("SELECT number, reason FROM rastro.quarantine_list q JOIN rastro.parcels USING (parcel_id)")
        self.assertEqual(sorted(row[0] for row in rows), ["AA257", "AA507", "AA7", "AA757"])
        for row in rows:
            self.assertIn("no_x", row[1])

    def test_refusing_many_is_no_accident_and_halts(self):
        support.publish(self.broker, "many", [scan(f"AA{i}", REFUSED_TIME if i >= 50 else GOOD_TIME)
                                              for i in range(100)])
        self.refuse()
        done = self.ingest("many", code=DATA)
        self.assertRegex(done.err, "rastro ingest: many/0: .*(?s:.)*Next: rastro offsets resume many/0 --reason TEXT")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.quarantined_events"), "0")
        self.assertNotEqual(self.value("SELECT halted FROM rastro.positions"), "")
        # A person mends the cause and says so.
        self.sql("ALTER TABLE rastro.event_rows DROP CONSTRAINT no_x")
        self.run_rastro("offsets", "resume", "many/0", "--reason", "mended", "--brokers", self.broker.brokers)
        self.ingest("many")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events"), "100")


class Storm(support.Test):
    """One fault 20,000 times: no more rows than the invariant says, and no time."""

    topics = TOPICS
    count = 20000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.publish(cls.broker, "storm-messages", [b'{"rastro": "event/1", "number": '] * cls.count
                        + [scan("AA1", GOOD_TIME)])
        message = history("NX500010077BR", ("01/10/2026", "10:00", "Objeto postado"),
                          ("soon", "", "Objeto encaminhado"))
        support.publish(cls.broker, "storm-events", [message] * cls.count)
        cls.loaded = cls.new_database("rastro")

    @property
    def database(self):
        return self.loaded

    def setUp(self):
        super().setUp()
        if self.value("SELECT count(*) FROM rastro.positions") == "0":
            started = time.monotonic()
            self.ingest("storm-messages", "storm-events")
            type(self).took = time.monotonic() - started

    def test_a_storm_is_over_soon(self):
        self.assertLess(self.took, 30)
        started = time.monotonic()
        lines = self.run_rastro("quarantine", "export", user=READER).out.splitlines()
        self.assertEqual(len(set(lines)), self.count + 1)
        self.assertLess(time.monotonic() - started, 30)

    def test_a_storm_of_bad_messages_keeps_their_bytes_once(self):
        self.assertEqual(self.sql("SELECT count(*), min(kafka_offset), max(kafka_offset) "
                                  "FROM rastro.quarantined_messages"), [[str(self.count), "0", str(self.count - 1)]])
        self.assertEqual(self.value("SELECT count(*) FROM rastro.quarantined_bytes"), "2")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events JOIN rastro.parcels USING (parcel_id) "
                                    "WHERE number = 'AA1'"), "1")

    def test_a_storm_of_one_bad_event_is_one_row(self):
        self.assertEqual(self.sql("SELECT count, first_offset, last_offset FROM rastro.quarantined_events"),
                         [[str(self.count), "0", str(self.count - 1)]])
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events JOIN rastro.parcels USING (parcel_id) "
                                    "WHERE number = 'NX500010077BR'"), "1")


if __name__ == "__main__":
    support.main()
