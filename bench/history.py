#!/usr/bin/env python3
"""Whole histories from a Kafka topic to committed rows: ten checkpoints of eleven are repeats.

A topic of 12 partitions, lz4, holds messages in the shapes of 17TRACK, AfterShip
and Cainiao.  Each tells all that its source knows of one parcel, parcels are
interleaved, and each of a parcel's 20 scans makes a message.  `rastro ingest`
with two workers reads it into an empty database, from its first poll to its
last commit.  README.md has the details.
"""
import collections
import os
import re
import subprocess
import sys
import threading
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "peers"))
import meter  # noqa: E402
import servers  # noqa: E402  (common makes it known)
from common import (RASTRO, Bench, BenchError, drop_database, finish, main, median, new_rastro_database, publish,
                    read_options, say, settle, table)
from ingest import PARTITIONS, Ingest

WORKERS = 2
LAST_LINES = re.compile(r"^messages (\d+)  events (\d+) = (\d+) new \+ (\d+) repeats.*took ([\d.]+) s", re.M | re.S)
Run = collections.namedtuple("Run", "checkpoints_per_s new_rows_per_s messages_per_s repeat_ns cpu_us_per_message "
                                    "cpu_s_process cpu_s_postgres rss_mb batches batches_straight")


class Counters:
    """The last answer of /metrics before the process ended."""

    def __init__(self):
        self.at = f"127.0.0.1:{servers.free_port()}"
        self.text = ""
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def ask(self):
        while not self.ended.wait(0.02):
            try:
                with urllib.request.urlopen(f"http://{self.at}/metrics", timeout=5) as answer:
                    self.text = answer.read().decode()
            except OSError:
                pass

    def value(self, name):
        found = re.search(rf"^rastro_{name}_total (\d+)", self.text, re.M)
        return int(found[1]) if found else 0


class History(Ingest):
    def __init__(self, bench, rows):
        self.kafka = bench.start_kafka()
        self.pg = bench.start_postgres()
        self.truth = bench.path("truth")
        self.log = bench.path("log")
        say(f"feed: about {rows:,} rows")
        # As many messages as scans: the last one brings nothing, and corrections bring rows without one.
        self.feed = publish(self.kafka, "--kind", "history", "--messages", str(rows), "--topics",
                            f"scans:{PARTITIONS}", "--bad", "0", "--truth", self.truth)
        self.runs = self.differences = 0

    def why_safe(self):
        """How often the log names which reason for the safe path."""
        with open(self.log, encoding="utf-8", errors="replace") as text:
            reasons = collections.Counter(re.sub(r"\d+", "N", line.split(" ", 2)[-1].strip())
                                          for line in text if "safe path" in line)
        for reason, count in reasons.most_common(5):
            say(f"{count} times: {reason}")

    def whole(self, status_every):
        """One run, which is judged."""
        name = self.name()
        writer, owner = new_rastro_database(self.pg, name)
        settle(self.pg)
        pg_before = meter.cpu_seconds(self.pg.pid)
        with open(self.log, "w") as log, Counters() as counters:
            process = subprocess.Popen(
                [RASTRO, "ingest", "--brokers", self.kafka.brokers, "--topic", "scans", "--group", name, "--workers",
                 str(WORKERS), "--until-end", "--log-level", "info", "--metrics", counters.at],
                env=dict(os.environ, **writer), stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                out = process.stdout.read()
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                if process.returncode is None:
                    process.kill()
        pg_cpu = meter.cpu_seconds(self.pg.pid) - pg_before
        last = LAST_LINES.search(out)
        if process.returncode or not last:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise BenchError(f"rastro ingest ended with {process.returncode}: {out}{log.read()[-1000:]}")
        self.why_safe()
        messages, checkpoints, new, self.repeats = (int(figure) for figure in last.groups()[:4])
        if counters.value("messages") != messages:
            say(f"/metrics was last asked at message {counters.value('messages'):,} of {messages:,}")
        self.judge(owner, status_every)
        drop_database(self.pg, name)
        cpu, took = usage.ru_utime + usage.ru_stime, float(last[5])
        return Run(checkpoints / took, new / took, messages / took, cpu / checkpoints * 1e9, cpu / messages * 1e6, cpu,
                   pg_cpu, usage.ru_maxrss / 1024, counters.value("batches"), counters.value("batches_straight"))


def bench():
    options = read_options(__doc__, 400000, 5)
    with Bench() as folder:
        history = History(folder, options.rows)
        say("a first run warms up and is not counted; all of it is judged")
        history.whole(1)
        runs = []
        for i in range(options.pairs):
            runs.append(history.whole(20))
            say(f"run {i + 1} of {options.pairs}: {runs[-1].checkpoints_per_s:,.0f} checkpoints/s, "
                f"{runs[-1].new_rows_per_s:,.0f} new rows/s, {runs[-1].batches_straight} of {runs[-1].batches} "
                "batches straight")
    if history.differences:
        finish("history", {}, history.differences)

    feed = history.feed
    middle = {key: median(values) for key, values in zip(Run._fields, zip(*runs))}
    figures = {"rows": feed["new"], "messages": feed["messages"], "repeats_per_new": history.repeats / feed["new"],
               "message_bytes": feed["bytes"] // feed["messages"], "pairs": options.pairs}
    table(["", "median", "from", "to"],
          [[key.replace("_", " "), *(f"{f(values):,.{1 if f(values) < 1000 else 0}f}" for f in (median, min, max))]
           for key, values in zip(Run._fields, zip(*runs))])
    print(f"{feed['new']:,} rows and {history.repeats:,} repeats from {feed['messages']:,} messages of "
          f"{figures['message_bytes']:,} bytes; medians of {options.pairs} runs; no difference from the truth")
    figures["repeats_per_new"] = round(figures["repeats_per_new"], 2)
    figures.update({key: round(value, 2) if key.startswith("cpu") else round(value) for key, value in middle.items()})
    finish("history", figures, 0)


if __name__ == "__main__":
    main(bench)
