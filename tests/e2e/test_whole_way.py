#!/usr/bin/env python3
"""From topics to timelines, when nothing breaks."""
import world


class WholeWay(world.Case):
    def test_two_members_tell_the_truth(self):
        truth = self.feed(messages=6000)
        for name in ("a", "b"):
            self.member(name, truth)
        self.wait_applied(truth)
        self.end_members()
        self.judge(truth)

    def test_each_topic_of_its_own_kind(self):
        truth = self.feed(topics="orders:1,scans:6,posts:6", messages=4000)
        self.drain(truth)
        self.judge(truth)

    def test_a_second_group_that_reads_all_again_changes_nothing(self):
        truth = self.feed(messages=3000)
        self.drain(truth)
        before = self.value("SELECT count(*) FROM rastro.event_changes")
        self.sql("DELETE FROM rastro.positions")
        self.drain(truth, group="again")
        self.assertEqual(self.value("SELECT count(*) FROM rastro.event_changes"), before)
        self.judge(truth, repeated=True)

    def test_all_histories_at_once_on_one_partition(self):
        truth = self.feed("--kind", "history", "--sources", "17track,aftership,cainiao,correios,linketrack,usps",
                          topics="scans:1", messages=3000)
        self.drain(truth, "--batch-rows", "200")
        self.judge(truth)

    def test_one_event_messages_in_batches_of_one(self):
        truth = self.feed("--kind", "one-event", topics="scans:2", messages=400)
        self.drain(truth, "--batch-rows", "1")
        self.judge(truth)


if __name__ == "__main__":
    world.run()
