#!/usr/bin/env python3
"""How fast new events are written while the table of events grows.

One database is filled to a hundredth, a tenth and all of --rows, without raw
bytes.  At each size `rastro ingest` writes fresh topics of new parcels into it.
A table, a drawing in build/bench/scale.svg, one line of JSON.  README.md has the
details.
"""
import concurrent.futures
import os
import re

from common import (BUILD, RASTRO, Bench, BenchError, finish, main, median, new_rastro_database, publish, read_options,
                    run, say, settle, table)

HERE = os.path.dirname(os.path.abspath(__file__))
SHARES = (100, 10, 1)
EVENTS = 20          # a parcel
MESSAGES = 250000    # a topic
PARTITIONS = 12
WORKERS = 2
DRAWING = os.path.join(BUILD, "scale.svg")


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


def draw(points, path):
    """Rows of the table, a tenfold a step, against rows written a second."""
    width, height, edge = 640, 360, 70
    most = max(rate for _, rate in points) * 1.15

    def at(i, rate):
        return (edge + i * (width - 2 * edge) / max(1, len(points) - 1), height - edge - rate / most * (height - 2 * edge))

    places = [at(i, rate) for i, (_, rate) in enumerate(points)]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
             'font-size="13">', f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<path d="M{edge} {edge / 2}V{height - edge}H{width - edge / 2}" stroke="black" fill="none"/>',
             f'<text x="{edge}" y="{edge / 2 - 10}" text-anchor="middle">new rows/s</text>',
             f'<text x="{width / 2}" y="{height - 15}" text-anchor="middle">rows in the table of events</text>',
             '<polyline fill="none" stroke="#1b6ca8" stroke-width="2" points="'
             + " ".join(f"{x:.0f},{y:.0f}" for x, y in places) + '"/>']
    for (rows, rate), (x, y) in zip(points, places):
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="#1b6ca8"/>'
                     f'<text x="{x:.0f}" y="{y - 12:.0f}" text-anchor="middle">{rate:,.0f}</text>'
                     f'<text x="{x:.0f}" y="{height - edge + 20}" text-anchor="middle">{rows:,}</text>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts + ["</svg>\n"]))


def bench():
    options = read_options(__doc__, 100000000, 3)
    figures = {"rows": options.rows, "pairs": options.pairs, "messages": MESSAGES}
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
        if scale.differences:
            finish("scale", {}, scale.differences)
    for share, (_, rate) in zip(SHARES, points):
        figures[f"rows_per_s_{share}"] = round(rate)
    figures["kept_ratio"] = round(points[-1][1] / points[0][1], 3)
    draw(points, DRAWING)
    table(["rows in the table", "new rows/s"], [[f"{rows:,}", f"{rate:,.0f}"] for rows, rate in points])
    print(f"drawn in {os.path.relpath(DRAWING)}")
    finish("scale", figures, 0)


if __name__ == "__main__":
    main(bench)
