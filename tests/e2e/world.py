"""A small world for the tests of the whole way: a real Kafka, a real PostgreSQL,
members of a fleet, the feed and its judge.

    RASTRO_BUILD       build folder with the programs; build/test when not set
    RASTRO_TEST_LONG   1: the long forms
    RASTRO_SEED        the seed of what is left to chance; printed
    RASTRO_KEEP        1: leave the folder of servers and logs behind

Servers live as long as a test file; each test has a database and topics of its
own.  A member is a process of `rastro ingest`, and its log is shown when a
test fails.
"""
import atexit
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for folder in ("ops", "tests/judge"):
    sys.path.insert(0, os.path.join(ROOT, folder))
import judge as judging  # noqa: E402
import servers  # noqa: E402
from servers import wait_for  # noqa: E402,F401

BUILD = os.path.abspath(os.environ.get("RASTRO_BUILD") or os.path.join(ROOT, "build/test"))
RASTRO = os.path.join(BUILD, "rastro")
FEED = os.path.join(BUILD, "tests/feed/rastro-feed")
ADMIN = os.path.join(BUILD, "tests/tools/rastro-kafka-admin")
LONG = os.environ.get("RASTRO_TEST_LONG") == "1"
SEED = int(os.environ.get("RASTRO_SEED") or random.randrange(1, 1 << 31))
REPORT = re.compile(r"(Address|Leak|Thread)Sanitizer|runtime error:")
SKIPPED = 77

# Groups that notice a dead member soon, and many small batches.
QUICK = ["-X", "session.timeout.ms=2000", "-X", "heartbeat.interval.ms=500",
         "-X", "topic.metadata.refresh.interval.ms=1000", "--batch-age", "100ms"]


def read(path):
    with open(path, errors="replace") as text:
        return text.read()


def read_bytes(path):
    with open(path, "rb") as data:
        return data.read()


class Member:
    """One process of `rastro ingest`."""

    def __init__(self, name, command, env, log):
        self.name, self.log = name, log
        self.metrics = command[command.index("--metrics") + 1] if "--metrics" in command else None
        self.counted = {}
        atexit.register(self.end)
        with open(log, "ab") as output:
            self.process = subprocess.Popen(command, env=env, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    @property
    def code(self):
        return self.process.poll()

    def catches(self, number):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as lines:
            mask = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
        return int(mask, 16) >> (number - 1) & 1

    def signal(self, number):
        if self.code is None:
            self.process.send_signal(number)

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds} s\n{self.tail()}") from None

    def terminate(self):
        """As an operator would; within the bound."""
        self.signal(signal.SIGTERM)
        return self.wait(12)

    def end(self):
        """However the test file ends."""
        if self.code is None:
            self.signal(signal.SIGCONT)
            self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(20)

    def stopped(self):
        """By a signal, as SIGSTOP does."""
        with open(f"/proc/{self.process.pid}/stat") as text:
            return text.read().rpartition(")")[2].split()[0] == "T"

    def counters(self):
        """What --metrics serves, without `rastro_` and `_total`; of one that has
        ended what was last seen."""
        try:
            with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=5) as page:
                rows = re.findall(r"^rastro_(\w+?)(?:_total)? (\d+)$", page.read().decode(), re.M)
            self.counted = {name: int(value) for name, value in rows}
        except OSError:
            pass
        return self.counted

    def text(self):
        return read(self.log)

    def tail(self, lines=25):
        return f"--- {self.name}\n" + "\n".join(self.text().splitlines()[-lines:])


class Truth:
    """What a feed wrote down."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "positions.tsv")) as text:
            rows = [line.rstrip("\n").split("\t") for line in text]
        self.positions = {(topic, int(partition)): int(offset) for topic, partition, offset in rows}
        self.topics = sorted({topic for topic, _ in self.positions})
        self.messages = sum(self.positions.values())


class Case(unittest.TestCase):
    """A test with servers, a database and topics."""

    pg_settings = {"fsync": "off", "full_page_writes": "off", "max_connections": "50"}
    kafka_settings = {}
    number = 0

    @classmethod
    def setUpClass(cls):
        # PostgreSQL's own user must be able to reach its folder.
        cls.folder = tempfile.mkdtemp(prefix="rastro-e2e-", dir="/var/tmp")
        os.chmod(cls.folder, 0o755)
        cls.pg = servers.Postgres(os.path.join(cls.folder, "pg"), cls.pg_settings)
        cls.kafka = servers.Kafka(os.path.join(cls.folder, "kafka"), cls.kafka_settings)
        atexit.register(cls.stop_servers)
        cls.pg.start()
        cls.kafka.start()

    @classmethod
    def tearDownClass(cls):
        cls.stop_servers()
        atexit.unregister(cls.stop_servers)

    @classmethod
    def stop_servers(cls):
        for server in (cls.pg, cls.kafka):
            if server.facts.get("pid") and server.running():
                server.stop(*(["immediate"] if server is cls.pg else []))
        if os.environ.get("RASTRO_KEEP") != "1":
            shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        Case.number += 1
        self.tag = f"t{Case.number}"
        self.random = random.Random(f"{SEED} {self.id().rpartition('.')[2]}")
        self.members = []
        self.pg_port = self.pg.port
        self.home = os.path.join(self.folder, self.tag)
        os.makedirs(self.home)
        self.fresh_database()

    def tearDown(self):
        for member in self.members:
            member.end()
        logs = {member.log for member in self.members}
        reports = [log for log in logs if REPORT.search(read(log))]
        if self._outcome_failed() or reports:
            for log in sorted(logs):
                text = read(log)
                where = REPORT.search(text)
                shown = text[max(0, where.start() - 500):][:6000] if where else "\n".join(text.splitlines()[-30:])
                print(f"--- {os.path.basename(log)}\n{shown}", flush=True)
        self.assertFalse(reports, "a sanitizer's report")

    def _outcome_failed(self):
        outcome = self._outcome
        if hasattr(outcome, "errors"):  # before Python 3.11
            return any(error for _, error in outcome.errors)
        return any(test is self for test, _ in outcome.result.failures + outcome.result.errors)

    # ---- the database ---------------------------------------------------------------

    def fresh_database(self):
        self.pg.psql("DROP DATABASE IF EXISTS rastro WITH (FORCE)", database="postgres")
        self.pg.psql("CREATE DATABASE rastro", database="postgres")
        self.rastro("migrate", user="rastro_owner")
        self.pg.set_passwords()

    def env(self, user="rastro_writer", **more):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("RASTRO_", "PG"))}
        env.update(self.pg.env(user), PGPORT=str(self.pg_port), PGCONNECT_TIMEOUT="5",
                   RASTRO_BROKERS=self.kafka.brokers)
        env.update(more)
        return env

    def sql(self, text, **kwargs):
        return self.pg.psql(text, **kwargs)

    def value(self, text, **kwargs):
        return self.pg.value(text, **kwargs)

    # ---- the programs ---------------------------------------------------------------

    def run_checked(self, command, codes=(0,), **kwargs):
        done = subprocess.run(command, text=True, capture_output=True, timeout=900, **kwargs)
        if done.returncode not in codes or REPORT.search(done.stderr):
            self.fail(f"{' '.join(command)}: ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done

    def rastro(self, *arguments, user="rastro_owner", codes=(0,), **more):
        return self.run_checked([RASTRO, *arguments], codes, env=self.env(user, **more))

    def admin(self, verb, *arguments, **kwargs):
        return self.run_checked([ADMIN, self.kafka.brokers, verb, *map(str, arguments)], **kwargs)

    def feed(self, *arguments, topics="scans:4,posts:4", messages=4000, seed=None, publish=True):
        """Publishes a feed; topics get this test's name in front."""
        topics = ",".join(f"{self.tag}-{topic}" for topic in topics.split(","))
        folder = os.path.join(self.home, "truth")
        command = [FEED, "--seed", str(seed or self.random.randrange(1, 1 << 31)), "--messages", str(messages),
                   "--topics", topics, "--redeliver", "20", "--both", "10", "--truth", folder, *arguments]
        if publish:
            command += ["--brokers", self.kafka.brokers, "-X", "compression.codec=lz4"]
        self.run_checked(command)
        return Truth(folder)

    def feed_of(self, short):
        """So many messages, or in the long form a million on two topics of six."""
        return self.feed(topics="scans:6,posts:6", messages=1000000) if LONG else self.feed(messages=short)

    def publish(self, path, *arguments):
        """A feed's file, to topics that are there."""
        self.run_checked([FEED, "--from", path, "--brokers", self.kafka.brokers, "--append", *arguments])

    def feed_in_halves(self, topics="scans:4,posts:4", **kwargs):
        """A feed to be published in two parts: the truth and the files."""
        path = os.path.join(self.home, "feed")
        truth = self.feed("--out", path, topics=topics, publish=False, **kwargs)
        for topic in topics.split(","):
            self.admin("create", *f"{self.tag}-{topic}".split(":"))
        head, *lines = read_bytes(path).splitlines(keepends=True)
        halves = []
        for number, part in enumerate((lines[:len(lines) // 2], lines[len(lines) // 2:])):
            halves.append(f"{path}{number}")
            with open(halves[-1], "wb") as out:
                out.writelines([head, *part])
        return truth, halves

    def feed_on_more_topics(self, *arguments, topics="scans:4,posts:4", share=100, dealt=False, **kwargs):
        """Publishes a feed of which that percentage of the keys is told once more, on
        topics of their own and in another mix of partitions; or, dealt, each of
        their messages on one of both by chance.  The truth of all, the feed's
        topics, and the others.  What is told once more is judged with
        repeated=True, for unusable events are counted once more too."""
        path = os.path.join(self.home, "feed")
        truth = self.feed("--out", path, *arguments, topics=topics, publish=False, **kwargs)
        head, *lines = read_bytes(path).splitlines(keepends=True)
        first = {topic: int(n) for topic, n in (word.split(":") for word in head.decode().split("\t")[1:])}
        more = {f"{topic}-more": max(1, n - 1) for topic, n in first.items()}
        told, was, offsets, places = ([], []), {}, {}, {}
        for line in lines:
            topic, partition, rest = line.split(b"\t", 2)
            place = topic.decode(), int(partition)
            was[place] = was.get(place, -1) + 1
            both = [place, (f"{place[0]}-more", place[1] % more[f"{place[0]}-more"])]
            if zlib.crc32(rest.split(b"\t", 2)[1]) % 100 >= share:
                both.pop()
            elif dealt:
                both.pop(self.random.randrange(2))
            for name, number in both:
                offsets[name, number] = offsets.get((name, number), -1) + 1
                places.setdefault((*place, was[place]), []).append((name, number, offsets[name, number]))
                told[name in more].append(b"%s\t%d\t%s" % (name.encode(), number, rest))
        with open(os.path.join(truth.folder, "positions.tsv"), "w") as out:
            out.writelines(f"{topic}\t{partition}\t{last + 1}\n" for (topic, partition), last in offsets.items())
        bad = os.path.join(truth.folder, "quarantined_messages.tsv")
        rows = [row.split("\t") for row in read(bad).splitlines()]
        with open(bad, "w") as out:
            for topic, partition, offset, why in rows:
                for place in places[topic, int(partition), int(offset)]:
                    out.write("\t".join([*map(str, place), why]) + "\n")
        for path, counts, part in ((path, first, told[0]), (f"{path}-more", more, told[1])):
            with open(path, "wb") as out:
                out.write("\t".join(["rastro-feed 1", *(f"{t}:{n}" for t, n in counts.items())]).encode() + b"\n")
                out.writelines(part)
            for topic, partitions in counts.items():
                self.admin("create", topic, partitions)
            # In small pieces, so that whoever fetches little gets all topics at one pace.
            self.publish(path, "-X", "batch.num.messages=10")
        return Truth(truth.folder), list(first), list(more)

    def member(self, name, truth, *arguments, workers=2, group=None, topics=None, **env):
        command = [RASTRO, "ingest", "--group", group or self.tag, "--workers", str(workers), *QUICK]
        for topic in topics or truth.topics:
            command += ["--topic", topic]
        member = Member(name, [*command, *arguments], self.env(**env), os.path.join(self.home, f"{name}.log"))
        self.members.append(member)
        return member

    def drain(self, truth, *arguments, codes=(0,), seconds=600, **env):
        """A member that reads to the end and leaves."""
        member = self.member("drain", truth, "--until-end", *arguments, **env)
        code = member.wait(seconds)
        self.assertIn(code, codes, member.tail())
        return member

    # ---- how far --------------------------------------------------------------------

    def applied(self, truth):
        """Messages of the truth that are durable; 0 while PostgreSQL is away."""
        names = ",".join(f"'{topic}'" for topic in truth.topics)
        try:
            return int(self.value(f"SELECT coalesce(sum(next), 0) FROM rastro.positions WHERE topic IN ({names})"))
        except servers.ServerError:
            return 0

    def wait_applied(self, truth, share=1.0, seconds=3000 if LONG else 90):
        wanted = int(truth.messages * share)

        def there():
            # Only the end must be waited for to the last partition.
            return self.applied(truth) >= wanted
        try:
            wait_for(f"{wanted} messages in PostgreSQL", there, seconds)
        except servers.ServerError as e:
            tails = "\n".join(member.tail() for member in self.members[-4:])
            self.fail(f"{e}; there are {self.applied(truth)}\n{tails}")

    def end_members(self):
        """All that run are asked to end, and must end well and in time."""
        running = [member for member in self.members if member.code is None]
        for member in running:
            # One that started a moment ago does not listen yet.
            wait_for(f"{member.name} to listen", lambda: member.code is not None or member.catches(signal.SIGTERM), 20)
            member.signal(signal.SIGTERM)
        for member in running:
            self.assertEqual(member.wait(12), 0, member.tail())

    def judge(self, truth, **kwargs):
        """No difference between PostgreSQL and the truth."""
        saved = dict(os.environ)
        os.environ.update(self.pg.env())
        try:
            verdict = judging.judge(truth.folder, **kwargs)
        finally:
            os.environ.clear()
            os.environ.update(saved)
        if verdict["differences"]:
            judging.print_verdict(verdict)
            self.fail(f"{verdict['differences']} differences, seed {SEED}")
        self.assertGreater(verdict["events"], 0)
        print(f"    {self.id().rpartition('.')[2]}: {verdict['right']:,} of {verdict['events']:,} events, "
              f"{truth.messages:,} messages, 0 differences", flush=True)


def run():
    """A test file's last line."""
    try:
        servers.Postgres.bin("initdb")
        servers.Kafka.fetch()
    except servers.ServerError as e:
        print(f"skipped: {e}")
        sys.exit(SKIPPED)
    # Asked to end, it leaves no server behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"seed {SEED}", flush=True)
    began = time.monotonic()
    program = unittest.main(module="__main__", exit=False, verbosity=2, warnings="ignore")
    print(f"{time.monotonic() - began:.0f} s")
    result = program.result
    if result.wasSuccessful() and result.testsRun and len(result.skipped) == result.testsRun:
        sys.exit(SKIPPED)
    sys.exit(0 if result.wasSuccessful() else 1)
