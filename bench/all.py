#!/usr/bin/env python3
"""All benchmarks, one behind the other, and the table of the README from them."""
import json
import os
import subprocess
import sys

from common import BUILD, ROOT, BenchError, finish, main, say

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(BUILD, "bench")
COMMANDS = {
    "ingest": [sys.executable, os.path.join(HERE, "ingest.py")],
    "history": [sys.executable, os.path.join(HERE, "history.py")],
    "decode": [os.path.join(PROGRAMS, "bench_decode")],
    "layout": [sys.executable, os.path.join(HERE, "layout.py")],
    "table": [os.path.join(ROOT, "build", "bench", "bench", "bench_table")],
    "peers": [sys.executable, os.path.join(HERE, "peers.py")],
}

# What is claimed, the benchmark, and its keys.
CLAIMS = [
    ("new rows a second from Kafka, one connection", "ingest", "{rows_per_s_1:,}"),
    ("the same as a share of a bare COPY BINARY", "ingest", "{copy_ratio_1:.2f}"),
    ("new rows a second from Kafka, two connections", "ingest", "{rows_per_s_2:,}"),
    ("the same as a share of a bare COPY BINARY", "ingest", "{copy_ratio_2:.2f}"),
    ("checkpoints a second from Kafka, ten of eleven repeats, two connections", "history", "{checkpoints_per_s:,}"),
    ("new rows a second among them", "history", "{new_rows_per_s:,}"),
    ("messages decoded and normalised a second, one core", "decode", "{events_per_s_core:,}"),
    ("the same as a multiple of jansson", "decode", "{jansson_ratio:.1f}"),
    ("inserts into ranges of parcels as a share of months", "layout", "{ranges_to_months_insert_ratio:.2f}"),
    ("a timeline from ranges, time as a share of months", "layout", "{ranges_to_months_lookup_1_ratio:.2f}"),
    ("bytes a row without and with raw bytes", "layout", "{raw_none_one_event_bytes_a_row}, "
                                                         "{raw_new_one_event_bytes_a_row}"),
    ("parcel table, events a second, 10 million parcels, two threads", "table", "{events_per_s_2:,}"),
    ("the same as a multiple of the best of the others", "table", "{best_ratio_2:.2f}"),
    ("bytes a parcel with 8 events, index included", "table", "{bytes_per_parcel:.0f}"),
    ("rows a second from process start to the last row: rastro; own Java, own Python, Flink, Debezium", "peers",
     "{rastro_rows_per_s:,}; {java_rows_per_s:,}, {python_rows_per_s:,}, {flink_rows_per_s:,}, "
     "{debezium_rows_per_s:,}"),
]


def measure(name, options):
    """The last line; what comes before it is shown."""
    say(f"---- {name}")
    done = subprocess.run(COMMANDS[name] + options, stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise BenchError(f"{name} ended with {done.returncode} and without figures")
    print("\n".join(lines[:-1]), end="\n\n", flush=True)
    return json.loads(lines[-1])


def bench():
    if "--rows" in sys.argv:
        raise BenchError("--rows means another thing to each of them; give it with one")
    results = {name: measure(name, sys.argv[1:]) for name in COMMANDS}
    differences = sum(result["judge"] for result in results.values())
    if not differences:
        print("| claim | measured |\n|---|---|")
        for claim, name, figure in CLAIMS:
            print(f"| {claim} | {figure.format(**results[name])} |")
    finish("all", results, differences)


if __name__ == "__main__":
    main(bench)
