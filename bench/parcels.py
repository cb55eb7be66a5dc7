"""The other half of scale.py: how fast new events are written while the parcel table
grows in memory.  One process reads a topic of parcels of one scan each and says by
its metrics how far it is.
"""
import os
import re
import subprocess
import time
import urllib.request

from common import RASTRO, BenchError, new_rastro_database, publish, say, servers, settle

PARTITIONS = 12
WORKERS = 2
TABLE_BYTES_A_PARCEL = 300  # with room, so that nobody has to leave
SAMPLE_S = 0.05


def sample(port):
    """New events written, and parcels in memory; None before it answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
            text = reply.read().decode()
    except OSError:
        return None
    return tuple(int(re.search(rf"^rastro_{name} (\d+)$", text, re.M)[1]) for name in ("events_new_total", "table_parcels"))


def watch(command, environment, port):
    """Runs it; [(seconds, new events, parcels in memory)] on the way, and what it said."""
    process = subprocess.Popen(command, env=dict(os.environ, **environment), stdout=subprocess.PIPE, text=True)
    seen = []
    while process.poll() is None:
        if found := sample(port):
            seen.append((time.monotonic(), *found))
        time.sleep(SAMPLE_S)
    said = process.stdout.read()
    if process.returncode:
        raise BenchError(f"rastro ingest ended with {process.returncode}")
    return seen, said


def rate(seen, parcels):
    """New events a second while the second half of so many parcels came to memory."""
    part = [s for s in seen if parcels / 2 <= s[2] <= parcels]
    if len(part) < 2 or part[-1][1] == part[0][1]:
        raise BenchError(f"{parcels:,} parcels came too fast to be seen; more --rows make it longer")
    return (part[-1][1] - part[0][1]) / (part[-1][0] - part[0][0])


def measure(bench, parcels, shares):
    """[(parcels in memory, new events a second)] at those shares of all, and differences."""
    kafka = bench.start_kafka()
    pg = bench.start_postgres()
    say(f"a topic of {parcels:,} parcels with one scan each")
    feed = publish(kafka, "--kind", "one-event", "--scans", "1", "--parcels", str(parcels), "--topics",
                   f"parcels:{PARTITIONS}", "--redeliver", "25", "--both", "0", "--bad", "0")
    writer, _ = new_rastro_database(pg, "parcels")
    settle(pg)
    port = servers.free_port()
    seen, said = watch([RASTRO, "ingest", "--brokers", kafka.brokers, "--topic", "parcels", "--group", "parcels",
                        "--workers", str(WORKERS), "--table-bytes", str(parcels * TABLE_BYTES_A_PARCEL + (64 << 20)),
                        "--metrics", f"127.0.0.1:{port}", "--until-end", "--log-level", "warn"], writer, port)
    took = re.search(r"= (\d+) new", said)
    if not took:
        raise BenchError(f"rastro ingest said: {said}")
    points = []
    for share in shares:
        points.append((parcels // share, rate(seen, min(parcels // share, seen[-1][2]))))
        say(f"{points[-1][0]:,} parcels in memory: {points[-1][1]:,.0f} new rows/s")
    return points, abs(int(took[1]) - feed["new"])
