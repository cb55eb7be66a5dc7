#!/usr/bin/env python3
"""Compares what PostgreSQL holds with the truth that rastro-feed wrote.

    judge.py TRUTH_DIR                    with the PG* variables of an owner
    judge.py TRUTH_DIR --json             one line for machines

Every event of the truth must be there once, with all its fields, its state and
its place in the order, and nothing else; parcels and their status, hand-overs,
scans told by two sources, orders, quarantine and positions likewise.

The truth is loaded into the schema rastro_judge, which is dropped first.
Ends with 0, 1 (something differs), 64 (usage), 65 (the truth cannot be read)
or 69 (PostgreSQL is not there).
"""
import argparse
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = 20
NUL = "\x1f"

TABLES = [
    ("events", "true_event"), ("wordings", "true_wording"), ("twins", "true_twin"), ("parcels", "true_parcel"),
    ("links", "true_link"), ("orders", "true_order"), ("quarantined_messages", "true_bad_message"),
    ("quarantined_events", "true_bad_event"), ("positions", "true_position"),
]


class JudgeError(Exception):
    def __init__(self, text, code=69):
        super().__init__(text)
        self.code = code


def session_env():
    """Statements here are large and few: no just-in-time compiling of small
    ones, room to sort, and nothing that must outlive a crash."""
    options = "-c jit=off -c work_mem=192MB -c synchronous_commit=off -c client_min_messages=warning"
    return dict(os.environ, PGOPTIONS=(os.environ.get("PGOPTIONS", "") + " " + options).strip())


def start(*arguments, **variables):
    command = ["psql", "-X", "-q", "-A", "-t", "-F", NUL, "-v", "ON_ERROR_STOP=1"]
    for name, value in variables.items():
        command += ["-v", f"{name}={value}"]
    return subprocess.Popen(command + list(arguments), env=session_env(), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate()
    if process.returncode:
        raise JudgeError(f"psql: {err.strip()}")
    return [line.split(NUL) for line in out.splitlines()]


def run_file(name, **variables):
    return finish(start("-f", os.path.join(HERE, name), **variables))


def query(sql):
    return finish(start("-c", sql))


def load(folder):
    arguments = []
    for file, table in TABLES:
        path = os.path.join(folder, file + ".tsv")
        if not os.path.exists(path):
            raise JudgeError(f"{path} is not there", 65)
        quoted = path.replace("'", "''")
        arguments += ["-c", f"\\copy rastro_judge.{table} from '{quoted}'"]
    finish(start(*arguments))


def see(sessions):
    """What readers see, worked out by several sessions at once."""
    started = [start("-f", os.path.join(HERE, "see.sql"), sessions=sessions, session=i) for i in range(sessions)]
    problems = []
    for process in started:
        try:
            finish(process)
        except JudgeError as e:
            problems.append(e)
    if problems:
        raise problems[0]


def differences():
    rows = query(f"""
        SELECT kind, n, about, says FROM (
            SELECT *, count(*) OVER (PARTITION BY kind) AS n,
                   row_number() OVER (PARTITION BY kind ORDER BY about, says) AS nth
            FROM rastro_judge.difference) d
        WHERE nth <= {EXAMPLES} ORDER BY kind, nth""")
    kinds = {}
    for kind, n, about, says in rows:
        found = kinds.setdefault(kind, {"count": int(n), "examples": []})
        found["examples"].append({"about": about, "says": says})
    return kinds


def judge(folder, sessions=2, status_every=1, rereadings=False, repeated=False):
    began = time.monotonic()
    run_file("schema.sql", status_every=status_every)
    load(folder)
    see(sessions)
    run_file("match.sql")
    run_file("compare.sql", rereadings=str(rereadings).lower(), repeated=str(repeated).lower())
    events, right = (int(v) for v in query("""
        SELECT (SELECT count(*) FROM rastro_judge.true_event),
               (SELECT count(*) FROM rastro_judge.pair WHERE exact)""")[0])
    kinds = differences()
    return {"events": events, "right": right, "differences": sum(k["count"] for k in kinds.values()), "kinds": kinds,
            "seconds": round(time.monotonic() - began, 1)}


def print_verdict(verdict):
    for kind, found in verdict["kinds"].items():
        print(f"{kind}: {found['count']:,}")
        for example in found["examples"]:
            print(f"    {example['about']}: {example['says']}")
        if found["count"] > len(found["examples"]):
            print(f"    and {found['count'] - len(found['examples']):,} more")
    print(f"truth check   {verdict['right']:,} of {verdict['events']:,} events, {verdict['differences']:,} differences")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", help="folder that rastro-feed --truth wrote")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--sessions", type=int, default=2, help="sessions that read timelines (default 2)")
    parser.add_argument("--status-every", type=int, default=1, metavar="N",
                        help="ask rastro.parcel_status() of one parcel in N only; it takes half of the time")
    parser.add_argument("--rereadings", action="store_true",
                        help="older readings of words that were read again may be there")
    parser.add_argument("--repeated", action="store_true",
                        help="messages may have been applied again: unusable events may be counted more often")
    arguments = parser.parse_args()
    try:
        verdict = judge(arguments.truth, arguments.sessions, arguments.status_every, arguments.rereadings,
                        arguments.repeated)
    except JudgeError as e:
        print(f"judge: {e}", file=sys.stderr)
        return e.code
    if arguments.json:
        print(json.dumps(verdict, ensure_ascii=False))
    else:
        print_verdict(verdict)
    return 1 if verdict["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
