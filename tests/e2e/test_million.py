#!/usr/bin/env python3
"""The long form: as many messages as a small operator has in a day, and members
that die all the time."""
import signal
import unittest

import world
from test_kills import POINTS
from world import wait_for


@unittest.skipUnless(world.LONG, "takes long: RASTRO_TEST_LONG=1")
class Million(world.Case):
    """1 M messages, 2 topics of 6 partitions, 2 processes of 2 workers."""

    def publish(self):
        return self.feed(topics="scans:6,posts:6", messages=1000000)

    def test_a_million_messages(self):
        truth = self.publish()
        for name in ("a", "b"):
            self.member(name, truth)
        self.wait_applied(truth)
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
            self.wait_applied(truth, share)
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
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)


if __name__ == "__main__":
    world.run()
