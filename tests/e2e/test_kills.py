#!/usr/bin/env python3
"""Members that are killed or stopped at the worst moments."""
import signal

import world
from world import wait_for

# Where a batch can be killed; see include/rastro/fault.h.
POINTS = ["after-claim", "after-offsets", "mid-copy", "before-commit", "commit-sent", "reply-read"]
SMALL = ["--batch-rows", "150"]


class Kills(world.Case):
    def test_each_named_kill_point(self):
        truth = self.feed_of(8000)
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
        truth = self.feed_of(12000)
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
        truth = self.feed_of(6000)
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


if __name__ == "__main__":
    world.run()
