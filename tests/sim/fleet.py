"""Members of a fleet, as processes that are told what to do, and their database."""
import os
import random
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import support  # noqa: E402

DRIVER = os.path.join(support.BUILD, "tests/sim/rastro-sim-driver")
TOPICS = ("scans", "again")


class Dead(Exception):
    """The member was killed while it was asked."""


class Database:
    """A session that stays, since a process for each question would take longer."""

    def __init__(self, name):
        self.name = name
        env = support.environment(support.OWNER, name)
        self.process = subprocess.Popen(["psql", "-XqAt", "-F", "\x1f", "-v", "ON_ERROR_STOP=1"], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self, sql):
        self.process.stdin.write(sql + ";\n\\echo \x1e\n")
        self.process.stdin.flush()
        rows = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == "\x1e":
                return rows
            rows.append(line.split("\x1f"))
        raise AssertionError(f"psql: {self.process.stderr.read()}\n{sql[:400]}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class Member:
    """One process.  What it is asked and answers is one line each."""

    def __init__(self, fleet, name, rules, path, kill=None):
        self.name, self.owned = name, set()
        self.log = open(os.path.join(fleet.folder, f"member-{name}.log"), "w+b")
        env = support.environment(support.WRITER, fleet.database.name, {"RASTRO_KILL": kill})
        self.process = subprocess.Popen([DRIVER, fleet.schema, rules, fleet.feed, name, path], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        said = self.answer().split()
        self.rules_version, self.rules_key = int(said[1]), said[2]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise Dead(self.said())
        return line.rstrip("\n")

    def tell(self, command):
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Dead(self.said()) from None

    def ask(self, command):
        self.tell(command)
        return self.answer()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def kill(self):
        self.process.kill()
        self.end()

    def close(self):
        self.process.stdin.close()
        self.end()
        if self.process.returncode not in (0, -9):
            raise AssertionError(f"member {self.name} ended with {self.process.returncode}:\n{self.said()}")

    def end(self):
        self.process.wait()
        self.process.stdout.close()
        support.check_reports(self.said())
        self.log.close()


class Fleet:
    """Members over the partitions of a feed, of which this class alone knows how far
    they are.  Nothing but the truth is told about progress: everything that bears an
    earlier time is applied."""

    def __init__(self, folder, schema, feed, database, rules, seed, topics=TOPICS):
        self.folder, self.schema, self.feed, self.database = folder, schema, feed, database
        self.rules, self.chance, self.topics = rules, random.Random(f"{seed} fleet"), topics
        self.members, self.number = [], 0
        self.watcher = None  # where there is one, it alone detects, also while others apply
        self.failed = None  # what went wrong in a thread
        self.owner = {}  # (topic, partition) -> member
        self.done = {}  # -> how many messages PostgreSQL has
        self.kills = 0

    def member(self, rules=0, kill=None):
        self.number += 1
        path = self.chance.choice(("memory", "memory", "safe"))
        return Member(self, f"m{self.number}", self.rules[rules], path, kill)

    def start(self, rules=0, kill=None):
        self.members.append(self.member(rules, kill))
        return self.members[-1]

    def claim(self, member, topic, number):
        before = self.owner.pop((topic, number), None)
        if before:
            before.owned.discard((topic, number))
        try:
            said = member.ask(f"claim {topic} {number}")
        except Dead:
            self.buried(member)  # whether it had claimed or not
            return
        if not said.startswith("ok "):
            raise AssertionError(f"claim: {said}\n{member.said()}")
        self.owner[topic, number] = member
        member.owned.add((topic, number))
        self.done[topic, number] = int(said.split()[1])

    def release(self, topic, number):
        member = self.owner.pop((topic, number), None)
        if member:
            member.owned.discard((topic, number))
            try:
                member.ask(f"release {topic} {number}")
            except Dead:
                self.buried(member)

    def buried(self, member):
        """Its partitions are without an owner."""
        member.process.kill()
        member.end()
        self.kills += 1
        if member is self.watcher:
            self.watcher = self.member()
            return
        self.members.remove(member)
        for key in member.owned:
            self.owner.pop(key, None)

    def close(self):
        for member in self.members + [self.watcher] * bool(self.watcher):
            member.close()
        self.members, self.watcher = [], None

    # ---- work

    def apply(self, wanted, grouping):
        """`wanted`: (topic, partition) -> how many more.  Members work at one time;
        `grouping` cuts a member's share into batches."""
        threads, dead, done = [], [], threading.Event()
        watching = threading.Thread(target=self.watch, args=(done, dead)) if self.watcher else None
        for member in list(self.members):
            batches = grouping([(key, wanted[key]) for key in sorted(member.owned) if wanted.get(key)])
            if batches:
                threads.append(threading.Thread(target=self.work, args=(member, batches, dead)))
        if watching:
            watching.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        if watching:
            watching.join()
        if self.failed:
            raise AssertionError(self.failed)
        for member in dead:
            self.buried(member)

    def work(self, member, batches, dead):
        try:
            for batch in batches:
                text = " ".join(f"{topic} {number} {count}" for (topic, number), count in batch)
                said = member.ask(f"apply {text}")
                if said != "ok":
                    raise AssertionError(f"apply: {said}")
            if (said := member.ask("finish")) != "ok":
                raise AssertionError(f"finish: {said}")
            for batch in batches:
                for key, count in batch:
                    self.done[key] += count
        except Dead:
            dead.append(member)
        except AssertionError as error:
            self.failed = f"{error}\n{member.said()}"

    def watch(self, done, dead):
        """Rounds while batches are written; at times the watcher dies in one."""
        dies = self.chance.random() < 0.1
        try:
            while not done.is_set():
                self.watcher.tell("round")
                if dies and self.chance.random() < 0.2:
                    self.watcher.process.kill()
                if not (said := self.watcher.answer()).startswith("ok"):
                    self.failed = f"round: {said}\n{self.watcher.said()}"
                    return
        except Dead:
            dead.append(self.watcher)

    def rounds(self):
        """Until the detector that leads has nothing left to do."""
        while True:
            leads = False
            for member in [self.watcher] if self.watcher else list(self.members):
                try:
                    said = member.ask("round")
                    while "leads=1" in said and ("more=1" in said or "waits=1" in said):
                        said = member.ask("round")
                except Dead:
                    self.buried(member)
                    continue
                if not said.startswith("ok"):
                    raise AssertionError(f"round: {said}\n{member.said()}")
                leads |= "leads=1" in said
            if leads:
                return

    def progress(self, complete):
        rows = ", ".join(f"('sim', '{topic}', {number}, 'epoch'::timestamptz + {us} * interval '1 us', now())"
                         for (topic, number), us in complete.items())
        self.database.ask("INSERT INTO rastro.progress AS g (cluster, topic, partition, complete_to, told_at) "
                          f"VALUES {rows} ON CONFLICT (cluster, topic, partition) DO UPDATE "
                          "SET complete_to = greatest(g.complete_to, excluded.complete_to), told_at = now()")
