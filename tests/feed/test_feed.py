#!/usr/bin/env python3
"""The feed, checked from outside: the same options give the same bytes, the
truth counts what the summary says, and what a reader can work out from the
messages alone is what the truth has.

    test_feed.py --feed build/tests/feed/rastro-feed [--mock build/tests/tools/rastro-mock-broker]
    RASTRO_SEED=N runs it with another seed
"""
import argparse
import collections
import datetime
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

UTC = datetime.timezone.utc
BRASILIA = datetime.timezone(datetime.timedelta(hours=-3))
FILES = ["events", "wordings", "twins", "parcels", "links", "orders", "quarantined_messages", "quarantined_events",
         "positions"]

EVENT = ("event issuer number discriminator source instant kind stage detail sequence state rank precision zone_basis "
         "offset_minutes code text time_words zone_words country region city place marks").split()
PARCEL = "issuer number discriminator s10 stage detail".split()


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def same(found, wanted, what):
    if found == wanted:
        return
    if isinstance(found, (set, collections.Counter)) and isinstance(wanted, type(found)):
        raise Failure(f"{what}: only in the messages {sorted(found - wanted, key=str)[:3]}, "
                      f"only in the truth {sorted(wanted - found, key=str)[:3]}")
    raise Failure(f"{what}: {found!r}, expected {wanted!r}")


# ---- running it and reading what it writes ------------------------------------------

def feed(binary, *arguments, code=0):
    done = subprocess.run([binary, *arguments, "--json"], capture_output=True, text=True)
    check(done.returncode == code, f"{' '.join(arguments)}: ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout) if code == 0 and done.stdout.startswith("{") else done


def digest(path):
    with open(path, "rb") as data:
        return hashlib.sha256(data.read()).hexdigest()


def unescape(field):
    if field == b"\\N":
        return None
    return re.sub(rb"\\(.)", lambda m: {b"t": b"\t", b"n": b"\n", b"r": b"\r"}.get(m[1], m[1]), field)


def messages(path):
    """(topic, partition, offset, time in ms, key, value) of each message."""
    counts = collections.Counter()
    with open(path, "rb") as data:
        head = data.readline().rstrip(b"\n").split(b"\t")
        check(head[0] == b"rastro-feed 1", f"first line {head[0]!r}")
        for line in data:
            topic, partition, stamp, key, value = line.rstrip(b"\n").split(b"\t")
            place = (topic.decode(), int(partition))
            yield (*place, counts[place], int(stamp), unescape(key), unescape(value))
            counts[place] += 1


def rows(folder, file, names=None):
    with open(os.path.join(folder, file + ".tsv"), encoding="utf-8") as data:
        for line in data:
            fields = [None if f == "\\N" else re.sub(r"\\(.)", r"\1", f) for f in line.rstrip("\n").split("\t")]
            yield dict(zip(names, fields)) if names else fields


def instant(words):
    return datetime.datetime.fromisoformat(words).astimezone(UTC)


def clean(number):
    return re.sub(r"[\s-]", "", number).upper()


class Feed:
    """One feed with everything in it."""

    def __init__(self, binary, folder, seed, *arguments):
        self.out = os.path.join(folder, f"{seed}.feed")
        self.truth = os.path.join(folder, f"{seed}.truth")
        self.options = ["--seed", str(seed), "--out", self.out, "--truth", self.truth, *arguments]
        self.summary = feed(binary, *self.options)
        self.messages = list(messages(self.out))
        self.events = list(rows(self.truth, "events", EVENT))
        self.parcels = list(rows(self.truth, "parcels", PARCEL))
        self.parsed = []
        for topic, partition, offset, stamp, _, value in self.messages:
            try:
                self.parsed.append((stamp, json.loads(value.decode())))
            except (ValueError, RecursionError, AttributeError):
                pass

    def of(self, source):
        return [e for e in self.events if e["source"] == source]


# ---- what must hold --------------------------------------------------------------------

def same_seed_same_bytes(binary, folder, seed):
    digests = []
    for run in ("a", "b"):
        out, truth = os.path.join(folder, run + ".feed"), os.path.join(folder, run + ".truth")
        feed(binary, "--seed", str(seed), "--messages", "3000", "--out", out, "--truth", truth, "--bad", "20")
        digests.append([digest(out)] + [digest(os.path.join(truth, f + ".tsv")) for f in FILES])
    same(digests[0], digests[1], "two runs with one seed")
    out = os.path.join(folder, "c.feed")
    feed(binary, "--seed", str(seed + 1), "--messages", "3000", "--out", out, "--bad", "20")
    check(digest(out) != digests[0][0], "two seeds give the same bytes")


def counts_are_those_of_the_summary(f):
    s = f.summary
    same(len(f.messages), s["messages"], "messages")
    same(sum(len(m[5] or b"") for m in f.messages), s["bytes"], "bytes")
    same(s["messages"], s["tracking"] + s["registrations"] + s["unusable"] + s["ignored"], "kinds of messages")
    same(len(f.events), s["new"], "events")
    same(s["scans"], s["new"] + s["repeats"] + s["quarantined"], "scans")
    for state in ("current", "superseded", "no_longer_reported"):
        same(sum(e["state"] == state for e in f.events), s[state], state)
    for file, key in (("parcels", "parcels"), ("links", "links"), ("twins", "twins"), ("orders", "shipments"),
                      ("quarantined_messages", "unusable")):
        same(sum(1 for _ in rows(f.truth, file)), s[key], file)
    same(sum(int(r[4]) for r in rows(f.truth, "quarantined_events")), s["quarantined"], "quarantined events")
    ends = {(r[0], int(r[1])): int(r[2]) for r in rows(f.truth, "positions")}
    found = collections.Counter((m[0], m[1]) for m in f.messages)
    same({k: v for k, v in ends.items() if v}, dict(found), "positions")


def nothing_is_published_after_the_end(f, until):
    latest = max(m[3] for m in f.messages)
    check(latest < until.timestamp() * 1000, f"a message of {latest}")
    check(latest > (until.timestamp() - 3 * 86400) * 1000, "the feed ends long before its end")


def copies_are_the_same_bytes_later(f):
    first, copies = {}, 0
    for topic, partition, offset, stamp, key, value in f.messages:
        if value is None or len(value) < 40:
            continue
        before = first.setdefault((topic, value), (partition, stamp))
        copies += before != (partition, stamp)
    check(copies > f.summary["copies"] * 0.8, f"{copies} messages come again, {f.summary['copies']} should")


def partitions_are_out_of_order(f):
    last, behind = {}, 0
    for topic, partition, _, stamp, _, _ in f.messages:
        behind += stamp < last.get((topic, partition), 0)
        last[topic, partition] = max(stamp, last.get((topic, partition), 0))
    check(behind > len(f.messages) // 50, f"only {behind} messages arrive behind later ones")


def s10_verdicts(f):
    seen = collections.Counter()
    for p in f.parcels:
        n = p["number"]
        if re.fullmatch(r"[A-Z]{2}\d{9}[A-Z]{2}", n):
            rest = 11 - sum(w * int(d) for w, d in zip((8, 6, 4, 2, 3, 5, 9, 7), n[2:10])) % 11
            verdict = "ok" if {10: 0, 11: 5}.get(rest, rest) == int(n[10]) else "bad"
        else:
            verdict = "no"
        same(p["s10"], verdict, n)
        check((p["issuer"] == "") == (verdict == "ok"), f"{n} belongs to {p['issuer']!r}")
        seen[verdict] += 1
    check(all(seen[v] for v in ("ok", "bad", "no")), f"verdicts {dict(seen)}")


def usps_by_hand(f):
    told = set()
    for _, m in f.parsed:
        if not isinstance(m, dict) or "trackingEvents" not in m:
            continue
        events = m["trackingEvents"]
        for e in [events] if isinstance(events, dict) else events:
            if isinstance(e, dict) and e.get("eventCode") and e.get("GMTTimestamp") and good(e["GMTTimestamp"]):
                told.add((m["trackingNumber"], instant(e["GMTTimestamp"]), e["eventCode"], e["eventCity"]))
    truth = {(e["number"], instant(e["instant"]), e["code"], e["city"]) for e in f.of("usps")
             if e["time_words"].endswith("Z")}
    # A key that is there twice cannot be seen from here: Python keeps the last.
    check(truth <= told, f"usps: {sorted(truth - told, key=str)[:3]} is in no message")
    check(len(told - truth) <= f.summary["quarantined"], "usps: messages tell what the truth lacks")


def good(words):
    try:
        return 1990 <= instant(words).year < 2028
    except ValueError:
        return False


def linketrack_by_hand(f):
    told = set()
    for _, m in f.parsed:
        if not isinstance(m, dict) or "eventos" not in m or "codigo" not in m:
            continue
        for e in [m["eventos"]] if isinstance(m["eventos"], dict) else m["eventos"]:
            if not isinstance(e, dict) or not e.get("hora") or not e.get("status"):
                continue
            pattern = "%d/%m/%Y %H:%M" + (":%S" if e["hora"].count(":") == 2 else "")
            try:
                at = datetime.datetime.strptime(f"{e['data']} {e['hora']}", pattern).replace(tzinfo=BRASILIA)
            except ValueError:
                continue
            if 1990 <= at.year < 2028:
                told.add((clean(m["codigo"]), at.astimezone(UTC), e["status"][:60].replace("\0", "\ufffd")))
    truth = {(e["number"], instant(e["instant"]), e["text"][:60]) for e in f.of("linketrack") if e["precision"] != "d"}
    check(truth <= told, f"linketrack: {sorted(truth - told, key=str)[:3]} is in no message")
    check(len(told - truth) <= f.summary["quarantined"], "linketrack: messages tell what the truth lacks")


def newest_history_decides(f):
    """AfterShip names its update time, so the newest message is easy to find."""
    newest = {}
    for _, m in f.parsed:
        if not isinstance(m, dict):
            continue
        data = m.get("data") if isinstance(m.get("data"), dict) else {}
        tracking = m.get("msg") or data.get("tracking") or (data.get("trackings") or [None])[0]
        if not isinstance(tracking, dict) or not tracking.get("checkpoints"):
            continue
        if not any(isinstance(c, dict) and good(c.get("checkpoint_time") or "") for c in tracking["checkpoints"]):
            continue
        key, at = (clean(tracking["tracking_number"]), tracking["slug"]), instant(tracking["updated_at"])
        if key not in newest or at > newest[key][0]:
            newest[key] = (at, {c["checkpoint_time"] for c in tracking["checkpoints"]
                                if isinstance(c, dict) and c.get("checkpoint_time")})
    checked = 0
    for e in f.of("aftership"):
        if e["kind"] != "s":
            continue
        slugs = [times for (number, _), (_, times) in newest.items() if number == e["number"]]
        if len(slugs) != 1:
            continue
        # The event's time may be spelled otherwise there, so compare instants.
        stands = any(re.search(r"(Z|[+-]\d\d:?\d\d)$", t[10:]) and good(t) and instant(t) == instant(e["instant"])
                     for t in slugs[0])
        if e["zone_basis"] == "g" and e["state"] == "no_longer_reported":
            check(not stands, f"{e['number']}: {e['instant']} stands in the newest history")
            checked += 1
    check(checked > 5, f"only {checked} withdrawn events to look at")


def ranks_follow_the_order(f):
    parcels = collections.defaultdict(list)
    for e in f.events:
        parcels[e["issuer"], e["number"]].append(e)
    for events in parcels.values():
        events.sort(key=lambda e: int(e["rank"]))
        keys = [(instant(e["instant"]), e["source"], int(e["sequence"] or 0)) for e in events]
        same(keys, sorted(keys), f"order of {events[0]['number']}")


def odd_cases_are_there(f):
    marks = collections.Counter(m for e in f.events for m in e["marks"].strip("{}").split(",") if m)
    for mark in ("unmapped_code", "assumed_zone", "synthetic", "future", "nul", "cut"):
        check(marks[mark], f"no event is marked {mark}")
    for state in ("current", "superseded", "no_longer_reported"):
        check(any(e["state"] == state for e in f.events), f"no event is {state}")
    for kind in "spr":
        check(any(e["kind"] == kind for e in f.events), f"no event of kind {kind}")
    check({e["precision"] for e in f.events} == set("dmsf"), "a precision is missing")
    check({e["zone_basis"] for e in f.events} == set("gpra"), "a zone basis is missing")
    check(any(":" in p["issuer"] for p in f.parcels), "no carrier is unknown")


def clocks_that_change(binary, folder, seed):
    """In spring an hour is skipped, in autumn one comes twice."""
    for until, mark in (("2027-04-08T00:00:00Z", "skipped_time"), ("2027-11-08T00:00:00Z", "ambiguous_time")):
        f = Feed(binary, os.path.join(folder, mark), seed, "--parcels", "9000", "--days", "20", "--until", until)
        check(any(mark in e["marks"] for e in f.events), f"no event is marked {mark}")


def memory_is_bounded(binary):
    """Half a gigabyte of messages.  Runs first: a child that has not yet become
    another program counts with the memory of this one."""
    summary = feed(binary, "--messages", "1500000", "--kind", "one-event", "--topics", "scans:4")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    check(peak < summary["bytes"] * 0.8, f"{peak >> 20} MB for {summary['bytes'] >> 20} MB of messages")


def kinds(binary, folder, seed):
    f = Feed(binary, os.path.join(folder, "one"), seed, "--kind", "one-event", "--parcels", "50", "--both", "0",
             "--bad", "0", "--redeliver", "0", "--topics", "scans:4")
    same(len(f.messages), 50 * 20, "one-event messages of 50 parcels")
    few = feed(binary, "--kind", "one-event", "--parcels", "50", "--scans", "3", "--both", "0", "--redeliver", "0", "--bad", "0")
    same((few["messages"], few["new"]), (150, 150), "messages and events of 50 parcels of three scans")
    size = f.summary["bytes"] / f.summary["messages"]
    check(280 < size < 380, f"{size:.0f} bytes a message")
    f = Feed(binary, os.path.join(folder, "few"), seed, "--sources", "usps,shipments", "--parcels", "200", "--bad", "0")
    same({e["source"] for e in f.events}, {"usps"}, "sources")


def histories_repeat_ten_times(binary, folder, seed):
    f = Feed(binary, os.path.join(folder, "history"), seed, "--kind", "history", "--parcels", "400", "--bad", "0",
             "--topics", "scans:4")
    counts_are_those_of_the_summary(f)
    same({e["source"] for e in f.events}, {"17track", "aftership", "cainiao"}, "sources")
    tellers = collections.defaultdict(set)
    for e in f.events:
        tellers[e["issuer"], e["number"]].add(e["source"])
    check(all(len(sources) == 1 for sources in tellers.values()), "a parcel is told by two")
    same(f.summary["copies"], 0, "copies")
    ratio = f.summary["repeats"] / f.summary["new"]
    check(9 < ratio < 11, f"{ratio:.1f} repeats to one new scan")
    told = collections.Counter(m[4] for m in f.messages)
    same(len(told), 400, "keys of 400 parcels")
    check(max(told.values()) <= 21, f"{max(told.values())} messages of one parcel")
    behind = collections.defaultdict(list)
    for m in f.messages:
        behind[m[0], m[1]].append(m[4])
    in_a_row = sum(a == b for keys in behind.values() for a, b in zip(keys, keys[1:]))
    check(in_a_row < len(f.messages) / 10, f"{in_a_row} messages follow one of their own parcel")
    lists, seen, checkpoints, known = re.compile(rb'"checkpoints" ?: ?(\[.*?\{.*?\}\s*\])', re.S), set(), 0, 0
    for m in f.messages:
        for listed in lists.findall(m[5]):
            for checkpoint in re.findall(rb"\{.*?\}", listed, re.S):
                checkpoints += 1
                known += (m[4], checkpoint) in seen
                seen.add((m[4], checkpoint))
    check(known > 0.75 * checkpoints > 0, f"{known} of {checkpoints} checkpoints came before with the same bytes")
    again = feed(binary, "--kind", "history", "--parcels", "400", "--redeliver", "20")
    check(again["copies"] > again["messages"] / 10, f"{again['copies']} copies where a fifth should be")


def through_a_broker(binary, mock, folder, seed):
    """Every offset is the one of the truth; a second time it is not."""
    topics = "orders:1,scans:3,posts:3"
    process = subprocess.Popen([mock, *topics.split(",")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        brokers = process.stdout.readline().strip()
        check(re.fullmatch(r"127\.0\.0\.1:\d+", brokers), f"the mock broker says {brokers!r}")
        out = os.path.join(folder, "published.feed")
        options = ["--seed", str(seed), "--parcels", "60", "--topics", topics]
        feed(binary, *options, "--out", out)
        feed(binary, *options, "--brokers", brokers, "--no-create")
        again = feed(binary, "--from", out, "--brokers", brokers, "--no-create", code=1)
        check("not fresh" in again.stderr, f"published twice: {again.stderr}")
    finally:
        process.terminate()
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        check(process.poll() == 0, "the mock broker does not end")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--feed", required=True)
    parser.add_argument("--mock")
    arguments = parser.parse_args()
    seed = int(os.environ.get("RASTRO_SEED") or 20261123)
    print(f"seed {seed}")
    failed = 0

    def run(name, function, *values):
        nonlocal failed
        try:
            function(*values)
            print(f"ok     {name}", flush=True)
        except Failure as e:
            failed += 1
            print(f"FAILED {name}: {e}", flush=True)

    with tempfile.TemporaryDirectory(prefix="rastro-feed-") as folder:
        for name in ("one", "history", "few", "skipped_time", "ambiguous_time"):
            os.mkdir(os.path.join(folder, name))
        run("memory is bounded", memory_is_bounded, arguments.feed)
        run("same seed, same bytes", same_seed_same_bytes, arguments.feed, folder, seed)
        f = Feed(arguments.feed, folder, seed, "--parcels", "2500", "--bad", "15")
        until = datetime.datetime(2026, 11, 23, 8, tzinfo=UTC)
        for name, function, *values in (
                ("counts are those of the summary", counts_are_those_of_the_summary, f),
                ("nothing is published after the end", nothing_is_published_after_the_end, f, until),
                ("copies are the same bytes, later", copies_are_the_same_bytes_later, f),
                ("partitions are out of order", partitions_are_out_of_order, f),
                ("S10 verdicts", s10_verdicts, f),
                ("usps by hand", usps_by_hand, f),
                ("linketrack by hand", linketrack_by_hand, f),
                ("the newest history decides", newest_history_decides, f),
                ("ranks follow the order", ranks_follow_the_order, f),
                ("odd cases are there", odd_cases_are_there, f),
                ("clocks that change", clocks_that_change, arguments.feed, folder, seed),
                ("kinds", kinds, arguments.feed, folder, seed),
                ("histories repeat ten times", histories_repeat_ten_times, arguments.feed, folder, seed)):
            run(name, function, *values)
        if arguments.mock:
            run("through a broker", through_a_broker, arguments.feed, arguments.mock, folder, seed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
