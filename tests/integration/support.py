"""What the tests of this folder share: one PostgreSQL for a file of tests, a
database and an embedded broker where a test wants its own, and runs of the
program whose complaints are looked at.

    RASTRO_BUILD   build folder with the programs; build/test when not set
"""
import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from jsonschema import Draft202012Validator

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "ops"))
import servers  # noqa: E402

BUILD = os.path.abspath(os.environ.get("RASTRO_BUILD") or os.path.join(ROOT, "build/test"))
RASTRO = os.path.join(BUILD, "rastro")
FEED = os.path.join(BUILD, "tests/feed/rastro-feed")
os.environ["RASTRO_MOCK_BROKER"] = os.path.join(BUILD, "tests/tools/rastro-mock-broker")
SCHEMA = os.path.join(ROOT, "schema")
VERSION = len(os.listdir(os.path.join(SCHEMA, "migrations")))
SKIPPED = 77

# Exit statuses, as include/rastro/error.h has them.
FINE, NO, USAGE, DATA, UNAVAILABLE, CONFIG = 0, 1, 64, 65, 69, 78

OWNER, WRITER, READER = servers.Postgres.users


class Done:
    """How a run of the program ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        out, err = self.out[-3000:], self.err[-3000:]
        return f"ended with {self.code}\n--- standard output\n{out}\n--- standard error\n{err}"


# ---- the servers of a file of tests -----------------------------------------------------

folder = None
postgres = None
brokers = []  # those that run


def start():
    """For setUpModule: PostgreSQL, and a migrated database that others are copied from."""
    global folder, postgres
    # Not under /tmp, which the user postgres may not reach in every sandbox.
    folder = tempfile.mkdtemp(prefix="rastro-integration-", dir="/var/tmp")
    # A file of tests is a process, so its end is theirs, however it comes.
    atexit.register(stop)
    os.chmod(folder, 0o755)
    postgres = servers.Postgres(os.path.join(folder, "pg"), {"fsync": "off", "max_connections": "50"})
    postgres.start()
    done = run("migrate", user=OWNER, database="rastro")
    if done.code:
        raise servers.ServerError(f"rastro migrate {done}")
    postgres.set_passwords()


def stop():
    for broker in list(brokers):
        stop_broker(broker)
    if postgres and "pid" in postgres.facts:
        postgres.stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


def start_broker(name, topics):
    """An embedded broker with topics NAME:PARTITIONS."""
    broker = servers.Mock(os.path.join(folder, f"broker-{name}")).start(*topics)
    brokers.append(broker)
    return broker


def stop_broker(broker):
    if broker in brokers:
        brokers.remove(broker)
        broker.stop()


def environment(user, database, env=None):
    # Options and PG* variables of whoever runs this must not reach the program.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RASTRO_", "PG"))}
    if postgres:
        kept.update(postgres.env(user))
    kept.update(LC_ALL="C.UTF-8", NO_COLOR="1", RASTRO_SCHEMA=SCHEMA)
    if database:
        kept["PGDATABASE"] = database
    kept.update(env or {})
    return {k: v for k, v in kept.items() if v is not None}


def check_reports(err):
    for word in ("Sanitizer", "runtime error:"):
        if word in err:
            raise AssertionError(f"a sanitizer's report:\n{err[-8000:]}")


def run(*arguments, user=WRITER, database=None, env=None, stdin=b"", seconds=60):
    """Runs the program to its end; `env` adds to its environment, None takes away."""
    done = subprocess.run([RASTRO, *map(str, arguments)], env=environment(user, database, env), input=stdin,
                          capture_output=True, timeout=seconds)
    err = done.stderr.decode(errors="replace")
    check_reports(err)
    return Done(done.returncode, done.stdout.decode(), err)


# ---- messages ------------------------------------------------------------------------------

def escaped(value):
    """A value of the feed's file; None is a tombstone."""
    if value is None:
        return b"\\N"
    for char, letter in ((b"\\", b"\\"), (b"\t", b"t"), (b"\n", b"n"), (b"\r", b"r")):
        value = value.replace(char, b"\\" + letter)
    return value


def told(*options):
    """The values of what rastro-feed tells."""
    path = os.path.join(folder, "told.messages")
    subprocess.run([FEED, "--out", path, *options], check=True, capture_output=True, timeout=60)
    with open(path, "rb") as lines:
        next(lines)
        values = [line.rstrip(b"\n").split(b"\t", 4)[4] for line in lines]
    os.unlink(path)
    letters = {b"\\": b"\\", b"t": b"\t", b"n": b"\n", b"r": b"\r"}
    return [re.sub(rb"\\(.)", lambda match: letters[match[1]], value) for value in values]


def publish(broker, topic, values, partitions=1, at_ms=None, more=False):
    """Publishes values (bytes, None, or what becomes JSON) in order, in turn over
    the partitions of a topic that is empty so far, or with `more` is not."""
    at_ms = at_ms or int(time.time() * 1000)
    path = os.path.join(folder, f"{topic}.messages")
    with open(path, "wb") as out:
        out.write(b"rastro-feed 1\t%s:%d\n" % (topic.encode(), partitions))
        for i, value in enumerate(values):
            if value is not None and not isinstance(value, bytes):
                value = json.dumps(value).encode()
            out.write(b"%s\t%d\t%d\t\\N\t%s\n" % (topic.encode(), i % partitions, at_ms + i, escaped(value)))
    done = subprocess.run([FEED, "--from", path, "--brokers", broker.brokers, "--append" if more else "--no-create"],
                          capture_output=True, text=True, timeout=60)
    os.unlink(path)
    if done.returncode:
        raise servers.ServerError(f"rastro-feed: {done.stderr}")


def scan(number, time, code="DEP", status="transit.departed", feed="test", carrier="correios", **event):
    """A message of our own format, one event."""
    return {"rastro": "event/1", "feed": feed, "number": number, "carrier": carrier,
            "event": dict({"code": code, "status": status, "time": time}, **event)}


def history(number, *scans, carrier="correios"):
    """A message with a whole history, in the form of a source that sends such:
    (date, hour, words) each."""
    return {"codigo": number, "quantidade": len(scans), "host": carrier,
            "eventos": [{"data": d, "hora": h, "local": "CURITIBA - PR", "status": w, "subStatus": []}
                        for d, h, w in scans]}


# ---- tests -----------------------------------------------------------------------------------

class Test(unittest.TestCase):
    """A test with a database of its own, made when it is first asked for."""

    maxDiff = 2000
    topics = ()  # NAME:PARTITIONS of the class's broker

    @classmethod
    def setUpClass(cls):
        cls.broker = None
        if cls.topics:
            cls.broker = start_broker(cls.__name__, cls.topics)
            cls.addClassCleanup(stop_broker, cls.broker)

    def setUp(self):
        self._database = None

    @property
    def database(self):
        if not self._database:
            self._database = self.new_database("rastro")
        return self._database

    @classmethod
    def new_database(cls, template="template0"):
        name = f"t{time.monotonic_ns()}"
        postgres.psql(f"CREATE DATABASE {name} TEMPLATE {template}", database="postgres")
        return name

    def sql(self, sql, user=OWNER):
        return postgres.psql(sql, user=user, database=self.database)

    def value(self, sql):
        return postgres.value(sql, database=self.database)

    def run_rastro(self, *arguments, code=FINE, **kwargs):
        """Runs the program and expects its exit status."""
        kwargs.setdefault("database", self.database)
        done = run(*arguments, **kwargs)
        self.assertEqual(done.code, code, f"rastro {' '.join(map(str, arguments))} {done}")
        return done

    def complaint(self, *arguments, code, says, **kwargs):
        """Expects one line on standard error, behind it at most the way out, and
        nothing on standard output."""
        done = self.run_rastro(*arguments, code=code, **kwargs)
        lines = done.err.splitlines()
        self.assertIn(len(lines), (1, 2), str(done))
        self.assertRegex(lines[0], "^rastro( [a-z]+)?: ", str(done))
        if len(lines) == 2:
            self.assertRegex(lines[1], "^ +Next: ", str(done))
        for words in says if isinstance(says, (list, tuple)) else [says]:
            self.assertIn(words, done.err)
        self.assertEqual(done.out, "")
        return done

    def ingest(self, *topics, code=FINE, options=(), **kwargs):
        """Everything that is on the topics now."""
        return self.run_rastro("ingest", *self.ingest_options(*topics), "--until-end", *options, code=code, **kwargs)

    def ingest_options(self, *topics):
        # The embedded broker makes the first member of a group wait for 3 s, and
        # each later one for its session's 10 s, however long the group is empty.
        group = f"group-{time.monotonic_ns()}"
        return ["--brokers", self.broker.brokers, "--group", group] + [f"--topic={topic}" for topic in topics]

    def start_ingest(self, *topics, options=(), env=None):
        """Ingestion that goes on; killed at the end of the test if it is still there."""
        log = open(os.path.join(folder, f"ingest-{time.monotonic_ns()}"), "w+b")
        self.addCleanup(log.close)
        process = subprocess.Popen([RASTRO, "ingest", *self.ingest_options(*topics), *options],
                                   env=environment(WRITER, self.database, env), stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
        process.log = log
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.kill()
            process.wait()

    @staticmethod
    def said(process):
        process.log.seek(0)
        return process.log.read().decode(errors="replace")

    def wait_until(self, what, condition, seconds=30):
        try:
            servers.wait_for(what, condition, seconds)
        except servers.ServerError as late:
            self.fail(str(late))

    def terminate(self, process, how=signal.SIGTERM, within=10):
        """Asks it to end; its exit status.  Later than `within` seconds is a failure."""
        process.send_signal(how)
        started = time.monotonic()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            self.fail(f"no end within {within} s of {how.name}:\n{self.said(process)[-3000:]}")
        check_reports(self.said(process))
        self.took = time.monotonic() - started
        return process.returncode

    def fits(self, name, value):
        """The value is what schema/NAME.schema.json describes."""
        with open(os.path.join(SCHEMA, f"{name}.schema.json"), encoding="utf-8") as text:
            schema = json.load(text)
        Draft202012Validator.check_schema(schema)
        errors = [f"{'/'.join(map(str, e.path)) or 'the whole'}: {e.message[:300]}"
                  for e in Draft202012Validator(schema).iter_errors(value)]
        self.assertEqual(errors, [])

    def rows(self, table, without=("recorded_at", "first_recorded_at", "last_recorded_at")):
        """All rows of a table, but for what each run has anew."""
        columns = [r[0] for r in self.sql(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'rastro' "
            f"AND table_name = '{table}' ORDER BY ordinal_position")]
        chosen = ", ".join(f't."{c}"' for c in columns if c not in without)
        return [r[0] for r in self.sql(f"SELECT ROW({chosen})::text FROM rastro.{table} t ORDER BY 1")]


def metrics_of(text):
    """Prometheus' text form: {name: value}, refusing anything else."""
    found, types = {}, {}
    for line in text.splitlines():
        if match := re.fullmatch(r"# HELP (\w+) \S.*", line):
            continue
        if match := re.fullmatch(r"# TYPE (\w+) (counter|gauge)", line):
            types[match[1]] = match[2]
            continue
        match = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*) (\d+)", line)
        if not match or match[1] not in types or match[1] in found:
            raise AssertionError(f"no line of metrics: {line!r}")
        found[match[1]] = int(match[2])
    return found


def main():
    try:
        servers.Postgres.bin("initdb")
    except servers.ServerError as e:
        print(f"skipped: {e}")
        sys.exit(SKIPPED)
    # A runner that gives up must not leave servers behind; unittest lets nothing
    # but this through.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The handles of servers live as long as they do.
    unittest.main(verbosity=2, warnings="ignore")
