#!/usr/bin/env python3
"""Kafka's own surprises: rebalances, retention, topics made again, partitions
added, aborted transactions, a broker that goes away."""
import os
import signal
import subprocess
import time

import world
from world import wait_for

SMALL = ["--batch-rows", "200"]


class Groups(world.Case):
    def test_rebalance_storm(self):
        truth = self.feed(messages=20000)
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        for number in range(12 if world.LONG else 5):
            restless = self.member(f"restless{number}", truth, *SMALL)
            time.sleep(2)  # the storm's beat, not a wait for something
            if number % 2:
                restless.kill()
            else:
                self.assertEqual(restless.terminate(), 0, restless.tail())
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_a_member_that_is_asked_to_end_while_it_joins_ends_well(self):
        truth = self.feed(messages=200)
        self.member("a", truth)
        self.wait_applied(truth)
        for number in range(12):
            joining = self.member(f"joining{number}", truth)
            time.sleep(0.1 + 0.06 * number)  # another moment of joining each time
            # Before it handles signals, the signal itself ends it.
            self.assertIn(joining.terminate(), (0, -signal.SIGTERM), joining.tail())
        self.end_members()

    def test_static_members_that_restart_keep_their_partitions(self):
        truth = self.feed(messages=12000)
        self.member("a", truth, *SMALL, "--instance", "a")
        for share in (0.2, 0.5, 0.8):
            b = self.member("b", truth, *SMALL, "--instance", "b")
            self.wait_applied(truth, share)
            b.kill()
        self.member("b", truth, *SMALL, "--instance", "b")
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_partitions_that_a_static_member_dropped_and_nobody_took_find_an_owner(self):
        truth = self.feed(messages=12000)
        patient = [*SMALL, "-X", "session.timeout.ms=10000"]
        b = self.member("b", truth, *patient, "--instance", "b", RASTRO_KILL="in-revoke")
        self.wait_applied(truth, 0.1)
        # It dies between giving partitions up and joining again, and is back before it is missed.
        self.member("a", truth, *patient, "--instance", "a")
        self.assertEqual(b.wait(60), -signal.SIGKILL, b.tail())
        self.member("b", truth, *patient, "--instance", "b")
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_broker_goes_away_and_comes_back(self):
        truth = self.feed(messages=12000)
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        self.wait_applied(truth, 0.2)
        os.kill(self.kafka.pid, signal.SIGKILL)
        wait_for("the broker's end", lambda: not self.kafka.running())
        self.kafka.start()
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)


class Logs(world.Case):
    def test_retention_passed_us_by_halts_the_partition_and_says_how_many_are_lost(self):
        truth = self.feed(topics="scans:3", messages=3000)
        topic = truth.topics[0]
        self.drain(truth)
        end = truth.positions[topic, 1]
        self.sql("UPDATE rastro.positions SET next = 10, last_offset = 9 WHERE partition = 1")
        self.admin("delete-records", topic, 1, 25)
        ended = self.drain(truth, codes=(65,))
        self.assertIn(f"{topic}/1: offset 10 is gone, log starts at 25: 15 messages lost", ended.text())
        shown = self.rastro("offsets", "show").stdout
        self.assertIn("15 messages lost", shown)
        # Again: it stays halted until somebody decides.
        self.drain(truth, codes=(65,))
        self.rastro("offsets", "accept-gap", f"{topic}/1", "--reason", "retention was too short")
        self.drain(truth)
        self.assertEqual(self.value("SELECT next FROM rastro.positions WHERE partition = 1"), str(end))
        gaps = self.sql("SELECT from_offset, to_offset, reason FROM rastro.gaps")
        self.assertEqual([gap[:2] for gap in gaps], [["10", "25"]])
        self.assertIn("retention was too short", gaps[0][2])

    def halted_and_read_from_the_start(self, truth, said):
        ended = self.drain(truth, codes=(65,))
        self.assertIn(said, ended.text())
        for _, partition in truth.positions:
            if self.value(f"SELECT halted IS NOT NULL FROM rastro.positions WHERE partition = {partition}") == "t":
                self.rastro("offsets", "accept-gap", f"{truth.topics[0]}/{partition}", "--reason", "made again")

    def test_a_topic_made_again_and_shorter_is_not_skipped(self):
        truth = self.feed(topics="scans:2", messages=2000)
        self.drain(truth)
        self.admin("delete", truth.topics[0])
        again = self.feed(topics="scans:2", messages=300)
        self.halted_and_read_from_the_start(again, "lies beyond the log's end")

    def test_a_topic_made_again_and_longer_is_found_by_its_last_record(self):
        truth = self.feed(topics="scans:2", messages=300)
        self.drain(truth)
        self.admin("delete", truth.topics[0])
        again = self.feed(topics="scans:2", messages=2000)
        self.halted_and_read_from_the_start(again, "the topic was made again")

    def test_partitions_added_in_mid_run(self):
        truth = self.feed("--out", os.path.join(self.home, "feed"), topics="scans:6", messages=8000, publish=False)
        topic = truth.topics[0]
        first, second = self.moving(truth, 4)
        self.admin("create", topic, 4)
        self.publish(first)
        for name in ("a", "b"):
            self.member(name, truth, *SMALL)
        wait_for("half of it", lambda: self.applied(truth) > 1000, 60)
        self.admin("grow", topic, 6)
        self.publish(second)
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def moving(self, truth, few):
        """The feed's file in two halves, the first with few partitions, so that
        keys move; and the truth's positions and quarantine to match."""
        lines = world.read_bytes(os.path.join(self.home, "feed")).split(b"\n")
        head, lines = lines[0], [line for line in lines[1:] if line]
        half = len(lines) // 2
        offsets, was, moved, halves = {}, {}, {}, ([], [])
        for number, line in enumerate(lines):
            topic, partition, rest = line.split(b"\t", 2)
            old = int(partition)
            new = old % few if number < half else old
            moved[old, was.get(old, 0)] = (new, offsets.get(new, 0))
            was[old] = was.get(old, 0) + 1
            offsets[new] = offsets.get(new, 0) + 1
            halves[number >= half].append(b"%s\t%d\t%s" % (topic, new, rest))
        paths = []
        for number, part in enumerate(halves):
            paths.append(os.path.join(self.home, f"feed{number}"))
            with open(paths[-1], "wb") as out:
                out.write(b"\n".join([head, *part]) + b"\n")
        name = truth.topics[0]
        with open(os.path.join(truth.folder, "positions.tsv"), "w") as out:
            out.writelines(f"{name}\t{partition}\t{n}\n" for partition, n in offsets.items())
        path = os.path.join(truth.folder, "quarantined_messages.tsv")
        rows = [line.split("\t") for line in world.read(path).splitlines()]
        with open(path, "w") as out:
            for topic, partition, offset, why in rows:
                partition, offset = moved[int(partition), int(offset)]
                out.write(f"{topic}\t{partition}\t{offset}\t{why}\n")
        return paths

    def test_aborted_transactions_leave_no_trace_and_no_gap(self):
        topic = f"{self.tag}-scans"
        self.admin("create", topic, 3)
        committed, lines = set(), []
        for number in range(300):
            word = "abort" if self.random.random() < 0.3 else "commit"
            for event in range(self.random.randint(1, 4)):
                code = f"{word}-{number}-{event}"
                value = ('{"rastro":"event/1","number":"RB123456785CN","event":'
                         '{"time":"2026-11-01T10:00:00+08:00","code":"%s"}}' % code)
                lines.append(f"{word}\t{self.random.randrange(3)}\tk\t{value}\n")
                committed |= {code} if word == "commit" else set()
        # The log ends with an abort, behind which nothing is delivered.
        lines.append('abort\t0\tk\t{"never":"seen"}\n')
        self.admin("transact", topic, input="".join(lines))
        command = ["ingest", "--topic", topic, "--group", self.tag, "--until-end"]
        self.rastro(*command, user="rastro_writer")
        stored = {row[0] for row in self.sql("SELECT code FROM rastro.events")}
        self.assertEqual(stored, committed)
        self.assertEqual(self.value("SELECT count(*) FROM rastro.quarantined_messages"), "0")
        # At the very end: more offsets than messages.
        applied = int(self.value("SELECT sum(next) FROM rastro.positions"))
        self.assertGreater(applied, len(lines))
        again = self.rastro(*command, user="rastro_writer")
        self.assertNotIn("gone", again.stderr)

    def test_a_transaction_that_is_still_open_holds_its_partition_back(self):
        topic = f"{self.tag}-scans"
        self.admin("create", topic, 2)
        self.member("a", None, topics=[topic])
        now = "SELECT clock_timestamp()"
        complete = "SELECT count(*) FROM rastro.progress WHERE partition = {} AND complete_to > '{}'"
        both = self.value(now)
        for partition in (0, 1):
            wait_for("idle ones are complete", lambda p=partition: self.value(complete.format(p, both)) == "1")
        writer = subprocess.Popen([world.ADMIN, self.kafka.brokers, "transact", topic], stdin=subprocess.PIPE,
                                  text=True)
        self.addCleanup(writer.kill)
        writer.stdin.write('commit\t0\tk\t{"rastro":"event/1","number":"RB123456785CN","event":'
                           '{"time":"2026-11-01T10:00:00Z","code":"A"}}\n')
        writer.stdin.flush()
        time.sleep(2)  # it is in the log, and nobody may read it
        written = self.value(now)
        wait_for("the other goes on", lambda: self.value(complete.format(1, written)) == "1")
        time.sleep(3)
        self.assertEqual(self.value(complete.format(0, written)), "0", "it waits for the message")
        writer.stdin.close()
        self.assertEqual(writer.wait(30), 0)
        ended = self.value(now)
        wait_for("it goes on", lambda: self.value(complete.format(0, ended)) == "1")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.events"), "1")
        self.end_members()


if __name__ == "__main__":
    world.run()
