#!/usr/bin/env python3
"""Runs the rastro of a build through small feeds, on throwaway servers; ops/tune says why.

    ops/train.py BUILD [--judge]

With --judge each database is compared with the truth of its feed afterwards.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import servers

JUDGE = os.path.join(servers.ROOT, "tests", "judge", "judge.py")
# By name: topics, options of the feed, options of the program.  librdkafka's mock
# cluster keeps 5 MB a partition, so topics have many.
FEEDS = {
    "mixed": (["orders:1", "scans:12", "posts:12"], ["--parcels", "1500"], []),
    "safe": (["orders2:1", "scans2:12", "posts2:12"], ["--parcels", "300"], ["--table-bytes", "0"]),
    "one_event": (["ones:12"], ["--kind", "one-event", "--messages", "100000", "--redeliver", "25"], []),
    "history": (["histories:12"], ["--kind", "history", "--messages", "12000"], []),
}


def run(command, env):
    done = subprocess.run(command, env=dict(os.environ, **env), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"train: {os.path.basename(command[0])} ended with {done.returncode}: "
                 f"{(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def train(build, folder, judge):
    program = os.path.join(build, "rastro")
    os.environ["RASTRO_MOCK_BROKER"] = os.path.join(build, "tests", "tools", "rastro-mock-broker")
    pg = servers.Postgres(os.path.join(folder, "pg"), {})
    broker = servers.Mock(os.path.join(folder, "broker"))
    try:
        pg.start()
        broker.start(*[topic for topics, _, _ in FEEDS.values() for topic in topics])
        for name, (topics, of_feed, of_program) in FEEDS.items():
            truth = os.path.join(folder, name)
            run([os.path.join(build, "tests", "feed", "rastro-feed"), "--seed", "97", "--brokers", broker.brokers,
                 "--no-create", "--topics", ",".join(topics), "--truth", truth, *of_feed], {})
            pg.psql(f"CREATE DATABASE {name}", database="postgres")
            owner = dict(pg.env(), PGDATABASE=name)
            run([program, "migrate"], owner)
            pg.set_passwords()
            told = [option for topic in topics for option in ("--topic", topic.split(":")[0])]
            run([program, "ingest", "--brokers", broker.brokers, "--group", name, "--until-end", *told, *of_program],
                dict(pg.env("rastro_writer"), PGDATABASE=name))
            if judge:
                run([sys.executable, JUDGE, truth], owner)
    finally:
        for server in (broker, pg):
            if "pid" in server.facts:
                server.stop()


def main(arguments):
    if len(arguments) not in (1, 2) or arguments[1:] not in ([], ["--judge"]):
        print(__doc__)
        return 64
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # PostgreSQL does not run as root, and its user must reach the folder.
    folder = tempfile.mkdtemp(prefix="rastro-train-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    try:
        train(os.path.abspath(arguments[0]), folder, arguments[1:] != [])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except servers.ServerError as e:
        sys.exit(f"train: {e}")
