#!/usr/bin/env python3
"""How the table of events is cut, and what it costs to keep raw bytes.

Ranges of parcel_id, months of occurrence and one table without partitions get
the same generated rows of a year in order of arrival, 5 000 a transaction, are
given a tenth of them again, and are asked for timelines.  Then `rastro ingest`
writes two real feeds with each way of keeping raw bytes.  README.md has the
details, and what was chosen.
"""
import os
import re
import time

from common import (RASTRO, Bench, BenchError, drop_database, finish, main, median, new_database,
                    new_rastro_database, publish, read_options, run, say, settle, table)

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = ("none", "ranges", "months")
BATCH = 5000
LOOKUPS = {1: 2000, 100: 100}  # parcels a lookup: how many lookups
RAW_BYTES = 140                # what a one-event message keeps of its event, packed
RAW_MODES = ("none", "new", "all")
# The share of --rows that each feed has; a mixed one repeats whole histories.
FEEDS = {"one-event": 1 / 20, "mixed": 1 / 100}


def timed(pg, database, sql):
    """Seconds, and the value that came back."""
    began = time.monotonic()
    value = pg.value(sql, database=database)
    return time.monotonic() - began, value


def size_of(pg, database, relation):
    """Bytes of table and indexes, partitions included."""
    rows = pg.psql(f"SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)) FROM "
                   f"(SELECT relid FROM pg_partition_tree('{relation}') UNION SELECT '{relation}') t",
                   database=database)
    return [int(n) for n in rows[0]]


# ---- how the table is cut -------------------------------------------------------------------

class Cuts:
    def __init__(self, pg, rows):
        self.pg = pg
        self.parcels = rows // 20
        self.rows = self.parcels * 20
        self.batches = -(-self.rows // BATCH)
        self.differences = 0
        say(f"generating {self.rows:,} rows")
        owner = new_database(pg, "layout")
        run([RASTRO, "migrate"], owner)
        run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"rows={self.rows}", "-v", f"raw_bytes={RAW_BYTES}",
             "-f", os.path.join(HERE, "layout.sql")], owner)

    def load(self, name, first):
        """Rows a second; what is there already counts too."""
        settle(self.pg)
        seconds, _ = timed(self.pg, "layout", f"CALL load('events_{name}', {first}, {self.batches - 1})")
        there = int(self.pg.value(f"SELECT count(*) FROM events_{name}", database="layout"))
        self.differences += abs(there - self.rows)
        return (self.rows - first * BATCH) / seconds

    def look(self, name, size):
        """Microseconds a lookup of `size` parcels, and a digest of what was found."""
        ask = f"SELECT look('events_{name}', {self.parcels}, {size}, {LOOKUPS[size]})"
        self.pg.psql(ask, database="layout")
        seconds, digest = timed(self.pg, "layout", ask)
        return seconds / LOOKUPS[size] * 1e6, digest

    def round(self):
        """By table, its figures; the tables take turns in each step."""
        figures = {name: {} for name in TABLES}
        self.pg.psql(f"CALL make_tables({self.parcels})", database="layout")
        for name in TABLES:
            figures[name]["rows_per_s"] = self.load(name, 0)
        for name in TABLES:
            figures[name]["repeats_per_s"] = self.load(name, self.batches - max(1, self.batches // 10))
            self.pg.psql(f"VACUUM ANALYZE events_{name}", database="layout")
            heap, index = size_of(self.pg, "layout", f"events_{name}")
            figures[name].update(table_bytes_a_row=heap / self.rows, index_bytes_a_row=index / self.rows,
                                 bytes_a_row=(heap + index) / self.rows)
        for size in LOOKUPS:
            digests = set()
            for name in TABLES:
                figures[name][f"lookup_{size}_us"], digest = self.look(name, size)
                digests.add(digest)
            self.differences += len(digests) - 1
        return figures


def measure_cuts(pg, options):
    cuts = Cuts(pg, options.rows)
    rounds = []
    for i in range(options.pairs):
        rounds.append(cuts.round())
        say(f"round {i + 1} of {options.pairs}: " + ", ".join(
            f"{name} {rounds[-1][name]['rows_per_s']:,.0f} rows/s" for name in TABLES))
    drop_database(pg, "layout")
    figures = {name: {key: median([r[name][key] for r in rounds]) for key in rounds[0][name]} for name in TABLES}
    lines = [[name, *(f"{figures[name][key]:,.0f}" for key in (
        "rows_per_s", "repeats_per_s", "table_bytes_a_row", "index_bytes_a_row", "lookup_1_us", "lookup_100_us"))]
        for name in TABLES]
    ratios = {"rows": cuts.rows}
    for one, other in (("ranges", "none"), ("months", "none"), ("ranges", "months")):
        for key, what in (("rows_per_s", "insert"), ("repeats_per_s", "repeats"), ("bytes_a_row", "bytes"),
                          ("lookup_1_us", "lookup_1"), ("lookup_100_us", "lookup_100")):
            name = f"{one}_to_{other}_{what}_ratio"
            ratios[name] = round(median([r[one][key] / r[other][key] for r in rounds]), 3)
    return ratios, lines, cuts.differences


# ---- what raw bytes cost --------------------------------------------------------------------

class Raw:
    def __init__(self, pg, kafka, kind, rows, folder):
        self.pg, self.kafka, self.kind, self.runs = pg, kafka, kind, 0
        self.topic = f"raw-{kind}"
        say(f"feed of kind {kind}: about {rows:,} messages")
        feed = publish(kafka, "--kind", kind, "--messages", str(rows), "--topics", f"{self.topic}:12",
                       "--truth", os.path.join(folder, self.topic))
        self.events = feed["new"]
        self.differences = 0

    def run(self, mode):
        """Rows a second, and bytes a row with the wordings beside it."""
        self.runs += 1
        name = f"raw_{self.runs}"
        writer, _ = new_rastro_database(self.pg, name)
        settle(self.pg)
        out = run([RASTRO, "ingest", "--brokers", self.kafka.brokers, "--topic", self.topic, "--workers", "1",
                   "--group", f"{self.kind}-{self.runs}", "--raw", mode, "--until-end", "--log-level", "error"], writer)
        took = re.search(r"= (\d+) new.*took ([\d.]+) s", out, re.S)
        if not took:
            raise BenchError(f"rastro ingest said: {out}")
        self.differences += abs(int(took[1]) - self.events)
        size = sum(size_of(self.pg, name, "rastro.event_rows") + size_of(self.pg, name, "rastro.event_wordings"))
        drop_database(self.pg, name)
        return self.events / float(took[2]), size / self.events


def measure_raw(folder, pg, kafka, options):
    figures, lines, differences = {}, [], 0
    for kind, share in FEEDS.items():
        raw = Raw(pg, kafka, kind, max(1000, int(options.rows * share)), folder.dir)
        raw.run("none")  # warms up
        results = {mode: [] for mode in RAW_MODES}
        for _ in range(options.pairs):
            for mode in RAW_MODES:
                results[mode].append(raw.run(mode))
        short = kind.replace("-", "_")
        for mode in RAW_MODES:
            rate, size = (median(column) for column in zip(*results[mode]))
            pace = median([a[0] / b[0] for a, b in zip(results[mode], results["none"])])
            lines.append([f"{kind}, --raw {mode}", f"{rate:,.0f}", f"{size:,.0f}", f"{pace:.2f}"])
            figures[f"raw_{mode}_{short}_bytes_a_row"] = round(size)
            if mode != "none":
                figures[f"raw_{mode}_{short}_ratio"] = round(pace, 3)
        differences += raw.differences
    return figures, lines, differences


def bench():
    options = read_options(__doc__, 2000000, 3)
    with Bench() as folder:
        # A small cache, so that tables are to it what years of events are to a
        # server's: they do not fit.
        pg = folder.start_postgres(shared_buffers="256MB")
        cuts, cut_lines, wrong_cuts = measure_cuts(pg, options)
        raw, raw_lines, wrong_raw = measure_raw(folder, pg, folder.start_kafka(), options)
    differences = wrong_cuts + wrong_raw
    if not differences:
        table(["partitions", "new rows/s", "repeats/s", "table B/row", "index B/row", "1 parcel us", "100 parcels us"],
              cut_lines)
        print()
        table(["feed", "new rows/s", "bytes/row", "of none"], raw_lines)
    finish("layout", {**cuts, **raw, "rounds": options.pairs}, differences)


if __name__ == "__main__":
    main(bench)
