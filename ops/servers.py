#!/usr/bin/env python3
"""Throwaway servers on loopback: PostgreSQL, Apache Kafka, librdkafka's mock cluster.

Used by quickstart, tests and benchmarks, and by hand:

    ops/servers.py start postgres DIR        ops/servers.py stop DIR
    ops/servers.py start kafka DIR           ops/servers.py env DIR
    ops/servers.py start mock DIR [TOPIC:PARTITIONS...]

Everything of a server lies in its folder.  Servers listen on loopback at free
ports and are stopped by their process id.  PostgreSQL refuses to run as root;
then it runs as the user postgres, which must be able to reach the folder.
"""
import glob
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KAFKA_CACHE = os.environ.get("RASTRO_KAFKA_JARS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "rastro", "kafka-4.0.0")


class ServerError(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=60):
    """Waits until condition() is true; fails loudly after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise ServerError(f"{what}: not within {seconds} s")


def accepts(port):
    with socket.socket() as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0


def alive(pid):
    """Whether the process runs; a zombie of ours does not."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def stop_pid(pid, name, how=signal.SIGTERM, seconds=20):
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return
    try:
        wait_for(f"end of {name}", lambda: not alive(pid), seconds)
    except ServerError:
        os.kill(pid, signal.SIGKILL)


class Server:
    """A server and what is needed to find it again: DIR/server.json."""

    kind = None

    def __init__(self, folder):
        self.dir = os.path.abspath(folder)
        self.facts = {"kind": self.kind}

    @property
    def port(self):
        return self.facts["port"]

    @property
    def pid(self):
        return self.facts["pid"]

    def save(self):
        with open(os.path.join(self.dir, "server.json"), "w") as out:
            json.dump(self.facts, out)

    @classmethod
    def load(cls, folder):
        with open(os.path.join(folder, "server.json")) as text:
            facts = json.load(text)
        server = KINDS[facts["kind"]](folder)
        server.facts = facts
        return server

    def running(self):
        return alive(self.pid)


class Postgres(Server):
    """One cluster: superuser rastro_owner, and the writer and reader once the
    schema is there.  Passwords are random and stand in DIR/pgpass (0600)."""

    kind = "postgres"
    users = ("rastro_owner", "rastro_writer", "rastro_reader")

    def __init__(self, folder, settings=None):
        super().__init__(folder)
        self.settings = settings or {}

    @staticmethod
    def bin(program):
        found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}"),
                       key=lambda p: int(p.split("/")[4]))
        if not found:
            raise ServerError("PostgreSQL's server is not installed (package postgresql)")
        return found[-1]

    def as_server_user(self, *command, **kwargs):
        if os.geteuid() == 0:
            command = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups") + command
        return subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              cwd="/", **kwargs)

    @property
    def data(self):
        return os.path.join(self.dir, "data")

    @property
    def log(self):
        return os.path.join(self.dir, "run", "log")

    @property
    def pgpass(self):
        return os.path.join(self.dir, "pgpass")

    def create(self):
        os.makedirs(self.dir, exist_ok=True)
        run = os.path.join(self.dir, "run")
        os.makedirs(run, exist_ok=True)
        password = secrets.token_hex(16)
        self.facts.update(port=free_port(), password=password, database="rastro")
        secret = os.path.join(run, "password")
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(password)
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            for path in (self.dir, run, secret):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.as_server_user(self.bin("initdb"), "-D", self.data, "-U", "rastro_owner", "-E", "UTF8",
                            "--locale=C.UTF-8", "--auth=scram-sha-256", "--pwfile", secret, "--no-sync")
        os.unlink(secret)
        with open(os.open(self.pgpass, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            for name in self.users + ("replicator",):
                out.write(f"127.0.0.1:*:*:{name}:{password}\n")
        # No superuser can be made by whoever reaches the port: scram only.
        return self

    def start(self):
        if not os.path.isdir(self.data):
            self.create()
        settings = {"listen_addresses": "127.0.0.1", "port": self.port,
                    "unix_socket_directories": os.path.join(self.dir, "run"),
                    "logging_collector": "off", "log_min_messages": "warning"}
        settings.update(self.settings)
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        try:
            self.as_server_user(self.bin("pg_ctl"), "-D", self.data, "-l", self.log, "-w", "-t", "60", "-o", options,
                                "start")
        except subprocess.CalledProcessError as e:
            tail = open(self.log).read()[-2000:] if os.path.exists(self.log) else ""
            raise ServerError(f"PostgreSQL does not start: {e.stderr.decode()}\n{tail}") from e
        with open(os.path.join(self.data, "postmaster.pid")) as text:
            self.facts["pid"] = int(text.readline())
        self.save()
        if "ready" not in self.facts:
            self.psql("CREATE DATABASE rastro", database="postgres")
            self.facts["ready"] = True
            self.save()
        return self

    def stop(self, mode="fast"):
        """fast, immediate (a crash) or smart."""
        how = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "smart": signal.SIGTERM}[mode]
        stop_pid(self.pid, "PostgreSQL", how)

    def set_passwords(self):
        """After the schema is there: the roles' passwords, so that they can log in."""
        for name in self.users[1:]:
            self.psql(f"ALTER ROLE {name} PASSWORD '{self.facts['password']}'")

    def env(self, user="rastro_owner"):
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGDATABASE": self.facts["database"],
                "PGUSER": user, "PGPASSFILE": self.pgpass}

    def psql(self, sql, user="rastro_owner", database=None, check=True):
        """Runs SQL; returns rows as lists of text."""
        env = dict(os.environ, **self.env(user))
        if database:
            env["PGDATABASE"] = database
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-f", "-"],
                              input=sql, env=env, capture_output=True, text=True)
        if done.returncode and check:
            raise ServerError(f"psql: {done.stderr.strip()}\n{sql[:500]}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def value(self, sql, **kwargs):
        rows = self.psql(sql, **kwargs)
        return rows[0][0] if rows else None


class Kafka(Server):
    """Apache Kafka in KRaft mode, broker and controller in one process."""

    kind = "kafka"

    def __init__(self, folder, settings=None):
        super().__init__(folder)
        self.settings = settings or {}

    @staticmethod
    def fetch():
        """The jars, once, through Maven."""
        done = os.path.join(KAFKA_CACHE, "complete")
        if os.path.exists(done):
            return KAFKA_CACHE
        os.makedirs(KAFKA_CACHE, exist_ok=True)
        result = subprocess.run(["mvn", "-q", "-B", "-f", os.path.join(ROOT, "ops", "kafka", "pom.xml"),
                                 "dependency:copy-dependencies", f"-DoutputDirectory={KAFKA_CACHE}"],
                                capture_output=True, text=True)
        if result.returncode:
            raise ServerError(f"Maven cannot fetch Kafka: {(result.stdout + result.stderr)[-2000:]}")
        open(done, "w").close()
        return KAFKA_CACHE

    def java(self, *arguments, heap="512m"):
        """With the quick compiler alone: the other one works for minutes after a start, on the processors that tests
        and benchmarks need, for code that mostly hands files to sockets."""
        return ["java", f"-Xmx{heap}", f"-Xms{heap}", "-XX:+UseG1GC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN",
                "-cp", os.path.join(KAFKA_CACHE, "*")] + list(arguments)

    def create(self):
        self.fetch()
        os.makedirs(self.dir, exist_ok=True)
        self.facts.update(port=free_port(), controller=free_port())
        settings = {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.facts['controller']}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.facts['controller']}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": os.path.join(self.dir, "data"), "num.partitions": 1,
            "offsets.topic.replication.factor": 1, "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1, "offsets.topic.num.partitions": 4,
            "transaction.state.log.num.partitions": 4, "group.initial.rebalance.delay.ms": 0,
            "auto.create.topics.enable": "false", "message.max.bytes": 20971520,
            "group.min.session.timeout.ms": 1000, "log.retention.check.interval.ms": 1000,
            "num.network.threads": 2, "num.io.threads": 2, "log.cleaner.enable": "true",
        }
        settings.update(self.settings)
        with open(os.path.join(self.dir, "server.properties"), "w") as out:
            for name, value in settings.items():
                out.write(f"{name}={value}\n")
        cluster = subprocess.run(self.java("kafka.tools.StorageTool", "random-uuid"), capture_output=True, text=True,
                                 check=True).stdout.strip().splitlines()[-1]
        subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", cluster, "-c",
                                 os.path.join(self.dir, "server.properties")), check=True, capture_output=True)
        return self

    def start(self):
        if not os.path.exists(os.path.join(self.dir, "server.properties")):
            self.create()
        log = open(os.path.join(self.dir, "log"), "a")
        process = subprocess.Popen(self.java("kafka.Kafka", os.path.join(self.dir, "server.properties")), stdout=log,
                                   stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.dir)
        self.facts["pid"] = process.pid
        self.save()

        def up():
            if process.poll() is not None:
                raise ServerError(f"Kafka does not start, see {self.dir}/log")
            return accepts(self.port)
        wait_for("Kafka", up, 60)
        return self

    def stop(self):
        stop_pid(self.pid, "Kafka")

    @property
    def brokers(self):
        return f"127.0.0.1:{self.port}"


class Mock(Server):
    """librdkafka's mock cluster, in a process of its own: no Java, but only for
    small feeds and one member (faults.md says what it cannot show)."""

    kind = "mock"

    def start(self, *topics):
        """Topics as NAME:PARTITIONS.  The program is RASTRO_MOCK_BROKER, or on PATH."""
        os.makedirs(self.dir, exist_ok=True)
        binary = os.environ.get("RASTRO_MOCK_BROKER") or "rastro-mock-broker"
        log = open(os.path.join(self.dir, "log"), "w")
        process = subprocess.Popen([binary, *topics], stdout=subprocess.PIPE, stderr=log,
                                   stdin=subprocess.DEVNULL, start_new_session=True, text=True)
        line = process.stdout.readline().strip()
        if ":" not in line:
            raise ServerError(f"the mock broker does not start, see {self.dir}/log")
        self.facts.update(pid=process.pid, port=int(line.rsplit(":", 1)[1]))
        self.save()
        return self

    def stop(self):
        stop_pid(self.pid, "mock broker")

    @property
    def brokers(self):
        return f"127.0.0.1:{self.port}"


KINDS = {kind.kind: kind for kind in (Postgres, Kafka, Mock)}


def main(arguments):
    if len(arguments) >= 3 and arguments[0] == "start" and arguments[1] in KINDS:
        server = KINDS[arguments[1]](arguments[2]).start(*arguments[3:])
        print(f"{arguments[1]} on 127.0.0.1:{server.port}, process {server.pid}")
    elif len(arguments) == 2 and arguments[0] == "stop":
        Server.load(arguments[1]).stop()
    elif len(arguments) == 2 and arguments[0] == "env":
        server = Server.load(arguments[1])
        facts = server.env() if isinstance(server, Postgres) else {"RASTRO_BROKERS": server.brokers}
        for name, value in facts.items():
            print(f"export {name}={value}")
    else:
        print(__doc__)
        return 64
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ServerError as e:
        sys.exit(f"servers: {e}")
