#!/usr/bin/env python3
"""Months of feed in minutes against a known truth: the stall detector simulated.

    sim.py                       seeds 1 to 20
    sim.py --large               worlds of 200,000 parcels over 60 days, each by one schedule, in 5 to 20 minutes;
                                 with a build without sanitizers (RASTRO_BUILD)
    sim.py --seed 7              one seed again
    sim.py --seed 7 --family 31  and what is known of that family

A world (world.py) says what happened and what was told of it; the truth (truth.py) is
worked out from the contracts alone.  Real members (driver.c) apply what was told to
a real PostgreSQL, in an order and grouping that each schedule has of its own, and time
is what they are told of progress.  All of it lies in the past, so that PostgreSQL's
own clock does not matter.

Proven, for every seed and schedule
  A  when all is applied, episodes that are open or ended are those of the truth:
     parcel, kind, rule, start of the clock, since, until, the last event and the one
     that ended it
  B  whatever was opened, at any time, is an alarm that whoever had read everything up
     to that feed time would have raised, since the same instant
  C  where nobody lags, what is open or ended at each midnight is what is true then: so
     what later views lack is withdrawn, and nothing is opened late
  D  reading everything again changes nothing
  E  no stall stays open beside the scan that ends it: they are recorded at one time,
     or it was opened as what had ended
"""
import argparse
import bisect
import os
import shutil
import sys
import tempfile
import time

import fleet as fleets
import truth
import world as worlds
from fleet import support
from truth import DAY
from world import HOUR, ORDERS, PARTITIONS, START

KIND_OF = {i + 1: kind for i, kind in enumerate(truth.KINDS)}


class Different(Exception):
    """What was found is not what is true."""


# ---- the feed ---------------------------------------------------------------------------

class Feed:
    """The messages of a world as a file, and their times."""

    def __init__(self, world, folder):
        self.path = os.path.join(folder, f"feed-{world.seed}")
        self.at = [[] for _ in range(PARTITIONS)]
        self.stamp = [[] for _ in range(PARTITIONS)]
        unsorted = self.path + ".unsorted"
        with open(unsorted, "w", encoding="utf-8") as out:
            for i in range(world.families):
                for m in world.family(i).messages:
                    body = worlds.json.dumps(m.body, ensure_ascii=False, separators=(",", ":"))
                    out.write(f"{m.at}\t{m.partition}\t{m.stamp}\t{body}\n")
                    m.body = None  # what was written is in the file
        env = dict(os.environ, LC_ALL="C")
        support.subprocess.run(["sort", "-n", "-k1,1", "-s", "-o", self.path, unsorted], check=True, env=env)
        os.unlink(unsorted)
        with open(self.path, encoding="utf-8") as lines:
            for line in lines:
                at, partition, stamp, _ = line.split("\t", 3)
                self.at[int(partition)].append(int(at))
                self.stamp[int(partition)].append(int(stamp))
        self.least = [self.least_behind(stamps) for stamps in self.stamp]

    @staticmethod
    def least_behind(stamps):
        """The earliest time of what lies at an offset or behind it."""
        least = [truth.NEVER] * (len(stamps) + 1)
        for i in range(len(stamps) - 1, -1, -1):
            least[i] = min(stamps[i], least[i + 1])
        return least

    def appended(self, partition, now):
        return bisect.bisect_right(self.at[partition], now)

    def complete(self, partition, offset, now):
        return min(now, self.least[partition][offset] - 1)

    @property
    def size(self):
        return sum(map(len, self.at))


# ---- what was found ------------------------------------------------------------------------

class Row:
    """An episode that PostgreSQL has."""

    def __init__(self, row, event_of):
        def number(text):
            return int(text) if text else None
        self.number, kind, self.rule, self.state = row[0], row[1], row[2], row[3]
        self.kind = KIND_OF[int(kind)]
        self.started, self.since, self.until, self.feed = map(number, row[4:8])
        self.last = event_of[row[8]] if row[8] else None
        self.ended = event_of[row[9]] if row[9] else None
        self.version = int(row[10])

    @property
    def told(self):
        return (self.number, self.kind, self.started, self.since, self.until, self.last, self.ended)

    def __repr__(self):
        when = truth.when
        return (f"{self.state} {self.kind} by {self.rule} v{self.version}: clock {when(self.started)}, "
                f"since {when(self.since)}, until {when(self.until)}, found at {when(self.feed)}; last {self.last}, "
                f"ended by {self.ended}")


def found(database, states="'o', 'e'"):
    us = "(extract(epoch FROM {}) * 1000000)::bigint".format
    rows = ("SELECT e.number, e.kind, e.rule, e.state, {}, {}, {}, {}, e.last_fp, e.ended_fp, e.rules_version "
            "FROM rastro.episodes e WHERE e.state IN ({}) AND e.opened_at IS NOT NULL ORDER BY e.episode").format(
                *map(us, ("e.started", "e.since", "e.until", "e.feed_at")), states)
    # Which number of a journey it is of does not matter: by fp source, time and code are the same.
    events = (f"SELECT DISTINCT e.fp, s.name, {us('e.instant')}, e.code FROM rastro.events e "
              "JOIN rastro.sources s USING (source) WHERE e.fp IN "
              "(SELECT last_fp FROM rastro.episodes UNION SELECT ended_fp FROM rastro.episodes)")
    event_of = {fp: (source, int(instant), code) for fp, source, instant, code in database.ask(events)}
    return [Row(row, event_of) for row in database.ask(rows)]


def key_of(event):
    return (event.source, event.instant, event.code) if event else None


def told(number, e):
    return (number, e.kind, e.started, e.since, e.until, key_of(e.last), key_of(e.ended))


# ---- the truth about all ---------------------------------------------------------------------

class Truth:
    """What is true of a world's families at a feed time that only grows."""

    def __init__(self, world, rules):
        self.world, self.rules = world, rules
        self.now = {}  # family -> (good until, episodes told)

    def of(self, i, feed):
        """The episodes of a family's numbers, and until which feed time they stay so."""
        family, all_told, until = self.world.family(i), {}, truth.NEVER
        for number, view in family.views(feed).items():
            episodes, due = truth.episodes(self.rules, view, feed)
            until = min(until, due)
            for e in episodes:
                all_told[told(number, e)] = e.rule
        later = (m.stamp for m in family.messages if m.stamp > feed)
        return min(until, min(later, default=truth.NEVER)), all_told

    def at(self, feed):
        """Of all families."""
        whole = {}
        for i in range(self.world.families):
            known = self.now.get(i)
            if known is None or known[0] <= feed:
                known = self.now[i] = self.of(i, feed)
            whole.update(known[1])
        return whole


def family_of(number):
    """Numbers have their family's number in them, see Family.number."""
    digits = number[3:11] if number.startswith("SIM") else number[2:10]
    return int(digits) // 4


# ---- a run ---------------------------------------------------------------------------------

class Run:
    """One world by one schedule."""

    def __init__(self, world, feed, schedule, folder, schema, rules):
        self.world, self.feed, self.schedule = world, feed, schedule
        self.database = fleets.Database(support.Test.new_database("rastro"))
        self.fleet = fleets.Fleet(folder, schema, feed.path, self.database, rules, f"{world.seed} {schedule}")
        self.chance = self.fleet.chance
        self.truth = Truth(world, truth_rules(schema, rules[0]))
        self.may_lag = worlds.SCANS + (ORDERS,)
        self.now, self.release = START, 0

    def close(self):
        self.fleet.close()
        self.database.close()
        support.postgres.psql(f"DROP DATABASE {self.database.name} WITH (FORCE)", database="postgres")

    # ---- complaints

    def complain(self, what, number, row=None, episode=None):
        family = self.world.family(family_of(number))
        lines = [f"seed {self.world.seed}, {self.schedule}: {what}", f"number {number}, family {family.i} ({family.kind}), "
                 f"{family.origin} to {family.destination}, at {truth.when(self.now)}"]
        lines += [f"  {message}" for message in family.messages]
        lines += ["found:"] + [f"  {r}" for r in found(self.database, "'o', 'e', 'w'") if r.number == number]
        feed = row.feed if row else self.now
        lines.append(f"true at {truth.when(feed)}:")
        view = family.views(feed).get(number)
        if view:
            lines += [f"  {e}" for e in truth.episodes(self.truth.rules, view, feed)[0]]
            lines.append(f"  carrier {view.carrier}, registered {truth.when(view.registered)}, handed from "
                         f"{truth.when(view.handed_from)} to {truth.when(view.handed_to)}")
        lines.append(f"again: {sys.argv[0]} --seed {self.world.seed} --schedule {self.schedule} "
                     f"--families {self.world.families} --days {self.world.days}")
        raise Different("\n".join(lines))

    def compare(self, feed):
        """A and C."""
        true = self.truth.at(feed)
        rows = found(self.database)
        have = {row.told: row for row in rows}
        if len(have) != len(rows):
            raise Different(f"seed {self.world.seed}: the same episode twice")
        for key in sorted(true.keys() - have.keys(), key=str):
            self.complain(f"not found: {key} by {true[key]}", key[0])
        for key in sorted(have.keys() - true.keys(), key=str):
            self.complain(f"not true: {have[key]}", key[0])
        for key, row in have.items():
            if row.rule != true[key]:
                self.complain(f"by another rule than {true[key]}: {row}", key[0])

    def justify(self):
        """B."""
        for row in found(self.database, "'o', 'e', 'w'"):
            if row.version != self.truth.rules.version:
                continue  # was so when it was found, and nothing is found by older rules
            family = self.world.family(family_of(row.number))
            if not self.is_so(row, family.views(row.feed)):
                self.complain(f"a false alarm: {row}", row.number, row)

    def is_so(self, row, views):
        view = views.get(row.number)
        true = truth.episodes(self.truth.rules, view, row.feed)[0] if view else []
        return (row.kind, row.since) in {(e.kind, e.since) for e in true}

    def switch(self):
        """Newer rules count from now on."""
        self.release = 1
        newer = self.fleet.start(1)
        self.database.ask("INSERT INTO rastro.rules_versions (version, key, active_from) VALUES "
                          f"({newer.rules_version}, '{newer.rules_key}', "
                          f"'epoch'::timestamptz + {self.now} * interval '1 us')")
        (self.last_old,), = self.database.ask("SELECT coalesce(max(episode), 0) FROM rastro.episodes")
        self.truth, self.switched = Truth(self.world, truth_rules(self.fleet.schema, self.fleet.rules[1])), self.now

    def compare_releases(self):
        """A, where rules changed: what ended before stays; what is open, or ended since,
        is true by the newer rules, whichever found it."""
        (late,), = self.database.ask("SELECT count(*) FROM rastro.episodes WHERE rules_version = 1 "
                                     f"AND episode > {self.last_old}")
        if late != "0":
            raise Different(f"seed {self.world.seed}: {late} found by older rules behind newer ones")
        have, newer = {}, self.truth.rules.version
        for row in found(self.database):
            if row.version == newer or row.until is None:
                have[self.loosely(row.told, row.version == newer)] = row
        known = {self.loosely(row.told, False) for row in found(self.database)}
        true = self.truth.at(self.now)
        either = {self.loosely(key, since) for key in true for since in (True, False)}
        for key in true:
            recent = key[4] is None or key[4] >= self.switched
            if recent and self.loosely(key, False) not in known:
                self.complain(f"not found: {key} by {true[key]}", key[0])
        for key in have.keys() - either:
            self.complain(f"not true: {have[key]}", key[0])

    @staticmethod
    def loosely(told, since):
        number, kind, started, due, until, last, ended = told
        return number, kind, started, due if since else None, until, last, ended

    def beside(self):
        """E.  What was told of it in between may have made that scan its end."""
        between = ("NOT EXISTS (SELECT FROM rastro.{} x WHERE x.parcel_id = ANY (ARRAY(SELECT rastro.journey(e.parcel_id))) "
                   "AND x.recorded_at > r.recorded_at AND x.recorded_at <= e.gone_at)").format
        told = " AND ".join(map(between, ("events", "event_changes", "shipment_updates", "parcel_links", "parcel_facts")))
        rows = self.database.ask("SELECT e.number, e.episode, e.opened_at, e.gone_at, r.recorded_at FROM rastro.episodes e "
                                 "JOIN rastro.events r ON r.parcel_id = e.parcel_id AND r.fp = e.ended_fp WHERE e.state = 'e' "
                                 f"AND e.revision = 2 AND e.gone_at > greatest(e.opened_at, r.recorded_at) AND {told}")
        if rows and self.schedule != "releases":
            self.complain(f"open beside a scan: {rows[0]}", rows[0][0])

    def outbox(self):
        """What was told of each episode was told once, whoever died on the way."""
        (told, revisions), = self.database.ask("SELECT (SELECT count(*) FROM rastro.outbox WHERE event::json->>'id' LIKE 'episode-%'), (SELECT sum(revision) "
                                               "FROM rastro.episodes WHERE opened_at IS NOT NULL)")
        if told != revisions:
            raise Different(f"seed {self.world.seed}, {self.schedule}: {told} alerts of {revisions} revisions")

    # ---- steps

    def grouping(self, shares):
        """A member's share in batches: of several partitions, or of a few messages."""
        left, batches = dict(shares), []
        while left:
            keys = [key for key in left if self.chance.random() < 0.7] or list(left)
            batch = []
            for key in keys:
                size = self.chance.choice((left[key], left[key], max(1, left[key] // 3)))
                batch.append((key, size))
                left[key] -= size
            batches.append(batch)
            left = {key: n for key, n in left.items() if n}
        return batches

    def advance(self, now, lagging=()):
        """Everything appended up to then is applied, but for partitions that lag."""
        self.now = now
        while True:
            self.own_all()
            wanted = {}
            for topic, number in self.fleet.done:
                behind = self.feed.appended(number, now) - self.fleet.done[topic, number]
                if topic == "scans" and behind > 0 and number not in lagging:
                    wanted[topic, number] = behind
            if not wanted:
                break
            self.fleet.apply(wanted, self.grouping)
        self.fleet.progress({(topic, number): self.feed.complete(number, done, now)
                             for (topic, number), done in self.fleet.done.items()})

    def own_all(self, topic="scans"):
        while orphans := [n for n in range(PARTITIONS) if (topic, n) not in self.fleet.owner]:
            if not self.fleet.members:
                self.fleet.start(self.release)
            self.fleet.claim(self.chance.choice(self.fleet.members), topic, orphans[0])

    def rebalance(self):
        """Some partitions change hands, politely or not."""
        for number in self.chance.sample(range(PARTITIONS), 2):
            if self.chance.random() < 0.5:
                self.fleet.release("scans", number)
            if self.fleet.members:
                self.fleet.claim(self.chance.choice(self.fleet.members), "scans", number)

    def replace(self, kill=None):
        """A member goes, at once and without a word, and another comes."""
        if len(self.fleet.members) > 1:
            self.fleet.buried(self.chance.choice(self.fleet.members))
        self.fleet.start(self.release, kill)

    def read_again(self):
        """D."""
        before = [(r.told, r.state, r.rule) for r in found(self.database, "'o', 'e', 'w'")]
        self.own_all("again")
        left = {("again", n): len(self.feed.at[n]) for n in range(PARTITIONS)}
        self.fleet.apply({key: n for key, n in left.items() if n}, self.grouping)
        self.fleet.progress({("again", n): self.now for n in range(PARTITIONS)})
        self.fleet.rounds()
        after = [(r.told, r.state, r.rule) for r in found(self.database, "'o', 'e', 'w'")]
        if before != after:
            other = sorted(set(before) ^ set(after), key=str)
            self.complain(f"read again, and it differs: {other[:3]}", other[0][0][0] if other else "SIM00000000A")


POINTS = ("after-claim", "after-offsets", "mid-copy", "before-commit", "commit-sent", "reply-read")


def calm(run, every):
    """Nobody lags: at each midnight what is found is what is true."""
    calm_until(run, run.world.end, every)


def calm_until(run, end, every):
    while len(run.fleet.members) < 2:
        run.fleet.start(run.release)
    now = max(run.now, START)
    while now < end:
        run.advance(now)
        run.fleet.rounds()
        if now > START and not (now - START) % every:
            run.compare(now)
        if run.chance.random() < 0.08:
            run.rebalance()
        if run.chance.random() < 0.04:
            run.replace()
        midnight = now - now % DAY + DAY
        now = min(now + int(run.chance.uniform(5, 14) * HOUR), midnight)


def storm(run, _):
    """Partitions lag for hours and days, members die in mid-transaction."""
    for _ in range(3):
        run.fleet.start()
    run.fleet.watcher = run.fleet.member()
    now, lagging = START + 6 * HOUR, {}
    while now < run.world.end:
        lagging = {n: until for n, until in lagging.items() if until > now}
        # What a number's sources are is known from the first day on.
        if now > START + 2 * DAY and run.chance.random() < 0.3:
            lagging[run.chance.choice(run.may_lag)] = now + int(run.chance.uniform(2, 90) * HOUR)
        run.advance(now, lagging)
        # Else what has become due is found while the next batches are written.
        if run.chance.random() < 0.5:
            run.fleet.rounds()
        if run.chance.random() < 0.15:
            run.rebalance()
        if run.chance.random() < 0.1:
            run.replace(kill=f"{run.chance.choice(POINTS)}:{run.chance.randrange(1, 12)}")
        now += int(run.chance.uniform(3, 30) * HOUR)


def releases(run, _):
    """Halfway members with newer rules come, beside those with older ones; those go
    later.  From then on nothing is opened by the older rules."""
    calm_until(run, START + run.world.days // 2 * DAY, run.world.days * DAY)
    run.justify()
    run.switch()
    for _ in range(2):
        run.fleet.start(run.release)
    calm_until(run, run.world.end - 9 * DAY, run.world.days * DAY)
    for member in [m for m in run.fleet.members if m.rules_version == 1]:
        run.fleet.buried(member)


def burst(run, _):
    """Everything at once, one partition behind another."""
    run.fleet.start()


SCHEDULES = {"calm": calm, "storm": storm, "burst": burst, "releases": releases}


# By the seed; of large worlds the first alone.
BY_TURNS = (("releases", "burst"), ("calm",), ("storm",), ("burst", "calm"))


def truth_rules(schema, path):
    return truth.Rules(path, truth.calendars(os.path.join(schema, "calendars.json")))


def simulate(seed, schedule, options, schema, rules):
    statuses = truth.statuses(os.path.join(schema, "status.json"))
    world = worlds.World(seed, options.families, options.days, statuses)
    began = time.monotonic()
    feed = Feed(world, support.folder)
    run = Run(world, feed, schedule, support.folder, schema, rules)
    # The truth knows of no silent feeds; what they hold is tested elsewhere.
    run.database.ask("INSERT INTO rastro.settings (name, value) VALUES ('feed.silent_factor', '1000000')")
    try:
        SCHEDULES[schedule](run, options.check_days * DAY)
        run.advance(world.end)
        run.fleet.rounds()
        if schedule == "releases":
            run.compare_releases()
        else:
            run.compare(world.end)
        run.justify()
        run.outbox()
        run.beside()
        if schedule != "storm":
            run.read_again()
        rows = found(run.database, "'o', 'e', 'w'")
        counts = {state: sum(row.state == state for row in rows) for state in "oew"}
        print(f"seed {seed}, {schedule}: {feed.size} messages of {world.families} families, "
              f"{counts['o']} open, {counts['e']} ended, {counts['w']} withdrawn, {run.fleet.kills} kills, "
              f"{time.monotonic() - began:.1f} s", flush=True)
        return rows
    finally:
        run.close()
        os.unlink(feed.path)


def show(seed, i, options, schema):
    statuses = truth.statuses(os.path.join(schema, "status.json"))
    family = worlds.World(seed, options.families, options.days, statuses).family(i)
    print(*family.messages, sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--families", type=int)
    parser.add_argument("--days", type=int)
    parser.add_argument("--check-days", type=int)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--schedule", choices=SCHEDULES)
    parser.add_argument("--family", type=int)
    options = parser.parse_args()
    options.families = options.families or (160000 if options.large else 250)
    options.days = options.days or (60 if options.large else 45)
    options.check_days = options.check_days or (20 if options.large else 1)
    try:
        support.servers.Postgres.bin("initdb")
    except support.servers.ServerError as e:
        print(f"skipped: {e}")
        return support.SKIPPED
    support.start()
    schema = os.path.join(support.folder, "schema")
    rules = worlds.schema_folder(schema, support.SCHEMA)
    if options.family is not None:
        show(options.seed, options.family, options, schema)
        return 0
    seeds = [options.seed] if options.seed is not None else range(1, options.seeds + 1)
    wrong = 0
    for seed in seeds:
        turn = BY_TURNS[seed % len(BY_TURNS)]
        for schedule in [options.schedule] if options.schedule else turn[:1] if options.large else turn:
            try:
                simulate(seed, schedule, options, schema, rules)
            except (Different, fleets.Dead, AssertionError) as error:
                wrong += 1
                print(error, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
