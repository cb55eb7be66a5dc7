"""What the benchmarks share: options, servers that go away again, figures, the last line.

Progress goes to standard error, a table for people to standard output, and
behind it one line of JSON.
"""
import argparse
import json
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "ops"))
import servers  # noqa: E402

BUILD = os.path.join(ROOT, "build", "tuned")
RASTRO = os.path.join(BUILD, "rastro")
FEED = os.path.join(BUILD, "tests", "feed", "rastro-feed")
COPY = os.path.join(BUILD, "bench", "bench_copy")
JUDGE = os.path.join(ROOT, "tests", "judge", "judge.py")

# Durable as a production server; only room is added, so that no run is stopped
# by a checkpoint that another run caused.  README.md explains each.
POSTGRES = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "min_wal_size": "4GB",
    "checkpoint_timeout": "1h",
}


class BenchError(Exception):
    pass


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def read_options(text, rows, pairs):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=rows, metavar="N", help=f"unique rows (default {rows})")
    parser.add_argument("--pairs", type=int, default=pairs, metavar="N",
                        help=f"how often everything is measured (default {pairs})")
    return parser.parse_args()


def run(command, env=None, stdin=None):
    """The standard output of a program that must succeed."""
    done = subprocess.run(command, env=dict(os.environ, **(env or {})), input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"{os.path.basename(command[0])} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


class Bench:
    """A folder and its servers; both are gone at the end, however it comes."""

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.started = []
        # PostgreSQL does not run as root, and its user must reach the folder.
        self.dir = tempfile.mkdtemp(prefix="rastro-bench-", dir="/var/tmp")
        os.chmod(self.dir, 0o755)
        return self

    def __exit__(self, *_):
        for server in reversed(self.started):
            if "pid" in server.facts:
                server.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, server):
        say(f"{server.kind} starts")
        self.started.append(server)
        return server.start()

    def start_postgres(self, **settings):
        return self.start(servers.Postgres(self.path("pg"), dict(POSTGRES, **settings)))

    def start_kafka(self):
        return self.start(servers.Kafka(self.path("kafka")))


def settle(pg):
    """Writes out what the last run left, so that the next one does not pay for it."""
    pg.psql("CHECKPOINT", database="postgres")


def new_database(pg, name):
    pg.psql(f"CREATE DATABASE {name}", database="postgres")
    return dict(pg.env(), PGDATABASE=name)


def new_rastro_database(pg, name):
    """With the schema; returns the writer's and the owner's environment."""
    owner = new_database(pg, name)
    run([RASTRO, "migrate"], owner)
    pg.set_passwords()
    return dict(pg.env("rastro_writer"), PGDATABASE=name), owner


def in_a_child(function, *arguments):
    """What needs much memory: the peak memory of a program counts from its parent's on."""
    child = multiprocessing.Process(target=function, args=arguments)
    child.start()
    child.join()
    if child.exitcode:
        raise BenchError(f"{function.__name__} failed")


def drop_database(pg, name):
    pg.psql(f"DROP DATABASE {name} WITH (FORCE)", database="postgres")


def feed_kafka(kafka, *arguments):
    return run([FEED, "--brokers", kafka.brokers, "-X", "compression.codec=lz4", *arguments])


def publish(kafka, *arguments):
    """Feeds Kafka; returns the feed's summary."""
    return json.loads(feed_kafka(kafka, "--json", *arguments))


def write_feed(file, *arguments):
    """The same into a file, for publish_file."""
    return json.loads(run([FEED, "--out", file, "--json", *arguments]))


def publish_file(kafka, file, append):
    feed_kafka(kafka, "--from", file, *(["--append"] if append else []))


def slices(file, percents):
    """Such a file cut there, each piece a file that can be published; read them in order."""
    with open(file, "rb") as text:
        head, *lines = text.readlines()
    for i, (begin, end) in enumerate(zip(percents, percents[1:])):
        name = f"{file}.{i}"
        with open(name, "wb") as out:
            out.write(head)
            out.writelines(lines[int(len(lines) * begin / 100):int(len(lines) * end / 100)])
        yield name


def median(values):
    return statistics.median(values)


def table(head, rows):
    """For people; the first column is text, the others stand to the right."""
    lines = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths))))


def finish(name, figures, differences):
    """The last line.  With a difference there are no figures: what is fast and wrong is not fast."""
    print(json.dumps({"bench": name, **({} if differences else figures), "judge": differences}))
    sys.exit(1 if differences else 0)


def main(function):
    try:
        function()
    except (BenchError, servers.ServerError) as e:
        sys.exit(f"bench: {e}")
