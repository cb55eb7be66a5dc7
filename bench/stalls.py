#!/usr/bin/env python3
"""The stall detector: what it adds to ingestion, how soon it tells, how quickly it answers.

Four parts, of which --only takes one: table (the parcel table's slots for
deadlines), ingest (with and without the detector), due (seconds from due to
published, beside 10 M parcels that wait and under load) and queries (what `rastro
stalled` takes over 1 M open and 20 M ended episodes).  README.md has the details.
"""
import argparse
import json
import math
import os
import random
import re
import subprocess
import time

from common import (BUILD, FEED, RASTRO, Bench, BenchError, drop_database, finish, main, median,
                    new_rastro_database, run, say, settle, table)
from ingest import Ingest
from servers import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(BUILD, "bench", "bench_stalls")
ADMIN = os.path.join(BUILD, "tests", "tools", "rastro-kafka-admin")
DAY = 86400


def instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


def p99(values):
    """The least that 99 of 100 do not exceed."""
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


# ---- the table's slots -------------------------------------------------------------------

def measure_table(options):
    say(f"table: {options.waiting:,} parcels")
    done = subprocess.run([TABLE, "--rows", str(options.waiting), "--pairs", str(options.pairs)],
                          capture_output=True, text=True)
    found = json.loads(done.stdout)
    lines = [["a slot of the table's, ns", f"{found['slot_ns']:.2f}"],
             ["a word of a bare array, ns", f"{found['array_ns']:.2f}"],
             [f"all {options.waiting:,} slots, ms", f"{found['scan_ms']:.1f}"],
             ["due among them", f"{found['due']:,}"],
             ["a deadline stored, ns beside finding its parcel", f"{found['store_ns']:.1f}"]]
    return {key: found[key] for key in ("slot_ns", "array_ns", "slot_ratio", "scan_ms", "store_ns")}, lines, found["judge"]


# ---- with and without -------------------------------------------------------------------------

class Paired(Ingest):
    """Ingestion as `ops/bench ingest` has it, two workers."""

    def ours_with(self, detector):
        name = self.name()
        writer, owner = new_rastro_database(self.pg, name)
        settle(self.pg)
        out = run([RASTRO, "ingest", "--brokers", self.kafka.brokers, "--topic", "scans", "--group", name,
                   "--workers", "2", "--until-end", "--log-level", "warn", "--detector", detector], writer)
        took = re.search(r"= (\d+) new.*took ([\d.]+) s", out, re.S)
        if not took:
            raise BenchError(f"rastro ingest said: {out}")
        self.judge(owner, 20)
        drop_database(self.pg, name)
        return int(took[1]) / float(took[2])


def interval(ratios):
    """Of the median, by the order of the values: 95 % and more from ten on."""
    ordered = sorted(ratios)
    spare = max(0, len(ordered) // 2 - 4) if len(ordered) >= 10 else 0
    return ordered[spare], ordered[-1 - spare]


def measure_ingest(options):
    with Bench() as folder:
        paired = Paired(folder, options.rows)
        for detector in ("on", "off"):
            paired.ours_with(detector)  # warms up
        ratios, rates = [], {"on": [], "off": []}
        for pair in range(options.pairs):
            for detector in ("on", "off") if pair % 2 else ("off", "on"):
                rates[detector].append(paired.ours_with(detector))
            ratios.append(rates["on"][-1] / rates["off"][-1])
            say(f"pair {pair + 1} of {options.pairs}: {rates['on'][-1]:,.0f} rows/s with, {rates['off'][-1]:,.0f} without: "
                f"{ratios[-1]:.3f}")
        differences = paired.differences
    low, high = interval(ratios)
    lines = [["rows/s with the detector", f"{median(rates['on']):,.0f}"],
             ["rows/s without", f"{median(rates['off']):,.0f}"],
             ["with as a share of without", f"{median(ratios):.3f} ({low:.3f} to {high:.3f})"]]
    figures = {"detector_ratio": round(median(ratios), 3), "detector_ratio_low": round(low, 3),
               "detector_ratio_high": round(high, 3), "pairs": options.pairs}
    return figures, lines, differences


# ---- from due to published ------------------------------------------------------------------------

WAITING = """
INSERT INTO rastro.deadlines (parcel_id, due, source)
SELECT 4000000000 + n, now() + interval '1 day' + (n % 1000000) * interval '1 second', 1
FROM generate_series(1, {waiting}) n;
ANALYZE rastro.deadlines;
"""
SILENT = 2000        # parcels that become due
FROM, TO = 60, 180   # seconds after they were told of
EVERY = 5            # seconds between two publications of the load
LOADED = 200000      # parcels that it is of


def message(feed, number, at):
    return json.dumps({"rastro": "event/1", "feed": feed, "number": number, "carrier": "correios", "origin": "CN",
                       "destination": "BR", "event": {"code": "ARR", "status": "transit.arrived", "text": "Arrived at facility",
                                                      "time": instant(at), "place": {"country": "BR", "city": "Curitiba"}}})


def write_silent(path, start):
    """Parcels of a source of their own whose ten days end while we look."""
    due = {}
    with open(path, "w", encoding="utf-8") as out:
        out.write("rastro-feed 1\tquiet:1\n")
        for i in range(SILENT):
            at = start + FROM + (TO - FROM) * i / SILENT
            number = f"QUIET{i:06d}"
            due[number] = at
            out.write(f"quiet\t0\t{int(start * 1000)}\t\\N\t{message('quiet', number, at - 10 * DAY)}\n")
    return due


def write_load(path, first, count):
    """One scan each, of a moment ago."""
    now = time.time()
    before, after = message("load", "LOAD#", now).split("#")
    with open(path, "w", encoding="utf-8") as out:
        out.write("rastro-feed 1\tscans:12\n")
        for i in range(first, first + count):
            out.write(f"scans\t{i % 12}\t{int(now * 1000)}\t\\N\t{before}{i % LOADED:07d}{after}\n")


def read_alerts(kafka, seconds):
    """{number: when Kafka got its alert, in seconds}, of those that became silent."""
    deadline = time.time() + seconds
    while True:
        found = {}
        for line in run([ADMIN, kafka.brokers, "read", "alerts"]).splitlines():
            _, _, at_ms, _, value = line.split("\t", 4)
            event = json.loads(value)
            if event["type"].endswith("opened.v1"):
                found.setdefault(event["subject"], int(at_ms) / 1000)
        if len(found) >= SILENT:
            return found
        if time.time() > deadline:
            raise BenchError(f"{len(found)} of {SILENT} alerts came within {seconds} s")
        time.sleep(2)


def measure_due(options):
    with Bench() as folder:
        kafka, pg = folder.start_kafka(), folder.start_postgres()
        writer, owner = new_rastro_database(pg, "due")
        load, silent = folder.path("load"), folder.path("silent")
        for topic, partitions in (("scans", 12), ("quiet", 1), ("alerts", 1)):
            run([ADMIN, kafka.brokers, "create", topic, str(partitions)])
        where = ["--brokers", kafka.brokers, "--topic", "scans", "--topic", "quiet", "--group", "due", "--alerts", "alerts"]
        ingest = [RASTRO, "ingest", *where, "--log-level", "warn"]
        wait_for("the topics to be there", lambda: not subprocess.run(
            [RASTRO, "check", *where], env=dict(os.environ, **writer), capture_output=True).returncode, 30)
        run(ingest + ["--until-end"], writer)  # the rules are known from then on, so that nothing is looked at for them
        say(f"due: {options.waiting:,} parcels that wait")
        pg.psql(WAITING.format(waiting=options.waiting), database="due")
        settle(pg)
        process = subprocess.Popen(ingest, env=dict(os.environ, **writer))
        try:
            began = time.time()
            due = write_silent(silent, began)
            run([FEED, "--from", silent, "--brokers", kafka.brokers, "--append"])
            published = 0
            while time.time() < began + TO:
                turn = time.time()
                write_load(load, published, options.load * EVERY)
                run([FEED, "--from", load, "--brokers", kafka.brokers, "--append"])
                published += options.load * EVERY
                time.sleep(max(0, turn + EVERY - time.time()))
            told = read_alerts(kafka, 120)
            rows = 0
            while rows < SILENT + published and time.time() < began + TO + 180:
                time.sleep(2)
                rows = int(pg.value("SELECT count(*) FROM rastro.event_rows", database="due"))
            seconds = time.time() - began
        finally:
            process.terminate()
            process.wait(15)
    late = sorted(told[number] - at for number, at in due.items())
    wrong = sum(number not in due for number in told) + sum(moment < 0 for moment in late) + abs(SILENT + published - rows)
    figures = {"due_s": round(median(late), 2), "due_p99_s": round(p99(late), 2),
               "due_rows_per_s": round(rows / seconds)}
    lines = [["seconds from due to published", f"{figures['due_s']:.1f}", f"{figures['due_p99_s']:.1f}"],
             ["rows/s written meanwhile", f"{figures['due_rows_per_s']:,}"]]
    return figures, lines, wrong


# ---- queries -------------------------------------------------------------------------------------------

# What is asked, listed in README.md before it was measured.
QUERIES = {
    "all": [],
    "kind": ["--kind", "uncollected"],
    "carrier": ["--carrier", "carrier-7"],
    "seller": ["--seller", "s-1234"],
    "stage": ["--stage", "customs"],
    "origin": ["--origin", "CN"],
    "destination": ["--destination", "BR"],
    "silence": ["--silent", "60d"],
    "opened": ["--opened-since", "{yesterday}", "--opened-before", "{today}", "--sort", "opened"],
    "promised": ["--promised-before", "{last_week}", "--sort", "promised"],
    "almost nothing": ["--carrier", "carrier-49", "--seller", "s-4999", "--stage", "pickup", "--origin", "US"],
    "almost all": ["--silent", "1d", "--promised-before", "{next_year}", "--sort", "since"],
}
COUNT = ["--count", "--by", "kind,carrier,stage"]


def stalled(reader, arguments):
    """Milliseconds, and the answer."""
    began = time.monotonic()
    out = run([RASTRO, "stalled", *arguments, "--format", "json"], reader)
    return (time.monotonic() - began) * 1e3, json.loads(out)


def login(reader):
    """Milliseconds of PostgreSQL's own client, which asks for nothing."""
    began = time.monotonic()
    run(["psql", "-Xqc", "SELECT"], reader)
    return (time.monotonic() - began) * 1e3


def log_durations(owner):
    """PostgreSQL writes into its log how long each statement takes: to read, to plan and to run."""
    run(["psql", "-Xqc", f"ALTER DATABASE {owner['PGDATABASE']} SET log_min_duration_statement = 0"], owner)


def answered(log, reader, arguments):
    """Milliseconds of the whole run, and of its statements in the server."""
    log.seek(0, os.SEEK_END)
    whole, _ = stalled(reader, arguments)
    return whole, sum(float(ms) for ms in re.findall(r"duration: ([\d.]+) ms", log.read()))


def write_plans(path, pg, owner, reader, queries):
    """How PostgreSQL answered each, as it logs them itself; see README.md."""
    for setting in ("session_preload_libraries = auto_explain", "auto_explain.log_min_duration = 0",
                    "auto_explain.log_analyze = on", "auto_explain.log_buffers = on"):
        run(["psql", "-Xqc", f"ALTER DATABASE {owner['PGDATABASE']} SET {setting}"], owner)
    with open(path, "w", encoding="utf-8") as out:
        for name, arguments in queries.items():
            with open(pg.log, encoding="utf-8") as log:
                log.seek(0, os.SEEK_END)
                stalled(reader, arguments)
                said = log.read()
            out.write(f"---- {name}: rastro stalled {' '.join(arguments)}\n")
            for plan in re.findall(r"duration: ([\d.]+ ms)  plan:\n((?:\t.*\n)+)", said):
                if " on episodes" in plan[1]:
                    out.write(f"\n{plan[0]}\n{shortened(plan[1])}")
            out.write("\n")


def shortened(plan):
    """Without the statement, what never ran, costs, buffers of each node, and ends of long lines."""
    lines, skipped = [], None
    for line in plan.expandtabs(4).splitlines():
        depth = len(line) - len(line.lstrip())
        if skipped is not None and depth > skipped:
            continue
        skipped = depth if "(never executed)" in line else None
        if skipped is None and not line.lstrip().startswith(("Query Text:", "Buffers:")):
            lines.append(re.sub(r"\(cost=\S+ rows=\d+ width=\d+\) ", "", line)[:160].rstrip())
    return "\n".join(lines) + "\n"


def measure_queries(options):
    now = time.time()
    at = {"yesterday": now - DAY, "today": now, "last_week": now - 7 * DAY, "next_year": now + 365 * DAY}
    with Bench() as folder:
        pg = folder.start_postgres()
        _, owner = new_rastro_database(pg, "queries")
        say(f"queries: {options.open:,} open and {options.ended:,} ended episodes")
        run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"open={options.open}", "-v", f"ended={options.ended}",
             "-f", os.path.join(HERE, "stalls.sql")], owner)
        settle(pg)
        reader = dict(pg.env("rastro_reader"), PGDATABASE="queries")
        queries = {name: [part.format(**{key: instant(value) for key, value in at.items()}) for part in parts]
                   for name, parts in QUERIES.items()}
        queries["as of"] = ["--as-of", instant(now - 40 * DAY)]
        cursor = None
        for _ in range(options.depth):
            _, page = stalled(reader, ["--limit", "1000", *(["--cursor", cursor] if cursor else [])])
            cursor = page["next"]
        queries["late cursor"] = ["--cursor", cursor]
        times = {name: [] for name in queries}
        order = list(queries) * options.repeats
        random.Random(1).shuffle(order)
        log_durations(owner)
        with open(pg.log, encoding="utf-8") as log:
            for name in order:
                times[name].append(answered(log, reader, queries[name]))
        counts = [stalled(reader, COUNT)[0] for _ in range(10)]
        least = [stalled(reader, ["--carrier", "nobody"])[0] for _ in range(10)]
        logins = [login(reader) for _ in range(30)]
        if options.plans:
            write_plans(options.plans, pg, owner, reader, dict(queries, count=COUNT))
    lines = [[name, *(f"{of(ms):.1f}" for ms in zip(*both) for of in (median, p99))] for name, both in times.items()]
    lines += [["--count --by", f"{median(counts):.0f}", f"{max(counts):.0f}"],
              ["a program that finds nothing", f"{median(least):.1f}", f"{max(least):.1f}"],
              ["psql that asks for nothing", f"{median(logins):.1f}", f"{max(logins):.1f}"]]
    whole, in_server = (max(p99(ms) for ms in (list(zip(*both))[i] for both in times.values())) for i in (0, 1))
    figures = {"query_p99_ms": round(whole, 1), "query_server_p99_ms": round(in_server, 1),
               "count_ms": round(median(counts)), "program_ms": round(median(least), 1),
               "psql_ms": round(median(logins), 1)}
    return figures, lines, 0


PARTS = {"table": measure_table, "ingest": measure_ingest, "due": measure_due, "queries": measure_queries}


def bench():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=800000, metavar="N", help="unique rows of a run of ingestion")
    parser.add_argument("--pairs", type=int, default=10, metavar="N", help="how often everything is measured")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--waiting", type=int, default=10000000, help="parcels that wait")
    parser.add_argument("--load", type=int, default=20000, help="messages that are published a second meanwhile")
    parser.add_argument("--open", type=int, default=1000000, help="open episodes")
    parser.add_argument("--ended", type=int, default=20000000, help="and those that are over")
    parser.add_argument("--depth", type=int, default=100, help="pages of 1,000 before the late cursor")
    parser.add_argument("--plans", metavar="FILE", help="where the plans of the queries are written")
    parser.add_argument("--repeats", type=int, default=100, help="of each query")
    options = parser.parse_args()
    figures, lines, differences = {}, [], 0
    for name in [options.only] if options.only else PARTS:
        more, rows, wrong = PARTS[name](options)
        figures.update(more)
        differences += wrong
        lines += [[f"{name}: {row[0]}", *row[1:], *[""] * (5 - len(row))] for row in rows]
    if not differences:
        table(["", "median", "99th of 100", "in the server", "99th of 100"], lines)
    finish("stalls", figures, differences)


if __name__ == "__main__":
    main(bench)
