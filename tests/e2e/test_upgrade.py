#!/usr/bin/env python3
"""Members of two releases: an older profile reads a zone wrongly, a newer one
rightly.  Replays mend what the older read, and the older cannot take it back."""
import json
import os
import shutil

import world

PROFILE = "sources/linketrack.json"
# Two hours off.  The feed's corrections are one hour off, and a scan read wrongly
# that says what another one says rightly shares its row: see src/core/track.c.
WRONG = "America/Rio_Branco"


class Upgrade(world.Case):
    def schema(self, name, version, zone):
        """A copy of schema/ with another reading of one source."""
        folder = os.path.join(self.home, name)
        shutil.copytree(os.path.join(world.ROOT, "schema"), folder)
        path = os.path.join(folder, PROFILE)
        text = world.read(path)
        self.assertIn("America/Sao_Paulo", text)
        profile = json.loads(text.replace("America/Sao_Paulo", zone))
        profile["identity"]["version"] = version
        with open(path, "w") as out:
            json.dump(profile, out, ensure_ascii=False)
        return ["--schema", folder]

    def read_again(self, truth, schema, group):
        self.sql("DELETE FROM rastro.positions")
        self.drain(truth, *schema, group=group)

    def test_a_replay_with_a_mended_profile_heals_and_an_older_member_does_not_undo_it(self):
        old = self.schema("old", 2, WRONG)
        new = self.schema("new", 3, "America/Sao_Paulo")
        truth = self.feed("--sources", "linketrack,rastro", messages=4000)
        self.drain(truth, *old)
        wrong = int(self.value("SELECT count(*) FROM rastro.events e JOIN rastro.sources s ON s.source = e.source "
                               "WHERE s.name = 'linketrack' AND zone_basis = 'r' AND offset_minutes = -300"))
        self.assertGreater(wrong, 100)
        self.read_again(truth, new, "new")
        self.read_again(truth, new, "new again")
        self.judge(truth, rereadings=True, repeated=True)
        self.read_again(truth, old, "old again")
        self.judge(truth, rereadings=True, repeated=True)

    def test_rolling_upgrade_under_load_and_a_replay(self):
        old = self.schema("old", 2, WRONG)
        new = self.schema("new", 3, "America/Sao_Paulo")
        truth = self.feed("--sources", "linketrack,rastro", messages=8000)
        small = ["--batch-rows", "200"]
        first = [self.member(name, truth, *old, *small) for name in ("a", "b")]
        for share, member in zip((0.2, 0.5), first):
            self.wait_applied(truth, share)
            self.member(f"{member.name}-new", truth, *new, *small)
            self.assertEqual(member.terminate(), 0, member.tail())
        self.wait_applied(truth)
        self.end_members()
        # The first replay still compares some histories with an order that the
        # older release read; behind it all orders are of one reading.
        self.read_again(truth, new, "replay")
        self.read_again(truth, new, "second replay")
        self.judge(truth, rereadings=True, repeated=True)


if __name__ == "__main__":
    world.run()
