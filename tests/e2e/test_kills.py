#!/usr/bin/env python3
"""Members that are killed or stopped at the worst moments."""
import signal
import unittest

import world
from world import wait_for

# Where a batch can be killed; see include/rastro/fault.h.
POINTS = ["after-claim", "after-offsets", "mid-copy", "before-commit", "commit-sent", "reply-read"]
SMALL = ["--batch-rows", "150"]


class Kills(world.Case):
    def test_each_named_kill_point(self):
        truth = self.feed(messages=40000 if world.LONG else 8000)
        deaths = []
        for point in POINTS:
            # The first passing of a claim, a later one of a batch.
            nth = 1 if point == "after-claim" else self.random.randint(1, 4)
            member = self.member(point, truth, *SMALL, RASTRO_KILL=f"{point}:{nth}")
            self.assertEqual(member.wait(60), -signal.SIGKILL, member.tail())
            deaths.append(f"{point}:{nth}")
        self.drain(truth)
        print(f"    killed at {' '.join(deaths)}")
        self.judge(truth)

    def test_killed_while_a_partition_is_let_go(self):
        truth = self.feed(messages=6000)
        first = self.member("first", truth, *SMALL, RASTRO_KILL="in-revoke")
        self.wait_applied(truth, 0.1)
        # A second member takes half of the partitions away.
        self.member("second", truth, *SMALL)
        self.assertEqual(first.wait(60), -signal.SIGKILL, first.tail())
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_killed_at_random_points_of_many_batches(self):
        truth = self.feed(messages=6000)
        deaths = 0
        while deaths < 12:
            seed = self.random.randrange(1, 1 << 30)
            member = self.member("random", truth, *SMALL, "--until-end", RASTRO_KILL=f"*:12:{seed}")
            code = member.wait(120)
            if code == 0:
                break
            self.assertEqual(code, -signal.SIGKILL, member.tail())
            deaths += 1
        self.drain(truth)
        print(f"    {deaths} deaths")
        self.assertGreater(deaths, 2)
        self.judge(truth)

    def test_killed_at_seeded_moments_beside_a_second_member(self):
        truth = self.feed(messages=40000 if world.LONG else 12000)
        moments = sorted(self.random.uniform(0.02, 0.85) for _ in range(20 if world.LONG else 5))
        self.member("steady", truth, *SMALL, workers=1)
        for number, share in enumerate(moments):
            victim = self.member(f"victim{number}", truth, *SMALL)
            self.wait_applied(truth, share)
            victim.kill()
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)


class Stops(world.Case):
    """SIGSTOP longer than the group waits: the others go on, and whoever wakes
    up finds that it is no longer the owner."""

    def stopped_at(self, point, nth):
        truth = self.feed(messages=6000)
        poll = ["-X", "max.poll.interval.ms=3000"]
        sleeper = self.member("sleeper", truth, *SMALL, *poll, RASTRO_STOP=f"{point}:{nth}")
        wait_for(f"sleep at {point}", lambda: sleeper.code is not None or sleeper.stopped(), 60)
        self.assertIsNone(sleeper.code, sleeper.tail())
        # Another one gets everything done, also what the sleeper holds open.
        other = self.member("other", truth, *SMALL, *poll)
        self.wait_applied(truth)
        if point in ("mid-copy", "before-commit"):
            self.assertRegex(other.text(), "ending the previous owner's session|members that hang")
        before = len(sleeper.text())
        sleeper.signal(signal.SIGCONT)
        wait_for("word from the woken", lambda: len(sleeper.text()) > before, 60)
        self.end_members()
        self.judge(truth)

    def test_stopped_inside_copy_past_its_poll_interval_and_woken(self):
        self.stopped_at("mid-copy", 3)

    def test_stopped_between_copy_and_commit_and_woken(self):
        self.stopped_at("before-commit", 3)

    def test_stopped_with_commit_sent_and_woken(self):
        self.stopped_at("commit-sent", 3)

    def test_stopped_after_its_claim_and_woken(self):
        self.stopped_at("after-claim", 2)

    def test_two_groups_on_the_same_partitions(self):
        truth = self.feed(messages=5000)
        for group in ("one", "two"):
            self.member(group, truth, *SMALL, group=f"{self.tag}-{group}")
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)


@unittest.skipUnless(world.LONG, "takes long: RASTRO_TEST_LONG=1")
class Million(world.Case):
    """1 M messages, 2 topics of 6 partitions, 2 processes of 2 workers."""

    def publish(self):
        return self.feed(topics="scans:6,posts:6", messages=1000000)

    def test_a_million_messages(self):
        truth = self.publish()
        for name in ("a", "b"):
            self.member(name, truth)
        self.wait_applied(truth, seconds=3000)
        self.end_members()
        self.judge(truth)

    def test_a_million_messages_with_20_seeded_kills_and_each_kill_point(self):
        truth = self.publish()
        moments = sorted(self.random.uniform(0.01, 0.9) for _ in range(20))
        points = [*POINTS, "in-revoke"]
        self.random.shuffle(points)
        members = {name: self.member(name, truth) for name in ("a", "b")}
        killed_at = set()
        for share in moments:
            self.wait_applied(truth, share, seconds=3000)
            name = self.random.choice("ab")
            members[name].kill()
            # The next one dies by itself, at a named point, until all have been.
            env = {}
            if points:
                nth = 1 if points[0] in ("after-claim", "in-revoke") else self.random.randint(1, 20)
                env["RASTRO_KILL"] = f"{points[0]}:{nth}"
            members[name] = self.member(f"{name}-{share:.3f}", truth, **env)
            if not points:
                continue
            point = points.pop(0)
            if point == "in-revoke":
                # A third member takes some of its partitions away.
                wait_for("partitions", lambda: members[name].text().count(", term ") >= 4, 60)
                self.member(f"third-{share:.3f}", truth)
            self.assertEqual(members[name].wait(120), -signal.SIGKILL, members[name].tail())
            killed_at.add(point)
            members[name] = self.member(f"{name}-after-{point}", truth)
        self.assertEqual(len(killed_at), 7)
        self.wait_applied(truth, seconds=3000)
        self.end_members()
        self.judge(truth)


if __name__ == "__main__":
    world.run()
