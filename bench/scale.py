#!/usr/bin/env python3
"""How fast new events are written while the table of events and the parcel table grow.

One database is filled to a hundredth, a tenth and all of --rows, without raw
bytes.  At each size `rastro ingest` writes fresh topics of new parcels into it.
Then one process takes a tenth as many parcels into its memory (parcels.py).
Tables, a drawing in build/scale.svg, one line of JSON.  README.md has the
details.
"""
import argparse
import concurrent.futures
import os
import re

import parcels
from common import (RASTRO, ROOT, Bench, BenchError, finish, main, median, new_rastro_database, publish, run, say,
                    settle, table)

HERE = os.path.dirname(os.path.abspath(__file__))
SHARES = (100, 10, 1)
EVENTS = 20          # a parcel
MESSAGES = 250000    # a topic
PARTITIONS = 12
WORKERS = 2
DRAWING = os.path.join(ROOT, "build", "scale.svg")
WIDTH, HEIGHT, EDGE = 640, 360, 70


def prepare_fill(owner):
    run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", os.path.join(HERE, "scale.sql")], owner)


def fill(pg, database, first, last):
    """Parcels [first, last] with their rows, by two sessions."""
    say(f"filling to {last * EVENTS:,} rows")
    base = pg.value(f"SELECT reserve({first}, {last})", database=database)
    middle = (first + last) // 2
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda part: pg.psql(f"CALL fill({base}, {part[0]}, {part[1]})", database=database),
                      [(first, middle), (middle + 1, last)]))
    pg.psql("VACUUM ANALYZE rastro.event_rows, rastro.parcels", database=database)


class Scale:
    def __init__(self, bench, rows):
        self.kafka = bench.start_kafka()
        self.pg = bench.start_postgres()
        self.rows = rows
        self.parcels = 0
        self.feeds = 0
        self.differences = 0
        self.writer, owner = new_rastro_database(self.pg, "scale")
        prepare_fill(owner)

    def fill(self, rows):
        last = rows // EVENTS
        fill(self.pg, "scale", self.parcels + 1, last)
        self.parcels = last

    def ingest(self):
        """New rows a second of one topic of parcels that are not there."""
        self.feeds += 1
        name = f"scans_{self.feeds}"
        feed = publish(self.kafka, "--kind", "one-event", "--messages", str(MESSAGES), "--seed", str(self.feeds),
                       "--topics", f"{name}:{PARTITIONS}", "--redeliver", "25", "--both", "0", "--bad", "0")
        settle(self.pg)
        out = run([RASTRO, "ingest", "--brokers", self.kafka.brokers, "--topic", name, "--group", name,
                   "--workers", str(WORKERS), "--until-end", "--log-level", "warn"], self.writer)
        took = re.search(r"= (\d+) new.*took ([\d.]+) s", out, re.S)
        if not took:
            raise BenchError(f"rastro ingest said: {out}")
        self.differences += abs(int(took[1]) - feed["new"])
        return int(took[1]) / float(took[2])


def draw_half(points, left, what):
    """Sizes, a tenfold a step, against rows written a second."""
    most = max(rate for _, rate in points) * 1.15

    def at(i, rate):
        return (left + EDGE + i * (WIDTH - 2 * EDGE) / max(1, len(points) - 1),
                HEIGHT - EDGE - rate / most * (HEIGHT - 2 * EDGE))

    places = [at(i, rate) for i, (_, rate) in enumerate(points)]
    yield f'<path d="M{left + EDGE} {EDGE / 2}V{HEIGHT - EDGE}H{left + WIDTH - EDGE / 2}" stroke="black" fill="none"/>'
    yield f'<text x="{left + EDGE}" y="{EDGE / 2 - 10}" text-anchor="middle">new rows/s</text>'
    yield f'<text x="{left + WIDTH / 2}" y="{HEIGHT - 15}" text-anchor="middle">{what}</text>'
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
    yield f'<polyline fill="none" stroke="#1b6ca8" stroke-width="2" points="{line}"/>'
    for (size, rate), (x, y) in zip(points, places):
        yield f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="#1b6ca8"/>'
        yield f'<text x="{x:.0f}" y="{y - 12:.0f}" text-anchor="middle">{rate:,.0f}</text>'
        yield f'<text x="{x:.0f}" y="{HEIGHT - EDGE + 20}" text-anchor="middle">{size:,}</text>'


def draw(halves, path):
    width = WIDTH * len(halves)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" font-family="sans-serif" '
             'font-size="13">', f'<rect width="{width}" height="{HEIGHT}" fill="white"/>']
    for i, (what, points) in enumerate(halves):
        lines += draw_half(points, i * WIDTH, what)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines + ["</svg>\n"]))


def measure_rows(options):
    """[(rows in the table, new rows a second)] and differences."""
    points = []
    with Bench() as folder:
        scale = Scale(folder, options.rows)
        say("a first run warms up and is not counted")
        scale.ingest()
        for share in SHARES:
            scale.fill(options.rows // share)
            rates = []
            for pair in range(options.pairs):
                rates.append(scale.ingest())
                say(f"{options.rows // share:,} rows, {pair + 1} of {options.pairs}: {rates[-1]:,.0f} new rows/s")
            points.append((options.rows // share, median(rates)))
    return points, scale.differences


def measure_parcels(options):
    with Bench() as folder:
        return parcels.measure(folder, options.rows // 10, SHARES)


HALVES = {
    "rows": ("rows in the table of events", measure_rows),
    "parcels": ("parcels in memory", measure_parcels),
}


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100000000, metavar="N", help="rows at the end (default 100000000)")
    parser.add_argument("--pairs", type=int, default=3, metavar="N", help="topics a size of the table (default 3)")
    parser.add_argument("--only", choices=HALVES, help="one half")
    return parser.parse_args()


def bench():
    options = read_options()
    figures = {"rows": options.rows, "pairs": options.pairs, "messages": MESSAGES}
    drawn, differences = [], 0
    for half, (what, measure) in HALVES.items():
        if options.only not in (None, half):
            continue
        points, wrong = measure(options)
        differences += wrong
        table([what, "new rows/s"], [[f"{size:,}", f"{rate:,.0f}"] for size, rate in points])
        drawn.append((what, points))
        for share, (_, rate) in zip(SHARES, points):
            figures[f"{half}_rate_{share}"] = round(rate)
        figures[f"{half}_kept_ratio"] = round(points[-1][1] / points[0][1], 3)
    draw(drawn, DRAWING)
    print(f"drawn in {os.path.relpath(DRAWING)}")
    finish("scale", figures, differences)


if __name__ == "__main__":
    main(bench)
