#!/usr/bin/env python3
"""The same topic through what people use today: rows a second, what it costs, what kills leave.

Debezium's JDBC sink in Kafka Connect, Flink SQL, a hand-written consumer in
Java and one in Python write the topic of `ingest` into a table with a key;
rastro writes it into its own schema.  Each has two workers, an empty database
and the same servers; they take turns.  Then each gets a smaller topic while it
is killed at seeded moments.  README.md has the details.
"""
import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time

from common import (JUDGE, Bench, BenchError, drop_database, finish, main, median, new_database, new_rastro_database,
                    publish, publish_file, run, say, servers, settle, slices, table, write_feed)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
import meter  # noqa: E402
import programs  # noqa: E402

PARTITIONS = 12
SEED = 1
KILL_ROWS = 5000  # at most so many for each kill
SETTLED_S = 2     # all rows are there, and nothing is written for so long: done
PATIENCE_S = 90   # rows are missing, and nothing is written for so long: lost

EVENTS = """CREATE TABLE events (
    number text NOT NULL, instant timestamptz NOT NULL, code text NOT NULL, text text, status text, country text,
    region text, city text, place text, topic text, partition integer, kafka_offset bigint,
    PRIMARY KEY (number, instant, code))"""

# Of events.tsv, and where its columns stand there.
TRUE_COLUMNS = {"number": 2, "instant": 5, "code": 15, "text": 16, "country": 19, "region": 20, "city": 21,
                "place": 22}
TRUTH = "CREATE TABLE truth (" + ", ".join(
    f"{name} {'timestamptz' if name == 'instant' else 'text'}" for name in TRUE_COLUMNS) + ")"
WORDS = ("text", "country", "region", "city", "place")
# A number may be told with spaces, hyphens and small letters; its event is the same.
COMPARE = """
WITH told AS (SELECT upper(translate(number, ' -', '')) AS number, instant, code, {words}, count(*) AS times
              FROM events GROUP BY 1, 2, 3, 4, 5, 6, 7, 8),
     wanted AS (SELECT number, instant, code, {words}, true AS there FROM truth)
SELECT count(*) FILTER (WHERE times IS NULL),
       coalesce(sum(times), 0) - count(*) FILTER (WHERE there AND times > 0)
FROM told FULL JOIN wanted USING (number, instant, code, {names})
""".format(words=", ".join(f"coalesce({word}, '') AS {word}" for word in WORDS), names=", ".join(WORDS))

Measured = collections.namedtuple("Measured", "rows_per_s steady_rows_per_s cpu_s_per_million pg_cpu_s_per_million "
                                              "rss_mb")
Sample = collections.namedtuple("Sample", "at cpu pg_cpu mb")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=800000, metavar="N", help="unique rows (default 800000)")
    parser.add_argument("--pairs", type=int, default=3, metavar="N",
                        help="how often each is measured (default 3)")
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="kills of each (default 20)")
    parser.add_argument("--only", action="append", metavar="NAME",
                        choices=[program.name for program in programs.PROGRAMS],
                        help="measure this one; may be given again")
    return parser.parse_args()


class Life:
    """A program from its start to its end; it has a session of its own, so that all of it can be killed."""

    def __init__(self, program, env, log, until_end):
        self.log, self.until_end = log, until_end
        with open(log, "a") as out:
            self.process = subprocess.Popen(program.command(until_end), env=dict(os.environ, **env), stdout=out,
                                            stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        self.pid = self.process.pid

    def ended(self):
        """Leaves a process that ended where it is: what it used can still be read."""
        return (self.process.returncode is not None
                or os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)

    def signal(self, how):
        try:
            os.killpg(self.pid, how)
        except ProcessLookupError:
            pass

    def kill(self):
        """All of it, also what it started and left behind."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def tail(self):
        with open(self.log, errors="replace") as text:
            return text.read()[-2000:]


class Work:
    """A program with a database and a topic; its lives end with it."""

    def __init__(self, bench, program, topic, truth, rows):
        bench.runs += 1
        self.bench, self.pg = bench, bench.pg
        self.program, self.topic, self.truth, self.rows = program, topic, truth, rows
        self.database = f"run_{bench.runs}"
        self.ours = program.name == "rastro"
        self.life = None

    def __enter__(self):
        if self.ours:
            _, self.owner = new_rastro_database(self.pg, self.database)
        else:
            self.owner = new_database(self.pg, self.database)
            self.pg.psql(EVENTS, database=self.database)
        self.folder = self.bench.folder.path(self.database)
        os.mkdir(self.folder)
        self.watch = meter.Watch(self.owner)
        settle(self.pg)
        return self

    def __exit__(self, *_):
        self.kill()
        self.watch.close()
        drop_database(self.pg, self.database)

    def start(self, until_end=False):
        env = programs.environment(self.pg, self.bench.kafka, self.topic, self.database, self.database,
                                   "rastro_writer" if self.ours else "rastro_owner", self.folder)
        self.life = Life(self.program, env, os.path.join(self.folder, "log"), until_end and self.ours)
        return self.life

    def end(self):
        """Ours ends by itself, since the judge asks how far it came; the others are killed."""
        if self.ours:
            self.life.signal(signal.SIGTERM)
            servers.wait_for(f"end of {self.program.name}", self.life.ended, 60)
        self.kill()

    def kill(self):
        if self.life:
            self.life.kill()
            self.life = None
        servers.wait_for("end of a killed program's sessions",
                         lambda: not self.watch.sessions(), 30)

    def value(self, sql):
        return self.pg.psql(sql, database=self.database)[0]

    def events(self):
        return "rastro.event_rows" if self.ours else "events"

    def rows_there(self):
        return int(self.value(f"SELECT count(*) FROM {self.events()}")[0])

    def until_done(self, each=lambda: None):
        """Until all rows are there and nothing more is written, or for too long; each() is called meanwhile."""
        life, written, since = self.life, self.watch.written(), time.monotonic()
        while not life.ended():
            time.sleep(0.2)
            each()
            now = self.watch.written()
            if now != written:
                written, since = now, time.monotonic()
                continue
            quiet = time.monotonic() - since
            if quiet > PATIENCE_S:
                say(f"{self.program.name} has written nothing for {PATIENCE_S} s; {self.rows_there():,} rows of "
                    f"{self.rows:,} are there")
                return
            if quiet > SETTLED_S and not life.until_end and self.rows_there() >= self.rows:
                return
        each()
        if life.process.wait() or not life.until_end:
            problem = f"{self.program.name} ended with {life.process.returncode}: {life.tail()}"
            if self.ours:
                raise BenchError(problem)
            say(problem)

    def wrong(self):
        """Rows that are too many, and rows that are missing; for ours the judge's differences too."""
        if self.ours:
            done = subprocess.run([sys.executable, JUDGE, self.truth, "--json", "--status-every", "20"],
                                  env=dict(os.environ, **self.owner), capture_output=True, text=True)
            if done.returncode not in (0, 1):
                raise BenchError(f"the judge ended with {done.returncode}: {done.stderr.strip()}")
            verdict = json.loads(done.stdout)
            for kind, found in verdict["kinds"].items():
                say(f"judge: {kind}: {found['count']} differences, such as {found['examples'][0]}")
            counts = collections.Counter({kind: found["count"] for kind, found in verdict["kinds"].items()})
            return (counts["event twice"] + counts["event that the truth lacks"], counts["missing event"],
                    verdict["differences"])
        columns = os.path.join(self.folder, "truth")
        with open(os.path.join(self.truth, "events.tsv")) as text, open(columns, "w") as out:
            for line in text:
                cells = line.rstrip("\n").split("\t")
                out.write("\t".join(cells[i] for i in TRUE_COLUMNS.values()) + "\n")
        self.pg.psql(TRUTH, database=self.database)
        run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", f"\\copy truth from '{columns}'"], self.owner)
        lost, doubled = map(int, self.value(COMPARE))
        return doubled, lost, 0


class Peers:
    def __init__(self, folder, options):
        self.folder, self.options, self.runs = folder, options, 0
        self.programs = [p for p in programs.PROGRAMS if not options.only or p.name in options.only]
        for program in self.programs:
            program.fetch()
        self.kafka = folder.start_kafka()
        # The commit that wrote a row tells when it was there.
        self.pg = folder.start_postgres(track_commit_timestamp="on")
        self.truth = folder.path("truth")
        say(f"feed: about {options.rows:,} rows")
        self.feed = publish(self.kafka, *self.feed_options("scans", options.rows, self.truth))
        self.measured = {program.name: [] for program in self.programs}
        self.restarts = {program.name: [] for program in self.programs}
        self.duplicates, self.lost = collections.Counter(), collections.Counter()
        self.differences = 0

    def feed_options(self, topic, rows, truth):
        # Redelivered are 25 of 125 messages.
        return ["--kind", "one-event", "--messages", str(rows * 5 // 4), "--topics", f"{topic}:{PARTITIONS}",
                "--redeliver", "25", "--both", "0", "--bad", "0", "--truth", truth]

    def account(self, work):
        duplicates, lost, differences = work.wrong()
        self.duplicates[work.program.name] += duplicates
        self.lost[work.program.name] += lost
        self.differences += differences

    def measure(self, program):
        with Work(self, program, "scans", self.truth, self.feed["new"]) as work:
            samples = []

            def sample():
                samples.append(Sample(time.time(), meter.cpu_seconds(life.pid), meter.cpu_seconds(self.pg.pid),
                                      meter.peak_mb(life.pid)))
            before = meter.cpu_seconds(self.pg.pid)
            began = time.time()
            life = work.start(until_end=True)
            work.until_done(sample)
            rows = work.rows_there()
            if not rows:
                raise BenchError(f"{program.name} wrote nothing: {life.tail()}")
            first, last = map(float, work.value(
                "SELECT extract(epoch FROM min(c)), extract(epoch FROM max(c)) "
                f"FROM (SELECT pg_xact_commit_timestamp(xmin) AS c FROM {work.events()}) t"))
            work.kill()
            # What was used until the last row was there; the next sample tells.
            used = next((s for s in samples if s.at >= last), samples[-1])
            millions = self.feed["messages"] / 1e6
            done = Measured(rows / (last - began), rows / max(last - first, 0.001), used.cpu / millions,
                            (used.pg_cpu - before) / millions, max(s.mb for s in samples))
            self.measured[program.name].append(done)
            self.account(work)
            say(f"{program.name}: {done.rows_per_s:,.0f} rows/s from the start, {done.steady_rows_per_s:,.0f} steady, "
                f"CPU {done.cpu_s_per_million:.1f} + {done.pg_cpu_s_per_million:.1f} s a million, "
                f"{done.rss_mb:,.0f} MB")

    def kill(self, program):
        """Each life finds a slice of the topic that it has not seen, and dies at a seeded moment behind its first
        write; the last one lives."""
        kills = self.options.kills
        moments = random.Random(SEED)
        topic, file = f"kills-{program.name}", self.folder.path("kills")
        truth = self.folder.path(f"kills-truth-{program.name}")
        rows = min(self.options.rows, KILL_ROWS * (kills + 1))
        feed = write_feed(file, *self.feed_options(topic, rows, truth))
        with Work(self, program, topic, truth, feed["new"]) as work:
            for i, part in enumerate(slices(file, [100 * i / (kills + 1) for i in range(kills + 2)])):
                publish_file(self.kafka, part, append=i > 0)
                os.unlink(part)
                began = time.monotonic()
                life = work.start()
                if i == kills:
                    break
                while not work.watch.writing() and not life.ended():
                    if time.monotonic() - began > PATIENCE_S:
                        say(f"{program.name} has written nothing for {PATIENCE_S} s after a kill")
                        break
                    time.sleep(0.005)
                self.restarts[program.name].append(time.monotonic() - began)
                time.sleep(moments.uniform(0, 0.3))
                if life.ended():
                    say(f"{program.name} ended by itself: {life.tail()}")
                work.kill()
                say(f"{program.name}: kill {i + 1} of {kills}, "
                    f"{self.restarts[program.name][-1]:.1f} s until its first write")
            work.until_done()
            work.end()
            self.account(work)
        say(f"{program.name}: {self.duplicates[program.name]} duplicates, {self.lost[program.name]} lost")


def figures_of(peers):
    figures = {"rows": peers.feed["new"], "messages": peers.feed["messages"], "pairs": peers.options.pairs,
               "kills": peers.options.kills}
    lines = []
    for program in peers.programs:
        name = program.name
        middle = Measured(*(median(column) for column in zip(*peers.measured[name])))
        # The first life has nobody's time-out to wait for.
        restart = median(peers.restarts[name][1:] or [0])
        for key, value in middle._asdict().items():
            figures[f"{name}_{key}"] = round(value, 2) if "cpu" in key else round(value)
        figures.update({f"{name}_restart_s": round(restart, 1), f"{name}_duplicates": peers.duplicates[name],
                        f"{name}_lost": peers.lost[name]})
        lines.append([name, f"{middle.rows_per_s:,.0f}", f"{middle.steady_rows_per_s:,.0f}",
                      f"{middle.cpu_s_per_million:.1f}", f"{middle.pg_cpu_s_per_million:.1f}",
                      f"{middle.rss_mb:,.0f}", f"{restart:.1f}", peers.duplicates[name], peers.lost[name]])
    return figures, lines


def bench():
    options = read_options()
    with Bench() as folder:
        peers = Peers(folder, options)
        for turn in range(options.pairs):
            say(f"turn {turn + 1} of {options.pairs}")
            for program in peers.programs:
                peers.measure(program)
        for program in peers.programs if options.kills else []:
            peers.kill(program)
    if peers.differences:
        finish("peers", {}, peers.differences)
    figures, lines = figures_of(peers)
    table(["program", "rows/s", "steady", "CPU s/million", "PostgreSQL's", "peak MB", "s to write again", "duplicates",
           "lost"], lines)
    print(f"{figures['rows']:,} rows from {figures['messages']:,} messages, medians of {options.pairs}; "
          f"{options.kills} kills each")
    finish("peers", figures, 0 if "rastro" in peers.measured else None)


if __name__ == "__main__":
    main(bench)
