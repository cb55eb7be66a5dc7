#!/usr/bin/env python3
"""Loads that a plan made for the usual one does not fit.  Throughput may fall,
correctness not: the judge finds no difference."""
import datetime
import os
import threading
import time

import world
from proxy import Proxy
from world import wait_for

BEGAN = datetime.datetime(2026, 10, 1, tzinfo=datetime.timezone.utc)
SOURCE, STEPS = "rastro/pressure", (("DEP", "departed", "Left"), ("ARR", "arrived", "Arrived at"))


def s10(n):
    """A number with a valid check digit."""
    digits = f"{n:08d}"
    check = 11 - sum(int(d) * w for d, w in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7))) % 11
    return f"RP{digits}{ {10: 0, 11: 5}.get(check, check) }CN"


class SlowProxy(Proxy):
    """Each connection carries so many bytes a second, and stands still at times."""

    def __init__(self, target, rate, stand_still):
        super().__init__(target)
        self.rate, self.stand_still = rate, stand_still

    def _pump(self, client, server, plan):
        def carry(a, b):
            try:
                while data := a.recv(16384):
                    time.sleep(len(data) / self.rate + self.stand_still())
                    b.sendall(data)
            except OSError:
                pass
            self._end((client, server))
        other = threading.Thread(target=carry, args=(server, client), daemon=True)
        other.start()
        carry(client, server)
        other.join()


class Pressure(world.Case):
    def made_up(self, parcels, events, partitions=4, again=10):
        """Parcels of that many scans, a minute apart, told in turn; some scans come
        again.  Returns the truth and the file to publish."""
        topic = f"{self.tag}-scans"
        folder, path = os.path.join(self.home, "truth"), os.path.join(self.home, "feed")
        os.makedirs(folder)
        names = [s10(n + 1) for n in range(parcels)]
        out = {name: open(os.path.join(folder, f"{name}.tsv"), "w") for name in (
            "events", "wordings", "twins", "parcels", "links", "orders", "quarantined_messages",
            "quarantined_events", "positions")}
        offsets = [0] * partitions
        with open(path, "w") as feed:
            feed.write(f"rastro-feed 1\t{topic}:{partitions}\n")

            def tell(parcel, event):
                code, detail, text = STEPS[event % 2]
                # One parcel's scans are spread as from a producer without keys.
                partition = (parcel if parcels > 1 else event) % partitions
                at = BEGAN + datetime.timedelta(seconds=20 * event + parcel % 20)
                offsets[partition] += 1
                # Told at times: the source's view of the parcel then changes with its events.
                facts = '"destination":"BR",' if event % 10 == 3 else ""
                feed.write(f'{topic}\t{partition}\t{int(at.timestamp() * 1000) + 30000}\t{names[parcel]}\t'
                           f'{{"rastro":"event/1","feed":"pressure","number":"{names[parcel]}",{facts}"event":'
                           f'{{"code":"{code}","status":"transit.{detail}","text":"{text} hall {event % 7}",'
                           f'"time":"{at:%Y-%m-%dT%H:%M:%SZ}"}}}}\n')
                return at, code, detail, f"{text} hall {event % 7}"
            number = 0
            for event in range(events):
                for parcel in range(parcels):
                    at, code, detail, text = tell(parcel, event)
                    number += 1
                    out["events"].write(
                        f"{number}\t\t{names[parcel]}\t\t{SOURCE}\t{at:%Y-%m-%d %H:%M:%S}+00\ts\ttransit\t{detail}\t\\N\t"
                        f"current\t{event + 1}\ts\tg\t0\t{code}\t{text}\t{at:%Y-%m-%dT%H:%M:%SZ}\t\\N\t\\N\t\\N\t\\N\t\\N\t{{}}\n")
                    if self.random.randrange(100) < again:
                        tell(self.random.randrange(parcel + 1), self.random.randrange(event + 1))
        for name in names:
            out["parcels"].write(f"\t{name}\t\tok\ttransit\t{STEPS[(events - 1) % 2][1]}\n")
        out["positions"].writelines(f"{topic}\t{partition}\t{n}\n" for partition, n in enumerate(offsets))
        for file in out.values():
            file.close()
        self.admin("create", topic, partitions)
        self.publish(path)
        return world.Truth(folder)

    def timed(self, truth, **kwargs):
        wait_for("the first batch", lambda: self.applied(truth) > 0, 60)
        began, before = time.monotonic(), self.applied(truth)
        self.wait_applied(truth, **kwargs)
        took, n = time.monotonic() - began, truth.messages - before
        print(f"    {n:,} messages in {took:.1f} s, {n / took:,.0f} a second", flush=True)

    def run_two(self, truth, *arguments):
        for name in ("a", "b"):
            self.member(name, truth, *arguments)
        self.timed(truth)
        self.end_members()

    def test_one_parcel_of_many_events(self):
        truth = self.made_up(1, 100000 if world.LONG else 3000)
        self.run_two(truth)
        self.judge(truth)

    def test_many_parcels_of_one_event(self):
        truth = self.made_up(1000000 if world.LONG else 20000, 1)
        self.run_two(truth)
        self.judge(truth)

    def test_a_fifth_of_the_parcels_told_by_two_processes(self):
        truth, first, more = self.feed_on_more_topics(share=20, messages=200000 if world.LONG else 6000)
        for name, topics in (("a", first), ("b", more)):
            self.member(name, truth, "--batch-rows", "200", "-X", "max.partition.fetch.bytes=16384", topics=topics, group=f"{self.tag}-{name}")
        self.timed(truth)
        self.end_members()
        self.judge(truth, repeated=True)

    def test_connections_that_carry_little_and_stand_still(self):
        truth = self.feed(messages=20000 if world.LONG else 2500)
        still, until = [], [0.0]

        def stand_still():
            # At times longer than others wait for a lock.
            if until is None or self.random.random() > 0.003:
                return 0
            still.append(self.random.choice((1, 2, 6)))
            until[0] = max(until[0], time.monotonic() + still[-1])
            return still[-1]
        proxy = SlowProxy(self.pg.port, 256 << 10, stand_still)
        self.addCleanup(proxy.close)
        self.pg_port = proxy.port
        for name in ("a", "b"):
            self.member(name, truth, "--batch-rows", "300")
        self.timed(truth)
        # Who is asked to end leaves without a server that stands still for longer than it waits.
        last, until = until[0], None
        wait_for("connections to carry on", lambda: time.monotonic() > last, 10)
        self.end_members()
        print(f"    stood still {len(still)} times, {sum(still)} s in all")
        self.judge(truth)

    def test_a_session_that_holds_locks_for_long(self):
        truth = self.feed(messages=40000 if world.LONG else 6000)
        lock = ("BEGIN; SELECT count(*) FROM (SELECT FROM rastro.{0} ORDER BY random() LIMIT 100 FOR UPDATE) l;"
                "SELECT pg_sleep(7); COMMIT")
        for name in ("a", "b"):
            self.member(name, truth, "--batch-rows", "300")
        began = time.monotonic()
        for table in ("parcels", "source_views") * (4 if world.LONG else 1):
            self.wait_applied(truth, min(0.9, self.applied(truth) / truth.messages + 0.1))
            self.sql(lock.format(table))
        self.wait_applied(truth)
        print(f"    {truth.messages:,} messages in {time.monotonic() - began:.1f} s")
        self.end_members()
        waited = sum(member.text().count("lock timeout") for member in self.members)
        print(f"    {waited} waits for a lock ended")
        self.judge(truth)


if __name__ == "__main__":
    world.run()
