#!/usr/bin/env python3
"""From a Kafka topic to committed rows, beside a bare COPY BINARY of the same rows.

A topic of 12 partitions, lz4, holds one-event messages of about 330 bytes: 20
scans a parcel, parcels interleaved, a fifth of the messages redelivered.  A
pair is a run of `rastro ingest` into an empty database, from its first poll to
its last commit, and a COPY of the rows that it wrote, as PostgreSQL itself
encodes them, into an empty table.  Pairs on one and on two connections take
turns; Kafka runs all the time.  README.md has the details.
"""
import json
import os
import re
import subprocess
import sys

import lz4.block

from common import (COPY, JUDGE, RASTRO, ROOT, Bench, BenchError, drop_database, finish, in_a_child, main, median,
                    new_database, new_rastro_database, publish, read_options, run, say, settle, table)

sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
import raw_bytes  # noqa: E402

# The bare table: our columns with the number instead of the id.  Fixed widths
# first, so that it has no more padding than ours.
COLUMNS = """
    instant timestamptz NOT NULL, published_at timestamptz NOT NULL, kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL, topic smallint NOT NULL, source smallint NOT NULL, status smallint NOT NULL,
    identity smallint NOT NULL, iana smallint NOT NULL, meaning smallint NOT NULL, offset_minutes smallint NOT NULL,
    marks smallint NOT NULL, fp uuid NOT NULL, said uuid NOT NULL, kind "char" NOT NULL, precision "char" NOT NULL,
    zone_basis "char" NOT NULL, sequence bigint, number text COLLATE "C" NOT NULL, code text COLLATE "C", text text,
    time_words text, zone_words text, country text, region text, city text, place text, raw bytea, message_sha bytea
"""
NAMES = ", ".join(column.split()[0] for column in COLUMNS.split(","))
TABLE = f"CREATE TABLE events ({COLUMNS}, recorded_at timestamptz NOT NULL DEFAULT now(), " \
        "PRIMARY KEY (number, instant, code))"
# A transaction's rows have one recorded_at: batches in their order, and what a
# batch holds in the order of its partitions.
ARRIVAL = "SELECT " + f"{NAMES.replace('status', 'e.status').replace(' raw', ' packed.raw')} " \
          "FROM rastro.events e JOIN rastro.parcels USING (parcel_id) JOIN packed USING (kafka_partition, kafka_offset) " \
          "WHERE {where} ORDER BY e.recorded_at, kafka_partition, kafka_offset"

PARTITIONS = 12
CONNECTIONS = (1, 2)


def varint(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def export(pg, env, database, where, file):
    """Rows `e` of one topic of one-event messages, for the bare table.  Ours mostly keep the number of a shape for an
    event's bytes; the bare table has no shapes, so it gets them packed with the profile's example, the other way
    in which a row keeps them."""
    def sql(query):
        return pg.psql(query, database=database)

    (number, dictionary), = sql("SELECT dictionary, encode(bytes, 'hex') FROM rastro.dictionary_list")
    dictionary = bytes.fromhex(dictionary)
    with open(f"{file}.raw", "w", encoding="ascii") as out:
        for (partition, offset), ((raw, _),) in raw_bytes.read(sql, where).items():
            block = lz4.block.compress(raw, store_size=False, dict=dictionary)
            packed = b"\2" + varint(len(raw)) + varint(int(number)) + block
            out.write(f"{partition}\t{offset}\t\\\\x{packed.hex()}\n")
    # The planner has not seen the newest rows of a large table, and takes them for few.
    run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", "SET enable_nestloop = off",
         "-c", "CREATE TABLE packed (kafka_partition integer, kafka_offset bigint, raw bytea)",
         "-c", f"\\copy packed from '{file}.raw'", "-c", "ANALYZE packed",
         "-c", f"\\copy ({ARRIVAL.format(where=where)}) to '{file}' with (format binary)", "-c", "DROP TABLE packed"], env)
    os.unlink(f"{file}.raw")


def copy_rows(env, connections, file):
    """A bare COPY into the table; rows, and seconds."""
    done = json.loads(run([COPY, str(connections), file, f"events ({NAMES})"], env))
    return done["rows"], done["seconds"]


class Ingest:
    def __init__(self, bench, rows):
        self.kafka = bench.start_kafka()
        self.pg = bench.start_postgres()
        self.truth = bench.path("truth")
        self.file = bench.path("rows")
        say(f"feed: about {rows:,} rows")
        # Redelivered are 25 of 125 messages.
        self.feed = publish(self.kafka, "--kind", "one-event", "--messages", str(rows * 5 // 4),
                            "--topics", f"scans:{PARTITIONS}", "--redeliver", "25", "--both", "0", "--bad", "0",
                            "--truth", self.truth)
        self.rows = self.feed["new"]
        self.runs = 0
        self.differences = 0

    def name(self):
        self.runs += 1
        return f"run_{self.runs}"

    def judge(self, owner, status_every):
        done = subprocess.run([sys.executable, JUDGE, self.truth, "--json", "--status-every", str(status_every)],
                              env=dict(os.environ, **owner), capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise BenchError(f"the judge ended with {done.returncode}: {done.stderr.strip()}")
        verdict = json.loads(done.stdout)
        for kind, found in verdict["kinds"].items():
            say(f"judge: {kind}: {found['count']} differences, such as {found['examples'][0]}")
        self.differences += verdict["differences"]

    def ours(self, workers, first=False):
        """Rows a second, CPU microseconds a message and peak memory of one run, which is judged."""
        name = self.name()
        writer, owner = new_rastro_database(self.pg, name)
        settle(self.pg)
        process = subprocess.Popen(
            [RASTRO, "ingest", "--brokers", self.kafka.brokers, "--topic", "scans", "--group", name,
             "--workers", str(workers), "--until-end", "--log-level", "warn"],
            env=dict(os.environ, **writer), stdout=subprocess.PIPE, text=True)
        try:
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                process.kill()
        took = re.search(r"= (\d+) new.*took ([\d.]+) s", out, re.S)
        if process.returncode or not took:
            raise BenchError(f"rastro ingest ended with {process.returncode}: {out}")
        # Asking every parcel for its status takes long; the first run does.
        self.judge(owner, 1 if first else 20)
        if first:
            in_a_child(export, self.pg, owner, name, "true", self.file)
        drop_database(self.pg, name)
        cpu = (usage.ru_utime + usage.ru_stime) / self.feed["messages"]
        return int(took[1]) / float(took[2]), cpu * 1e6, usage.ru_maxrss / 1024

    def bare(self, connections):
        """Rows a second of the bare COPY."""
        name = self.name()
        env = new_database(self.pg, name)
        self.pg.psql(TABLE, database=name)
        settle(self.pg)
        rows, seconds = copy_rows(env, connections, self.file)
        there = int(self.pg.value("SELECT count(*) FROM events", database=name))
        if not rows == there == self.rows:
            raise BenchError(f"COPY of {rows} rows left {there}; the truth has {self.rows}")
        drop_database(self.pg, name)
        return rows / seconds


def measure(ingest, pairs):
    """By connections, a list of (ours, CPU, memory, bare)."""
    results = {n: [] for n in CONNECTIONS}
    for pair in range(pairs):
        for n in CONNECTIONS:
            ours = ingest.ours(n)
            bare = ingest.bare(n)
            results[n].append((*ours, bare))
            say(f"pair {pair + 1} of {pairs}, {n} connection(s): {ours[0]:,.0f} rows/s, COPY {bare:,.0f}: "
                f"{ours[0] / bare:.2f}")
    return results


def bench():
    options = read_options(__doc__, 800000, 5)
    with Bench() as folder:
        ingest = Ingest(folder, options.rows)
        say("a first run of each warms up and is not counted; its rows are what COPY gets")
        ingest.ours(1, first=True)
        ingest.bare(1)
        results = measure(ingest, options.pairs)
    if ingest.differences:
        finish("ingest", {}, ingest.differences)

    figures = {"rows": ingest.rows, "messages": ingest.feed["messages"],
               "message_bytes": round(ingest.feed["bytes"] / ingest.feed["messages"]), "pairs": options.pairs}
    lines = []
    for n in CONNECTIONS:
        ours, cpu, memory, bare = (median(column) for column in zip(*results[n]))
        ratios = [run[0] / run[3] for run in results[n]]
        figures.update({f"copy_ratio_{n}": round(median(ratios), 3), f"copy_ratio_{n}_min": round(min(ratios), 3),
                        f"copy_ratio_{n}_max": round(max(ratios), 3), f"rows_per_s_{n}": round(ours),
                        f"copy_rows_per_s_{n}": round(bare), f"cpu_us_per_message_{n}": round(cpu, 2),
                        f"rss_mb_{n}": round(memory)})
        lines.append([n, f"{ours:,.0f}", f"{bare:,.0f}", f"{median(ratios):.2f}",
                      f"{min(ratios):.2f} to {max(ratios):.2f}", f"{cpu:.1f}", f"{memory:,.0f}"])
    table(["connections", "rastro rows/s", "COPY rows/s", "ratio", "from", "CPU us/message", "peak MB"], lines)
    print(f"{ingest.rows:,} rows from {ingest.feed['messages']:,} messages; medians of {options.pairs} pairs; "
          "no difference from the truth")
    finish("ingest", figures, 0)


if __name__ == "__main__":
    main(bench)
