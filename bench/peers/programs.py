"""The programs that are compared: how each is fetched, and started."""
import os
import shutil

from common import RASTRO, ROOT, run, say, servers

HERE = os.path.dirname(os.path.abspath(__file__))
# Kept between runs: what was fetched, and what was compiled.
KEPT = os.path.join(ROOT, "build", "peers")
WORKERS = 2
SESSION_MS = 6000


def fetch_once(name, recipe, fetch):
    """Calls fetch(FOLDER) unless the folder was filled by the same recipe."""
    folder = os.path.join(KEPT, name)
    done = os.path.join(folder, "complete")
    with open(os.path.join(HERE, recipe)) as text:
        wanted = text.read()
    if not os.path.exists(done) or open(done).read() != wanted:
        say(f"{name} is fetched")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        fetch(folder)
        with open(done, "w") as out:
            out.write(wanted)
    return folder


class Program:
    """Gets everything through its environment, PEER_* and PG*."""

    def __init__(self, name):
        self.name = name

    def fetch(self):
        pass

    def command(self, until_end):
        raise NotImplementedError


class Jvm(Program):
    """Jars by Maven, from the pom.xml of a folder here."""

    def __init__(self, name, folder, options):
        super().__init__(name)
        self.folder, self.options = folder, options

    def file(self, name):
        return os.path.join(HERE, self.folder, name)

    def fetch(self):
        self.jars = fetch_once(self.folder, os.path.join(self.folder, "pom.xml"), lambda folder: run(
            ["mvn", "-q", "-B", "-f", self.file("pom.xml"), "dependency:copy-dependencies",
             f"-DoutputDirectory={folder}"]))

    def java(self, *arguments):
        return ["java", *self.options, "-Dlog4j2.level=WARN", "-cp",
                os.path.join(self.jars, "*") + ":" + os.path.join(self.jars, "classes"), *arguments]

    def compile(self, source):
        run(["javac", "-d", os.path.join(self.jars, "classes"), "-cp", os.path.join(self.jars, "*"),
             self.file(source)])


class Debezium(Jvm):
    def __init__(self):
        super().__init__("debezium", "connect", ["-Xms256m", "-Xmx2g"])

    def command(self, until_end):
        return self.java("org.apache.kafka.connect.cli.ConnectStandalone", self.file("worker.properties"),
                         self.file("sink.properties"))


class Flink(Jvm):
    def __init__(self):
        super().__init__("flink", "flink", ["-Xmx1536m", "--add-opens=java.base/java.util=ALL-UNNAMED",
                                            "--add-opens=java.base/java.lang=ALL-UNNAMED"])

    def fetch(self):
        super().fetch()
        self.compile("FlinkSql.java")

    def command(self, until_end):
        return self.java("FlinkSql", self.file("scans.sql"))


class Java(Jvm):
    def __init__(self):
        super().__init__("java", "java", ["-Xmx512m"])

    def fetch(self):
        super().fetch()
        self.compile("CopyConsumer.java")

    def command(self, until_end):
        return self.java("CopyConsumer")


class Python(Program):
    def __init__(self):
        super().__init__("python")

    def fetch(self):
        def install(folder):
            run(["/usr/bin/python3", "-m", "venv", folder])
            run([os.path.join(folder, "bin", "pip"), "install", "-q", "-r",
                 os.path.join(HERE, "python", "requirements.txt")])
        self.venv = fetch_once("python", "python/requirements.txt", install)

    def command(self, until_end):
        return [os.path.join(self.venv, "bin", "python"), os.path.join(HERE, "python", "copy_consumer.py")]


class Rastro(Program):
    def __init__(self):
        super().__init__("rastro")

    def command(self, until_end):
        return [RASTRO, "ingest", "--workers", str(WORKERS), "--kafka", f"session.timeout.ms={SESSION_MS}",
                "--log-level", "warn", *(["--until-end"] if until_end else [])]


PROGRAMS = [Debezium(), Flink(), Java(), Python(), Rastro()]


def environment(pg, kafka, topic, group, database, user, folder):
    return dict(pg.env(user), PGDATABASE=database, PEER_PASSWORD=pg.facts["password"], PEER_BROKERS=kafka.brokers,
                PEER_TOPIC=topic, PEER_GROUP=group, PEER_WORKERS=str(WORKERS), PEER_SESSION_MS=str(SESSION_MS),
                PEER_PORT=str(servers.free_port()), PEER_DIR=folder,
                RASTRO_BROKERS=kafka.brokers, RASTRO_TOPIC=topic, RASTRO_GROUP=group)
