#!/usr/bin/env python3
"""rastro stalled: what stands still, in which order, page by page; and where a timeline shows it."""
import csv
import io
import json
import random
import re
import time

import support
from support import READER, UNAVAILABLE, USAGE, scan, servers

KINDS = ["never_scanned", "no_update", "stuck", "overdue", "uncollected", "source_stopped",
         "contradicted.scan_after_delivery", "contradicted.scan_before_dispatch", "contradicted.delivered_elsewhere",
         "contradicted.wrong_country", "contradicted.number_shared", "contradicted.bad_check_digit"]
FILTERS = ("carrier", "seller", "stage", "origin", "destination")
NOW = time.time()


def setUpModule():
    support.start()


def ago(days):
    """An instant so many days before the test began, to the second."""
    return None if days is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - days * 86400))


def literal(value):
    return "NULL" if value is None else str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def episode(number, kind="no_update", silent=20, since=10, opened=9, gone=None, promised=None, state=None, **more):
    """A row of rastro.episodes; times are days before now."""
    row = dict(parcel_id=abs(hash(number)) % 10**9, started=ago(silent), since=ago(since), until=ago(gone), feed_at=ago(opened or 0),
               opened_at=ago(opened), gone_at=ago(gone), silent_since=ago(silent), promised_to=ago(promised),
               rules_version=3, kind=KINDS.index(kind) + 1, state=state or ("o" if gone is None else "e"),
               rule=f"rule-{kind}", number=number)
    row.update(more)
    return row


def insert(rows):
    columns = sorted({c for row in rows for c in row})
    values = ", ".join("(" + ", ".join(literal(row.get(c)) for c in columns) + ")" for row in rows)
    return f"INSERT INTO rastro.episodes ({', '.join(columns)}) VALUES {values};"


class Stalled(support.Test):
    topics = ("scans:1",)

    def stalled(self, *options, **kwargs):
        page = self.run_rastro("stalled", "--format", "json", *options, user=READER, **kwargs).json
        self.fits("stalled", page)
        return page

    def numbers(self, *options):
        return [e["number"] for e in self.stalled(*options)["episodes"]]

    def pages(self, limit, *options):
        """All numbers, by as many pages as it takes."""
        found, more = [], []
        while True:
            page = self.stalled("--limit", limit, *options, *more)
            found += [e["number"] for e in page["episodes"]]
            if not page["next"]:
                return found
            self.assertEqual(len(page["episodes"]), limit)
            more = ["--cursor", page["next"]]

    def ingested(self, *values):
        """A database into which the messages were read."""
        topic = f"t{time.monotonic_ns()}"
        self.broker = support.start_broker(topic, [f"{topic}:1"])
        self.addCleanup(support.stop_broker, self.broker)
        support.publish(self.broker, topic, values)
        self.ingest(topic, options=["--detector", "off"])

    def parcel(self, number):
        return int(self.value(f"SELECT parcel_id FROM rastro.parcels WHERE number = '{number}'"))

    # ---- which

    def test_nothing_stalled_is_a_fine_answer(self):
        done = self.run_rastro("stalled", user=READER)
        self.assertEqual(done.out, "")
        self.assertRegex(done.err, r"^0 stalled at \S+ \S+Z. No feed was read yet\n$")
        page = self.stalled()
        self.assertEqual((page["episodes"], page["next"], page["complete_to"]), ([], None, None))
        self.assertEqual(self.run_rastro("stalled", "--format", "ndjson", user=READER).out, "")
        self.assertEqual(self.run_rastro("stalled", "--format", "csv", user=READER).out.count("\n"), 1)
        self.assertEqual(self.stalled("--count"), [{"count": 0}])
        self.assertEqual(self.stalled("--count", "--by", "kind"), [])

    def test_only_what_is_open_is_listed(self):
        self.sql(insert([episode("OPEN1"), episode("ENDED1", gone=1), episode("GONE1", gone=1, state="w"),
                         episode("MAYBE1", opened=None, state="c")]))
        self.assertEqual(self.numbers(), ["OPEN1"])
        self.assertEqual(self.stalled("--count"), [{"count": 1}])

    def test_each_filter_lists_what_it_says(self):
        self.sql(insert([
            episode("A", carrier="correios", seller="s-1", stage="customs", origin="CN", destination="BR"),
            episode("B", "overdue", carrier="usps", seller="s-2", stage="transit", origin="US", destination="MX"),
            episode("C", "contradicted.wrong_country", silent=3), episode("D", "contradicted.bad_check_digit", opened=2),
            episode("E", promised=30), episode("F", promised=-5)]))
        for options, expected in {
                ("--carrier", "correios"): "A", ("--seller", "s-2"): "B", ("--stage", "customs"): "A",
                ("--origin", "US"): "B", ("--destination", "BR"): "A", ("--carrier", "correios", "--origin", "US"): "",
                ("--kind", "overdue"): "B", ("--kind", "contradicted"): "CD", ("--kind", "overdue,contradicted"): "BCD",
                ("--kind", "overdue", "--kind", "contradicted.wrong_country"): "BC",
                ("--kind", "overdue", "--carrier", "correios"): "",
                ("--silent", "7d"): "ABDEF", ("--silent", "21d"): "", ("--opened-since", ago(5)): "D",
                ("--opened-before", ago(5)): "ABCEF", ("--opened-since", ago(5), "--kind", "no_update"): "",
                ("--promised-before", ago(0)): "E", ("--promised-before", ago(-10)): "EF",
                ("--promised-before", ago(31)): ""}.items():
            with self.subTest(options=options):
                self.assertEqual("".join(sorted(self.numbers(*options))), expected)
                self.assertEqual(self.stalled("--count", *options), [{"count": len(expected)}])

    def test_each_order_begins_where_it_says(self):
        self.sql(insert([episode("A", silent=40, since=30, opened=3, promised=1), episode("B", silent=30, since=20, opened=4),
                         episode("C", silent=20, since=40, opened=1, promised=9), episode("D", silent=20, since=10, opened=2)]))
        for sort, expected in {"silent": "ABCD", "since": "CABD", "opened": "CDAB", "promised": "CABD"}.items():
            self.assertEqual("".join(self.numbers("--sort", sort)), expected, sort)
        self.assertEqual(self.numbers(), self.numbers("--sort", "silent"))

    def test_pages_hold_still_while_rows_come_and_go(self):
        self.sql(insert([episode(f"P{i}", silent=100 - i) for i in range(9)]))
        first = self.stalled("--limit", 3)
        self.assertEqual([e["number"] for e in first["episodes"]], ["P0", "P1", "P2"])
        self.sql("DELETE FROM rastro.episodes WHERE number IN ('P1', 'P2', 'P4');"
                 + insert([episode("NEW1", silent=99.5), episode("NEW2", silent=95.5)]))
        second = self.stalled("--limit", 3, "--cursor", first["next"])
        self.assertEqual([e["number"] for e in second["episodes"]], ["P3", "NEW2", "P5"])
        rest = self.stalled("--limit", 3, "--cursor", second["next"])
        self.assertEqual(([e["number"] for e in rest["episodes"]], rest["next"]), (["P6", "P7", "P8"], None))

    def test_what_was_open_then_is_asked_with_as_of(self):
        self.sql(insert([episode("STILL", opened=50, silent=60), episode("LATER", opened=5),
                         episode("OVER", opened=50, silent=70, gone=20), episode("BEFORE", opened=50, gone=40),
                         episode("NEVER", opened=50, silent=55, gone=29, state="w")]))
        self.assertEqual(self.numbers("--as-of", ago(30)), ["OVER", "STILL", "NEVER"])
        self.assertEqual(self.numbers("--as-of", ago(10)), ["STILL"])
        self.assertEqual(self.numbers("--as-of", ago(51)), [])
        self.assertEqual(self.numbers("--as-of", ago(30), "--silent", "35d"), ["OVER"])
        self.assertEqual(self.stalled("--as-of", ago(30))["at"], ago(30))
        self.assertEqual(self.stalled("--as-of", ago(30), "--count"), [{"count": 3}])
        self.assertIn(f"3 stalled at {ago(30)[:10]}", self.run_rastro("stalled", "--as-of", ago(30), user=READER).err)

    def test_any_choice_in_any_order_is_what_a_model_says(self):
        """Small limits are read along the order, large ones gathered."""
        draw = random.Random(7)
        rows = []
        for i in range(400):
            opened = draw.uniform(0, 300)
            rows.append(episode(
                f"N{i}", draw.choice(KINDS), silent=opened + draw.choice([0, 1, 3, 30]), since=opened + draw.uniform(0, 2),
                opened=opened, gone=draw.choice([None, opened * draw.random(), opened - min(opened, 2)]),
                promised=draw.choice([None, opened - 10, opened + 10]), carrier=draw.choice([None, "usps", "correios"]),
                seller=draw.choice([None, "s-1", "s-2", "s-3"]), stage=draw.choice([None, "transit", "customs"]),
                origin=draw.choice(["CN", "US"]), destination=draw.choice(["BR", "DE", None])))
        self.sql(insert(rows) + "ANALYZE rastro.episodes")
        for number, row in enumerate(rows, 1):
            row["episode"] = number
        for _ in range(25):
            options, passes = [], [lambda r: r["state"] == "o"]
            if draw.random() < 0.4:
                then = ago(draw.uniform(0, 200))
                options += ["--as-of", then]
                passes = [lambda r, t=then: r["opened_at"] <= t and (r["gone_at"] is None or r["gone_at"] > t)]
            for name in draw.sample(FILTERS, draw.choice([0, 0, 1, 2])):
                value = draw.choice([r[name] for r in rows if r[name]])
                options += [f"--{name}", value]
                passes.append(lambda r, n=name, v=value: r[n] == v)
            if draw.random() < 0.3:
                kinds = draw.sample(range(12), draw.choice([1, 4]))
                options += ["--kind", ",".join(KINDS[k] for k in kinds)]
                passes.append(lambda r, k=kinds: r["kind"] - 1 in k)
            if draw.random() < 0.3:
                then = ago(draw.uniform(0, 200))
                option, column, keeps = draw.choice([
                    ("--opened-since", "opened_at", lambda v, t: v >= t), ("--opened-before", "opened_at", lambda v, t: v < t),
                    ("--promised-before", "promised_to", lambda v, t: v is not None and v < t)])
                options += [option, then]
                passes.append(lambda r, c=column, k=keeps, t=then: k(r[c], t))
            sort, key = draw.choice([("silent", "silent_since"), ("since", "since"), ("opened", "opened_at"), ("promised", "promised_to")])
            found = [r for r in rows if all(p(r) for p in passes)]
            found.sort(key=lambda r: (r[key] or "9", r["episode"]), reverse=sort == "opened")
            expected = [r["number"] for r in found]
            with self.subTest(options=options, sort=sort):
                self.assertEqual(self.numbers("--limit", 1000, "--sort", sort, *options), expected)
                self.assertEqual(self.pages(max(1, len(expected) // 3), "--sort", sort, *options), expected)
                self.assertEqual(self.stalled("--count", *options), [{"count": len(expected)}])

    def test_a_long_list_is_whole(self):
        self.sql(insert([episode(f"L{i}", silent=50 + i / 100) for i in range(1203)]))
        expected = [f"L{i}" for i in reversed(range(1203))]
        self.assertEqual(self.numbers("--limit", 5000), expected)
        self.assertEqual(self.pages(501), expected)
        self.assertEqual([json.loads(line)["number"] for line in self.run_rastro(
            "stalled", "--format", "ndjson", "--limit", 5000, user=READER).out.splitlines()], expected)

    # ---- how many

    def test_counts_are_by_the_columns_that_are_named_most_first(self):
        self.sql(insert([episode(f"A{i}", "overdue", carrier="usps", stage="transit") for i in range(3)]
                        + [episode(f"B{i}", carrier="correios", stage="transit") for i in range(2)] + [episode("C")]))
        self.assertEqual(self.stalled("--count", "--by", "kind,carrier"), [
            {"kind": "overdue", "carrier": "usps", "count": 3}, {"kind": "no_update", "carrier": "correios", "count": 2},
            {"kind": "no_update", "carrier": None, "count": 1}])
        self.assertEqual(self.stalled("--count", "--by", "stage", "--kind", "no_update"),
                         [{"stage": "transit", "count": 2}, {"stage": None, "count": 1}])
        done = self.run_rastro("stalled", "--count", "--by", "carrier", "--limit", 1, user=READER)
        self.assertEqual(done.out.split(), ["CARRIER", "COUNT", "usps", "3"])
        self.assertIn("There are smaller ones: --limit N", done.err)
        self.assertEqual(self.run_rastro("stalled", "--count", "--by", "kind", "--format", "csv", user=READER).out,
                         "kind,count\r\nno_update,3\r\noverdue,3\r\n")

    # ---- what is printed

    def test_a_table_has_the_head_and_the_way_on_on_standard_error(self):
        self.sql(insert([episode(f"T{i}", silent=22.5, carrier="correios", promised=-10) for i in range(3)]))
        done = self.run_rastro("stalled", "--limit", 2, user=READER)
        self.assertEqual(done.out.splitlines()[0].split(), "NUMBER CARRIER KIND SILENT LOOKED LAST SCAN PROMISED RULE".split())
        day = ago(-10)[5:10]
        self.assertRegex(done.out.splitlines()[1], rf"^T0 +correios +no_update +22 d +- +none; registered {ago(22.5)[5:10]} +{day} +rule-no_update$")
        self.assertEqual(len(done.out.splitlines()), 3)
        head, more, hints = done.err.splitlines()
        self.assertRegex(head, r"^3 stalled at \d{4}-\d\d-\d\d \d\d:\d\dZ\. ")
        cursor = re.fullmatch(r"1 more: --limit N, or --cursor ([0-9a-f]+)", more)[1]
        self.assertIn("Why: rastro why NUMBER", hints)
        done = self.run_rastro("stalled", "--limit", 2, "--cursor", cursor, user=READER)
        self.assertEqual(done.out.splitlines()[1].split()[0], "T2")
        self.assertNotIn("more", done.err)
        self.assertRegex(done.err, "^3 stalled")

    def test_last_scans_are_in_the_sources_words(self):
        self.ingested(
            dict(scan("RB123456785CN", "2026-10-01T10:00:00Z", code="FAF", text="Fiscalização finalizada"), origin="CN"),
            dict(scan("KENLY1", "2026-10-02T10:00:00Z", carrier="usps"), next={"number": "LAST1", "carrier": "usps"}),
            scan("LAST1", "2026-10-03T10:00:00Z", carrier="usps", text="In Transit", place={"country": "US", "city": "Kenly"}),
            {"rastro": "event/1", "feed": "test", "number": "RG1", "carrier": "correios"})
        fp = {n: f for n, f in self.sql("SELECT p.number, t.fp FROM rastro.parcels p, rastro.timeline(ARRAY[p.parcel_id]) t")}
        self.sql(insert([
            episode("RB123456785CN", parcel_id=self.parcel("RB123456785CN"), last_fp=fp["RB123456785CN"], silent=9),
            episode("RB123456785CN", "stuck", parcel_id=self.parcel("RB123456785CN"), last_fp=fp["RB123456785CN"], silent=8),
            episode("KENLY1", parcel_id=self.parcel("KENLY1"), last_fp=fp["LAST1"], stage="transit", silent=7),
            episode("RG1", "never_scanned", parcel_id=self.parcel("RG1"), silent=6),
            episode("ODD1", parcel_id=self.parcel("RG1"), last_fp="00112233-4455-6677-8899-aabbccddeeff", silent=5)]))
        page = self.stalled()
        self.assertEqual([(e["last"] or {}).get("text") for e in page["episodes"]],
                         ["Fiscalização finalizada", "Fiscalização finalizada", "In Transit", None, None])
        self.assertEqual(page["episodes"][2]["last"], {
            "instant": "2026-10-03T10:00:00Z", "status": "transit.departed", "source": "rastro/test", "text": "In Transit",
            "place": {"country": "US", "region": None, "city": "Kenly", "name": None}, "fp": fp["LAST1"].replace("-", "")})
        self.assertIsNotNone(page["episodes"][0]["looked"])
        self.assertIsNotNone(page["complete_to"])
        done = self.run_rastro("stalled", user=READER)
        for words in ('"Fiscalização finalizada"', 'Kenly US, "In Transit"', "none; registered "):
            self.assertIn(words, done.out)
        self.assertRegex(done.out, r"(?m)^RB123456785CN .* \d+ min +\"Fisc")
        self.assertRegex(done.out, r"(?m)^ODD1 .* min +- +-  ")
        self.assertRegex(done.err, r"Feeds complete to \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n")
        self.sql("DELETE FROM rastro.progress")
        self.assertIsNone(self.stalled()["complete_to"])
        self.assertIn("How far feeds are complete is not known", self.run_rastro("stalled", user=READER).err)

    def test_csv_is_for_machines_and_runs_no_formula(self):
        self.sql(insert([episode("CSV1", seller='=cmd|"x"', carrier="a,b", promised=3)]))
        out = self.run_rastro("stalled", "--format", "csv", user=READER).out
        [row] = csv.DictReader(io.StringIO(out, newline=""))
        self.assertEqual((row["number"], row["carrier"], row["seller"]), ("CSV1", "a,b", "'=cmd|\"x\""))
        self.assertEqual((row["since"], row["promised"], row["last_at"], row["rules_version"]), (ago(10), ago(3), "", "3"))

    def test_hostile_words_are_only_words(self):
        hostile = ["' OR 1=1 --", "$1", "\\", 'a"b', "{x,y}", "çà ı 漢字", "%", "NULL"]
        self.sql(insert([episode(f"H{i}", carrier=w, seller=w, stage=w, origin=w, destination=w) for i, w in enumerate(hostile)]
                        + [episode("ESC", carrier="\x1b[31m\u202e", silent=1)]))
        for i, word in enumerate(hostile):
            for name in FILTERS:
                self.assertEqual(self.numbers(f"--{name}", word), [f"H{i}"], word)
            self.assertEqual(self.stalled("--count", "--by", "seller", "--seller", word), [{"seller": word, "count": 1}])
        out = self.run_rastro("stalled", user=READER).out
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\u202e", out)

    # ---- what is refused

    def test_what_cannot_be_meant_is_a_usage_error(self):
        self.sql(insert([episode(f"U{i}") for i in range(3)]))
        cursor = self.stalled("--limit", 1)["next"]
        other = self.stalled("--limit", 1, "--sort", "opened")["next"]
        damaged = cursor[:-9] + ("0" if cursor[-9] != "0" else "1") + cursor[-8:]
        for options, says in {
                ("--kind", "no_updat"): 'unknown kind "no_updat"; did you mean "no_update"?',
                ("--kind", "overdue,contradictd"): 'did you mean "contradicted"?', ("--kind", "zzz"): 'unknown kind "zzz"',
                ("--kind", "overdue,"): 'unknown kind ""',
                ("--by", "kind"): "--by says what --count counts by",
                ("--count", "--by", "kind,number"): '"number" is none of: kind carrier seller',
                ("--count", "--cursor", cursor): "--cursor goes with pages",
                ("--cursor", "x"): '--cursor: "x" is not', ("--cursor", damaged): "is not, or no longer, what a page ended with",
                ("--cursor", cursor[:-2]): "is not, or no longer", ("--cursor", "f" * len(cursor)): "is not, or no longer",
                ("--cursor", other): "it is of a page in the order --sort opened",
                ("--sort", "number"): "silent since opened promised", ("--silent", "7"): "is no time",
                ("--as-of", "soon"): "is no ISO 8601 instant", ("--limit", "0"): "is no number",
                ("RB123456785CN",): "is no option", ("--since", "2026-01-01"): "--since is not for this verb"}.items():
            with self.subTest(options=options):
                self.complaint("stalled", *options, code=USAGE, says=says)

    def test_a_server_that_is_away_is_said(self):
        self.complaint("stalled", code=UNAVAILABLE, says="postgresql", env={"PGPORT": str(servers.free_port())})

    # ---- timelines

    def test_a_timeline_shows_where_it_stood_still(self):
        self.ingested(scan("TL1", "2026-10-01T10:00:00Z", status="accepted.scan"), scan("TL1", "2026-10-20T10:00:00Z"))
        parcel = self.parcel("TL1")
        fps = [fp for [fp] in self.sql(f"SELECT fp FROM rastro.timeline(ARRAY[{parcel}::bigint]) ORDER BY instant")]

        def at(day):
            return f"2026-{day}T10:00:00Z"
        times = dict(parcel_id=parcel, rule="r", rules_version=2, number="TL1", feed_at=at("10-12"))
        self.sql(insert([
            dict(times, kind=2, state="e", started=at("10-01"), since=at("10-11"), until=at("10-20"), opened_at=at("10-12"),
                 gone_at=at("10-21"), silent_since=at("10-01"), last_fp=fps[0], ended_fp=fps[1]),
            dict(times, kind=4, state="w", started=at("10-02"), since=at("10-02"), opened_at=at("10-02"), gone_at=at("10-03"),
                 silent_since=at("10-01")),
            dict(times, kind=2, state="o", started=at("10-20"), since=at("10-30"), opened_at=at("10-31"), silent_since=at("10-20"),
                 last_fp=fps[1]),
            dict(times, kind=3, state="c", started=at("10-20"), since=at("10-30"), silent_since=at("10-20"))]))
        lines = self.run_rastro("timeline", "TL1", user=READER).out.splitlines()
        self.assertRegex("\n".join(lines), r"STALLED  no_update since 2026-10-30 10:00Z: \d+ days without a scan \(rule r v2\)\n")
        table = lines[lines.index("") + 1:]
        self.assertRegex(table[1], "^2026-10-01")
        self.assertEqual(table[2], "  |  no scan: stalled since 10-11 10:00Z until 10-20 10:00Z")
        self.assertRegex(table[3], "^2026-10-20")
        self.assertEqual(table[4:], ["  |  no scan: stalled since 10-30 10:00Z"])
        self.assertIn("  |  overdue: stalled since 10-02 10:00Z until 10-03 10:00Z (withdrawn)",
                      self.run_rastro("timeline", "TL1", "--all", user=READER).out)

        def told(*options):
            value = self.run_rastro("timeline", "TL1", "--format", "json", *options, user=READER).json
            self.fits("timeline", value)
            return [(e["kind"], e["state"], e["since"], e["until"]) for e in value["episodes"]], value["episodes"]
        short, episodes = told()
        self.assertEqual(short, [("no_update", "ended", at("10-11"), at("10-20")), ("no_update", "open", at("10-30"), None)])
        self.assertEqual((episodes[0]["last"], episodes[0]["ended_by"], episodes[1]["ended_by"]),
                         (fps[0].replace("-", ""), fps[1].replace("-", ""), None))
        self.assertEqual([e[1] for e in told("--all")[0]], ["withdrawn", "ended", "open"])
        # As it was recorded: open while its end was not known, unknown before.
        self.assertEqual(told("--as-of", at("10-15"))[0], [("no_update", "open", at("10-11"), None)])
        self.assertEqual(told("--as-of", "2026-10-02T12:00:00Z")[0], [("overdue", "open", at("10-02"), None)])
        self.assertEqual(told("--as-of", at("10-01"))[0], [])
        said = self.run_rastro("timeline", "TL1", "--as-of", at("10-15"), user=READER).out
        self.assertIn("STALLED  no_update since 2026-10-11 10:00Z: 14 days without a scan (rule r v2)", said)

    def test_a_timeline_without_a_scan_says_that_it_is_stalled(self):
        self.ingested({"rastro": "event/1", "feed": "test", "number": "RG1", "carrier": "correios"})
        self.sql(insert([episode("RG1", "never_scanned", parcel_id=self.parcel("RG1"))]))
        out = self.run_rastro("timeline", "RG1", user=READER).out
        self.assertIn("STALLED  never_scanned since", out)
        self.assertRegex(out, r"Registered; no scan yet.\n  \|  no scan: stalled since \d\d-\d\d \d\d:\d\dZ\n")


if __name__ == "__main__":
    support.main()
