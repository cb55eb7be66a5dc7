#!/usr/bin/env python3
"""New events of parcels of which half are in a large table, and not in memory.

A database holds --rows events.  A topic of one-event messages is read up to its
middle by one process; then the rest by another, whose memory is empty: half of
the parcels that it is told of have rows.  The same with the safe path alone, and
a bare COPY of the rows that were written, into a table as large.  README.md has
the details.
"""
import concurrent.futures
import os
import re

import ingest
import scale
from common import (RASTRO, Bench, BenchError, drop_database, finish, main, median, new_database,
                    new_rastro_database, publish_file, read_options, run, say, settle, slices, table, write_feed)

MESSAGES = 1000000   # a topic
MIDDLE = 57          # percent of a topic's messages, behind which half of its parcels have been told of
PARTITIONS = 12
WORKERS = 2
MODES = {"plans": [], "safe": ["--table-bytes", "0"]}

# As scale.sql has them, with the columns of the bare table.
FILL_BARE = """
INSERT INTO events (instant, published_at, kafka_offset, kafka_partition, topic, source, status, identity, iana, meaning,
                    offset_minutes, marks, fp, said, kind, precision, zone_basis, sequence, number, code, text,
                    time_words, country, region, city)
SELECT instant, instant + interval '9 minutes', n * 20 + k, 0, 1, 1, 1 + k % 30, 1, 652, 1, 480, 0,
       md5(n || '/' || k)::uuid, md5(k || '/' || n)::uuid, 's', 's', 'g', k + 1, 'SCALE' || lpad(n::text, 12, '0'),
       (ARRAY['TAK', 'LEF', 'ARR', 'PRE', 'WIT'])[1 + k % 5],
       (ARRAY['Taken over from the seller', 'Left the sorting centre', 'Arrived at the sorting centre',
              'Presented to customs', 'With the courier'])[1 + k % 5],
       to_char(instant AT TIME ZONE 'UTC' + interval '8 hours', 'YYYY-MM-DD"T"HH24:MI:SS+08:00'),
       'CN', 'GD', (ARRAY['Shenzhen', 'Guangzhou', 'Dongguan'])[1 + k % 3]
FROM generate_series({first}, {last}) n CROSS JOIN generate_series(0, 19) k
CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01 00:00Z' + (n % 300) * interval '1 day'
                           + k * interval '25 hours') t (instant)
"""
# Statements that read what is known of parcels.
LOADING = "SELECT coalesce(sum(total_exec_time) FILTER (WHERE query ~* '^\\s*(SELECT|WITH)'), 0), sum(total_exec_time) " \
          "FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid WHERE datname = 'cold'"


class Cold:
    def __init__(self, bench, rows):
        self.bench = bench
        self.kafka = bench.start_kafka()
        self.pg = bench.start_postgres(shared_preload_libraries="'pg_stat_statements'")
        self.pg.psql("CREATE EXTENSION pg_stat_statements", database="postgres")
        self.parcels = rows // scale.EVENTS
        self.feeds = 0
        self.differences = 0
        self.files = []  # the rows of each run by plans, for COPY

    def fill(self):
        self.writer, self.owner = new_rastro_database(self.pg, "cold")
        scale.prepare_fill(self.owner)
        scale.fill(self.pg, "cold", 1, self.parcels)
        self.filled = int(self.value("SELECT max(parcel_id) FROM rastro.parcels"))

    def value(self, sql, database="cold"):
        return self.pg.value(sql, database=database)

    def read(self, topic, options=()):
        """New rows, and seconds."""
        settle(self.pg)
        out = run([RASTRO, "ingest", "--brokers", self.kafka.brokers, "--topic", topic, "--group", topic,
                   "--workers", str(WORKERS), "--until-end", "--log-level", "warn", *options], self.writer)
        took = re.search(r"= (\d+) new.*took ([\d.]+) s", out, re.S)
        if not took:
            raise BenchError(f"rastro ingest said: {out}")
        return int(took[1]), float(took[2])

    def run(self, mode):
        """New rows a second, the share of parcels that had rows, and that of loading in what PostgreSQL did."""
        self.feeds += 1
        topic, file = f"cold_{self.feeds}", self.bench.path("feed")
        feed = write_feed(file, "--kind", "one-event", "--messages", str(MESSAGES), "--seed", str(self.feeds),
                          "--topics", f"{topic}:{PARTITIONS}", "--redeliver", "25", "--both", "0", "--bad", "0")
        first, second = slices(file, [0, MIDDLE, 100])
        publish_file(self.kafka, first, append=False)
        before, _ = self.read(topic)
        publish_file(self.kafka, second, append=True)
        known = int(self.value("SELECT max(parcel_id) FROM rastro.parcels"))
        began = self.value("SELECT now()")
        self.value("SELECT pg_stat_statements_reset()", "postgres")
        rows, seconds = self.read(topic, MODES[mode])
        loading, all_of_it = map(float, self.pg.psql(LOADING, database="postgres")[0])
        self.differences += abs(before + rows - feed["new"])
        told = f"rastro.event_rows WHERE parcel_id > {self.filled} AND recorded_at > '{began}'"
        cold = int(self.value(f"SELECT count(DISTINCT parcel_id) FROM {told} AND parcel_id <= {known}"))
        parcels = int(self.value(f"SELECT count(DISTINCT parcel_id) FROM {told}"))
        if mode == "plans":
            self.export(began)
        return rows / seconds, cold / parcels, loading / all_of_it

    def export(self, began):
        self.files.append(self.bench.path(f"rows_{len(self.files)}"))
        ingest.export(self.pg, self.owner, "cold", f"e.parcel_id > {self.filled} AND e.recorded_at > '{began}'",
                      self.files[-1])

    def bare(self):
        """Rows a second of a bare COPY of each run's rows."""
        drop_database(self.pg, "cold")
        env = new_database(self.pg, "bare")
        self.pg.psql(ingest.TABLE, database="bare")
        say(f"filling the bare table to {self.parcels * scale.EVENTS:,} rows")
        step = 100000
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda first: self.pg.psql(FILL_BARE.format(first=first, last=min(first + step - 1,
                                                                                            self.parcels)),
                                                     database="bare"), range(1, self.parcels + 1, step)))
        self.pg.psql("VACUUM ANALYZE events", database="bare")
        rates = []
        for file in self.files:
            settle(self.pg)
            rows, seconds = ingest.copy_rows(env, WORKERS, file)
            rates.append(rows / seconds)
            say(f"COPY: {rates[-1]:,.0f} rows/s")
        return rates


def bench():
    options = read_options(__doc__, 50000000, 3)
    results = {mode: [] for mode in MODES}
    with Bench() as folder:
        cold = Cold(folder, options.rows)
        cold.fill()
        for pair in range(options.pairs):
            for mode in MODES:
                results[mode].append(cold.run(mode))
                rate, known, loading = results[mode][-1]
                say(f"pair {pair + 1} of {options.pairs}, {mode}: {rate:,.0f} new rows/s, {known:.0%} of the parcels "
                    f"had rows, loading {loading:.0%} of PostgreSQL's work")
        if cold.differences:
            finish("cold", {}, cold.differences)
        bare = cold.bare()
    rates = {mode: [run[0] for run in runs] for mode, runs in results.items()}
    plans, safe = rates["plans"], rates["safe"]
    figures = {
        "rows": options.rows, "pairs": options.pairs, "messages": MESSAGES,
        "safe_ratio": round(median([a / b for a, b in zip(plans, safe)]), 3),
        "copy_ratio": round(median([a / b for a, b in zip(plans, bare)]), 3),
        "rows_per_s": round(median(plans)), "safe_rows_per_s": round(median(safe)), "copy_rows_per_s": round(median(bare)),
        "cold_share": round(median([run[1] for run in results["plans"]]), 3),
        "loading_share": round(median([run[2] for run in results["plans"]]), 3),
        "safe_loading_share": round(median([run[2] for run in results["safe"]]), 3),
    }
    table(["", "new rows/s", "of the safe path", "loading"],
          [["plans", f"{figures['rows_per_s']:,}", figures["safe_ratio"], f"{figures['loading_share']:.0%}"],
           ["safe path", f"{figures['safe_rows_per_s']:,}", "1", f"{figures['safe_loading_share']:.0%}"],
           ["bare COPY", f"{figures['copy_rows_per_s']:,}", "", ""]])
    finish("cold", figures, 0)


if __name__ == "__main__":
    main(bench)
