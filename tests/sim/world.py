"""A simulated world: families of numbers that belong together, what is told of
them, when and where, and what somebody knows of them who has read some of it.

A family is made from the seed and its number alone.

Kafka's time lies within minutes of when a message is appended, not in order within
a partition, and on the same day; so at each midnight all that was appended and all
that bears an earlier time is the same.
"""
import datetime
import json
import os
import random
import shutil

import truth
from truth import DAY, Event, Update, View, US

MINUTE, HOUR = 60 * US, 3600 * US
START = int(datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc).timestamp()) * US
FUTURE = 15 * MINUTE
SCANS, ORDERS, IDLE, PARTITIONS = (0, 1, 2, 3), 4, 5, 6
FEEDS = ("correios", "china-post", "usps")
UNTRACKED = "sim-post"  # which tells nothing itself
# Where sources tell, so that they are complete to different times when one lags.
TOLD_ON = {"correios": SCANS, "china-post": SCANS[:2], "usps": SCANS[2:], "sim-post": SCANS[2:], "sim": SCANS[1:3]}

PLACES = {
    "BR": ("São Paulo", "SAO PAULO", "Curitiba", "Fortaleza", "Recife"),
    "CN": ("Shenzhen", "Guangzhou", "Shanghai"),
    "US": ("Chicago", "Newark", "Miami"),
    "DE": ("Köln", "Leipzig"),
    "PL": ("Łódź", "Warszawa"),
}
LANES = (("BR", "BR"), ("CN", "BR"), ("CN", "BR"), ("CN", "US"), ("US", "US"), ("CN", "PL"), ("DE", "DE"))

PROFILE = {
    "source": "sim", "title": "The simulator's: a whole history, newest by its own time",
    "identity": {
        "version": 1,
        "shapes": [{"name": "history", "when": [{"at": "$.kind", "is": "sim/history"}], "history": "full",
                    "parcel": "$", "event": "@.scans[*]"}],
        "parcel": {"number": "@.number", "carrier": "correios", "updated": {"at": "@.updated", "as": "iso"}},
        "event": {"code": "@.code", "identity": "code", "time": {"at": "@.time", "as": "iso"},
                  "place": {"country": "@.country", "city": "@.city"}},
        "status": {"code": "@.state"},
    },
    "meaning": {
        "version": 1, "canonical": "@.status", "synthetic": ["SYN"], "planned": {"at": "@.planned", "is": "true"},
        "statuses": {"Expired": "unknown.source_expired", "Delayed": "exception.delayed"},
        "facts": {"origin": {"country": "@.origin"}, "destination": {"country": "@.destination"},
                  "service": "@.service", "promised": {"to": {"at": "@.promised", "as": "iso"}}},
    },
}

RULES = [
    {"name": "express-br", "kind": "no_update", "service": "EXPRESS", "leg": "domestic", "lane": "BR-BR", "after": "P4D",
     "working_days": "BR"},
    {"name": "customs-stands-still", "kind": "no_update", "leg": "customs", "lane": "*-PL", "after": "P6D",
     "pause": ["customs.held", "customs.info_needed"]},
    {"name": "held-by-customs-br", "kind": "no_update", "stage": "customs.held", "lane": "*-BR", "after": "never"},
    {"name": "last-mile-us", "kind": "no_update", "leg": "last_mile", "lane": "*-US", "after": "P4D",
     "working_days": "destination"},
    {"name": "usps", "kind": "no_update", "carrier": "usps", "leg": "domestic", "after": "P3DT12H",
     "working_days": "origin", "pause": ["exception"]},
    {"name": "stuck-soon", "kind": "stuck", "stage": ["transit", "customs"], "after": "P8D"},
    {"name": "overdue-express", "kind": "overdue", "service": ["express"], "after": "P3D", "working_days": "BR"},
    {"name": "overdue-customs", "kind": "overdue", "leg": "customs", "after": "P4D", "pause": ["customs.held"]},
    {"name": "overdue-line-haul", "kind": "overdue", "leg": "line_haul", "after": "P2D"},
    {"name": "overdue-usps", "kind": "overdue", "carrier": "usps", "stage": "accepted", "after": "P5D"},
]


def iso(us, hours=0):
    moment = datetime.datetime.fromtimestamp(us // US, datetime.timezone(datetime.timedelta(hours=hours)))
    return moment.isoformat()


def schema_folder(into, shipped):
    """The shipped schema with a source, a carrier and rules of the simulation's own."""
    shutil.copytree(shipped, into, ignore=shutil.ignore_patterns("migrations"))
    with open(os.path.join(into, "sources", "sim.json"), "w", encoding="utf-8") as out:
        json.dump(PROFILE, out)
    path = os.path.join(into, "carriers.json")
    with open(path, encoding="utf-8") as text:
        carriers = json.load(text)
    carriers["carriers"].append({"id": UNTRACKED, "name": "Gives no tracking", "country": "DE", "untracked": True})
    with open(path, "w", encoding="utf-8") as out:
        json.dump(carriers, out)
    with open(os.path.join(shipped, "stalls.json"), encoding="utf-8") as text:
        rules = json.load(text)
    later = [dict(rule, after="P4D") if rule["name"] == "default-domestic" else
             dict(rule, after="P12D") if rule["name"] == "default-line-haul" else rule for rule in rules["rules"]]
    names = [os.path.join(into, f"rules-{version}.json") for version in (1, 2)]
    for version, (name, shipped_rules) in enumerate(zip(names, (rules["rules"], later)), 1):
        with open(name, "w", encoding="utf-8") as out:
            json.dump({"version": version, "rules": RULES + shipped_rules}, out)
    return names


class Message:
    """at: when it is appended; stamp: Kafka's time of it; tells: what a reader learns."""

    __slots__ = ("at", "stamp", "partition", "body", "tells", "again")

    def __init__(self, at, partition, body, tells):
        self.at, self.partition, self.body, self.tells = at, partition, body, tells
        self.stamp, self.again = at, False

    @property
    def source(self):
        """Who told it; empty for orders."""
        if isinstance(self.tells, Scan):
            return self.tells.event.source
        return "sim" if isinstance(self.tells, History) else ""

    def __repr__(self):
        again = ", again" if self.again else ""
        return f"appended {truth.when(self.at)} stamped {truth.when(self.stamp)} on {self.partition}{again}: {self.tells}"


class Scan:
    """What a message of our own format tells."""

    __slots__ = ("event", "link", "promise")

    def __init__(self, event, link=None):
        self.event, self.link = event, link

    def __repr__(self):
        return f"{self.event!r}{f' goes on as {self.link}' if self.link else ''}"


class History:
    __slots__ = ("number", "updated", "events", "promised")

    def __init__(self, number, updated, events, promised):
        self.number, self.updated, self.events, self.promised = number, updated, events, promised

    def __repr__(self):
        return f"history of {self.number} at {truth.when(self.updated)}, promised {truth.when(self.promised)}: {self.events}"


class World:
    def __init__(self, seed, families, days, statuses):
        self.seed, self.families, self.days, self.statuses = seed, families, days, statuses
        self.end, self.made = START + days * DAY, {}
        chance = random.Random(f"{seed} outages")
        self.outages = {}
        for source in FEEDS + ("sim", "orders"):
            begin = START + int(chance.uniform(0.1, 0.8) * days * DAY)
            self.outages[source] = (begin, begin + int(chance.uniform(0.5, 6) * DAY))

    def family(self, i):
        if i not in self.made:
            self.made[i] = Warm(self, i) if i < len(WARM) else Family(self, i)
        return self.made[i]


class Family:
    """Numbers that are one journey or one order, and all that is told of them."""

    def __init__(self, world, i):
        self.world, self.i = world, i
        self.chance = random.Random(f"{world.seed} {i}")
        self.messages, self.used = [], set()
        self.facts, self.carriers, self.service = {}, {}, ""
        self.origin, self.destination = self.chance.choice(LANES)
        self.knows_lane = self.chance.random() < 0.93
        self.scattered = self.chance.random() < 0.3
        self.home = self.chance.random()
        self.make()
        self.messages = [m for m in self.messages if m.at < world.end]
        self.tell_again()
        self.stamp()
        self.messages.sort(key=lambda m: m.at)
        del self.chance, self.used

    # ---- chances

    def often(self, share):
        return self.chance.random() < share

    def span(self, low, high):
        """Whole seconds, so that what sources write says it all."""
        return int(self.chance.uniform(low, high) // US) * US

    def unused(self, at):
        while at in self.used:
            at += US
        self.used.add(at)
        return at

    def partition(self, source):
        choice = TOLD_ON[source]
        return choice[int((self.chance.random() if self.scattered else self.home) * len(choice))]

    def delay(self):
        luck = self.chance.random()
        if luck < 0.75:
            return self.span(MINUTE, 90 * MINUTE)
        return self.span(2 * HOUR, 30 * HOUR) if luck < 0.95 else self.span(2 * DAY, 9 * DAY)

    def appended(self, source, at):
        begin, end = self.world.outages.get(source, (0, 0))
        return end + self.span(0, HOUR) if begin <= at < end else at

    # ---- numbers

    def number(self, letter, carrier, s10=None):
        serial = f"{self.i * 4 + 'ABCD'.index(letter):08d}"
        if s10 is None:
            number = f"SIM{serial}{letter}"
        else:
            total = sum(int(d) * w for d, w in zip(serial, (8, 6, 4, 2, 3, 5, 9, 7)))
            check = {10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11)
            if s10 == "bad":
                check = (check + 1 + self.i % 9) % 10
            number = f"R{'BCDE'['ABCD'.index(letter)]}{serial}{check}{self.origin}"
        self.carriers[number] = (carrier, s10 or "no")
        return number

    # ---- what is told

    def tell_scan(self, number, feed, at, status, place=None, planned=False, link=None, published=None):
        at = self.unused(at)
        published = published if published is not None else max(self.appended(feed, at + self.delay()), START)
        country, city = place or ("", "")
        known = self.world.statuses.get(status) or self.world.statuses["unknown.unmapped"]
        code = f"C{len(self.messages) % 7}"
        event = Event(at, known, f"rastro/{feed}", code, number, "p" if planned else "s", country=country, city=city)
        body = {"rastro": "event/1", "feed": feed, "number": number, "carrier": self.carriers[number][0],
                "event": {"code": code, "status": status, "time": iso(at, self.chance.choice((0, 8, -3))),
                          "place": {"country": country or None, "city": city or None}}}
        if planned:
            body["event"]["planned"] = True
        if self.knows_lane:
            body.update(origin=self.origin, destination=self.destination)
            self.facts[number] = True
        if link:
            body["next"] = {"number": link, "carrier": self.carriers[link][0]}
        self.messages.append(Message(published, self.partition(feed), body, Scan(event, link)))
        return published

    def tell_order(self, order, at, names, **said):
        update = Update(f"{self.i}-{order}", at, tuple(names), service=self.service, **said)
        place = said.get("place") or {}
        body = {"rastro": "shipment/1", "marketplace": "sim", "order": update.order, "updated": iso(at),
                "parcels": [{"number": n, "carrier": self.carriers[n][0]} for n in names],
                "destination": place or None, "service": self.service or None, "cancelled": update.cancelled,
                "dispatched": update.dispatched and iso(update.dispatched),
                "promised": update.promised and {"to": iso(update.promised)}}
        published = max(self.appended("orders", at + self.delay()), START)
        self.messages.append(Message(published, ORDERS, body, update))

    # ---- a life

    def route(self):
        """Statuses with their places, on the way from the origin to a door."""
        chance, here, there = self.chance, self.origin, self.destination

        def at(country):
            return (country, chance.choice(PLACES[country])) if chance.random() < 0.9 else None

        yield "accepted.scan", at(here)
        yield "transit.departed", at(here)
        if here != there:
            if chance.random() < 0.5:
                yield "transit.moving", None
            if chance.random() < 0.3:
                yield "transit.arrived", at("DE")
            yield ("transit.dest_arrived", at(there)) if chance.random() < 0.7 else ("transit.arrived", at(there))
            if chance.random() < 0.7:
                yield "customs.started", at(there)
                for _ in range(chance.choice((0, 0, 1, 4))):
                    yield chance.choice(("customs.held", "customs.info_needed", "customs.held")), at(there)
                if chance.random() < 0.8:
                    yield "customs.released", at(there)
        place = at(there)
        for _ in range(chance.choice((0, 1, 2, 2, 5))):
            yield chance.choice(("transit.arrived", "transit.departed", "transit.moving", "odd.words")), \
                place if chance.random() < 0.5 else at(there)
        if chance.random() < 0.1:
            yield "exception.delayed", at(there)
        yield "delivery.out", at(there)
        yield from self.last_steps(at)

    def last_steps(self, at):
        chance, there = self.chance, self.destination
        if chance.random() < 0.05:
            there = "PL"
        if chance.random() < 0.25:
            yield chance.choice(("attempt.absent", "attempt.bad_address")), at(there)
        if chance.random() < 0.2:
            yield "pickup.ready", at(there)
        if chance.random() < 0.04:
            yield "unknown.source_expired", None
        if chance.random() < 0.85:
            yield chance.choice(("delivered.other", "delivered.signed", "exception.lost")), at(there)
        if chance.random() < 0.05:
            yield "transit.arrived", at(there)

    def life(self):
        """(instant, status, place): at times nothing comes for long, or never again."""
        at = START + self.span(-3 * DAY, (self.world.days - 12) * DAY)
        self.begun = at
        for status, place in self.route():
            yield at, status, place
            if self.often(0.035):
                return
            at += self.span(4 * DAY, 28 * DAY) if self.often(0.1) else self.span(HOUR, 40 * HOUR)

    def make(self):
        kind = self.chance.choices(("plain", "handed", "history", "ordered", "two feeds", "bad digit", "untracked"),
                                   (40, 18, 18, 6, 10, 4, 4))[0]
        self.kind = kind
        if self.often(0.3):
            self.service = self.chance.choice(("Express", "EXPRESS", "standard"))
        if kind == "handed":
            self.make_handed()
        elif kind == "history":
            self.make_history()
        elif kind == "ordered":
            self.begun = START + self.span(0, (self.world.days - 5) * DAY)
            self.a = self.number("A", "correios", "ok" if self.often(0.5) else None)
        else:
            self.make_plain(kind)
        if kind == "ordered" or self.often(0.55):
            self.make_orders()

    def feed(self):
        return {"CN": "china-post", "US": "usps"}.get(self.origin, "correios")

    def make_plain(self, kind):
        s10 = "bad" if kind == "bad digit" else "ok" if self.often(0.3) else None
        feed = self.feed()
        carrier = UNTRACKED if kind == "untracked" else feed
        self.a = self.number("A", carrier, s10 if kind != "untracked" else None)
        announced = False
        for at, status, place in self.life():
            if not announced and self.often(0.3):
                self.tell_scan(self.a, feed, at - self.span(HOUR, 12 * DAY), "info.received", place)
            announced = True
            other = "correios" if kind == "two feeds" and self.often(0.5) else feed
            self.tell_scan(self.a, other, at, status, place)
            if self.often(0.04):
                self.tell_planned(at, feed)
        if self.often(0.05) and kind != "two feeds":
            self.messages = [m for m in self.messages if m.tells.event.status.stage == "info"]
        if not self.messages:
            self.tell_scan(self.a, feed, self.begun, "info.received")

    def tell_planned(self, at, feed):
        """What is expected, or lies ahead of its publication."""
        if self.often(0.5):
            self.tell_scan(self.a, feed, at + self.span(DAY, 6 * DAY), "delivered.other", planned=True,
                           published=max(at + self.delay(), START))
        else:
            self.tell_scan(self.a, feed, at + self.span(DAY, 3 * DAY), "transit.arrived",
                           published=max(at + self.span(MINUTE, HOUR), START))

    def make_handed(self):
        """The link is told with one of the first number's scans, with all from then on,
        or with one that comes late."""
        feed, chain = self.feed(), [self.number("A", self.feed(), "ok" if self.often(0.4) else None)]
        self.a = chain[0]
        chain.append(self.number("B", "correios"))
        if self.often(0.15):
            chain.append(self.number("C", "usps"))
        steps = list(self.life())
        cuts = sorted(self.chance.sample(range(1, len(steps) + 2), len(chain) - 1)) if len(steps) > 1 else [1, 1]
        leg = 0
        for n, (at, status, place) in enumerate(steps):
            while leg < len(chain) - 1 and n >= cuts[leg]:
                leg += 1
            link = chain[leg + 1] if leg + 1 < len(chain) and (n + 1 >= cuts[leg] or self.often(0.3)) else None
            self.tell_scan(chain[leg], (feed, "correios", "usps")[leg], at, status, place,
                           link=link if self.often(0.7) else None)
        if self.often(0.5):
            at = self.begun + self.span(DAY, 25 * DAY)
            self.tell_scan(self.a, feed, at, self.chance.choice(("transit.handed_over", "info.received")), link=chain[1])
        if self.often(0.15):  # each names the other
            at = self.begun + self.span(-DAY, 20 * DAY)
            self.tell_scan(chain[1], "correios", at, self.chance.choice(("transit.arrived", "info.received")), link=self.a)

    def make_history(self):
        """Snapshots, each with all scans up to then; some stop reporting a scan, or say
        another instead."""
        self.a = self.number("A", "correios", "ok" if self.often(0.5) else None)
        steps, scans, promised = list(self.life()), [], None
        if self.often(0.5):
            promised = self.begun + self.span(6 * DAY, 25 * DAY)
        for n, (at, status, place) in enumerate(steps):
            if self.often(0.15) and scans:
                scans[self.chance.randrange(len(scans))] = None
                scans = [scan for scan in scans if scan]
            synthetic, planned = self.often(0.07), self.often(0.04)
            at = self.unused(at)
            scans.append((at, status, place, synthetic, planned))
            if promised and self.often(0.1):
                promised += self.span(2 * DAY, 9 * DAY)
            if self.often(0.8) or n + 1 == len(steps):
                self.tell_history(scans, at + self.delay(), promised)
        if self.often(0.3):
            state = self.chance.choice(("Expired", "Delayed"))
            # A status is an event only where its stage is not that of the newest scan.
            stages = {self.world.statuses[s].stage if s in self.world.statuses else "unknown" for _, s, *_ in scans}
            if {"Expired": "unknown", "Delayed": "exception"}[state] in stages:
                state = None
            self.tell_history(scans, steps[-1][0] + self.span(9 * DAY, 16 * DAY), promised, state)

    def tell_history(self, scans, updated, promised, state=None):
        updated = self.unused(updated)
        if scans and state:
            updated = max(updated, max(scan[0] for scan in scans) + US)
        published = max(self.appended("sim", updated + self.span(0, 20 * MINUTE)), START)
        events, told = [], []
        for at, status, place, synthetic, planned in scans:
            country, city = place or ("", "")
            code = "SYN" if synthetic else "C1"
            known = self.world.statuses.get(status) or self.world.statuses["unknown.unmapped"]
            events.append(Event(at, known, "sim", code, self.a, "p" if planned else "s", synthetic, False, country, city))
            told.append({"code": code, "status": status, "time": iso(at), "country": country or None,
                         "city": city or None, "planned": True if planned else None})
        if state:
            name = PROFILE["meaning"]["statuses"][state]
            events.append(Event(updated, self.world.statuses[name], "sim", state, self.a, "r"))
        self.chance.shuffle(told)
        body = {"kind": "sim/history", "number": self.a, "updated": iso(updated), "scans": told, "state": state,
                "service": self.service or None, "promised": promised and iso(promised)}
        if self.knows_lane:
            body.update(origin=self.origin, destination=self.destination)
            self.facts[self.a] = True
        self.messages.append(Message(published, self.partition("sim"), body, History(self.a, updated, events, promised)))

    def make_orders(self):
        at = self.begun - self.span(HOUR, 5 * DAY)
        place = {"country": self.destination, "city": self.chance.choice(PLACES[self.destination])}
        if self.often(0.1):
            place = {}
        names = [self.a]
        if self.often(0.06):
            names = [self.number("D", "correios")]
        said = {"place": place, "dispatched": None, "promised": None}
        if self.often(0.8):
            said["dispatched"] = self.begun + self.span(-DAY, 3 * DAY)
        if self.often(0.8):
            said["promised"] = self.begun + self.span(4 * DAY, 25 * DAY)
        self.tell_order("o", at, names, **said)
        for _ in range(self.chance.choice((0, 0, 1, 2))):
            at += self.span(2 * DAY, 12 * DAY)
            if said["promised"] and self.often(0.7):
                said = dict(said, promised=said["promised"] + self.span(-2 * DAY, 10 * DAY))
            self.tell_order("o", at, [self.a], cancelled=self.often(0.15), **said)
        if self.often(0.06):
            elsewhere = {"country": "BR", "city": self.chance.choice(PLACES["BR"])}
            promised = self.begun + self.span(4 * DAY, 20 * DAY) if self.often(0.6) else None
            self.tell_order("p", at + self.span(HOUR, 9 * DAY), [self.a], place=elsewhere, promised=promised)

    # ---- how it reaches Kafka

    def tell_again(self):
        for message in list(self.messages):
            if self.often(0.08):
                later = Message(message.at + self.span(HOUR, 2 * DAY), message.partition, message.body, message.tells)
                later.again = True
                if later.at < self.world.end:
                    self.messages.append(later)

    def stamp(self):
        for message in self.messages:
            message.at += self.chance.randrange(US)
            message.stamp = message.at
            if not message.again and self.often(0.1):
                midnight = message.at - message.at % DAY
                message.stamp = min(max(message.at + self.span(-10 * MINUTE, 10 * MINUTE), midnight + 1), midnight + DAY - 1)

    # ---- what is known

    def views(self, feed, without=()):
        """Of each number that is known from all that Kafka had then, but for some sources."""
        return Known(self, [m for m in self.messages if m.stamp <= feed and m.source not in without]).views()

    def sources(self):
        """Of its scans, in the order in which they began to tell."""
        return list(dict.fromkeys(m.source for m in sorted(self.messages, key=lambda m: m.stamp) if m.source))


WARM = [(source, partition) for source in TOLD_ON for partition in TOLD_ON[source]]


class Warm(Family):
    """Each source is seen on each partition from the first day on."""

    def make(self):
        self.kind, self.scattered, self.begun = "warm", False, START
        source, partition = WARM[self.i]
        self.home = TOLD_ON[source].index(partition) / len(TOLD_ON[source]) + 0.01
        self.a = self.number("A", "correios")
        at, place = START - 2 * DAY + self.i * US, (self.destination, PLACES[self.destination][0])
        if source == "sim":
            self.tell_history([(at, "delivered.other", place, False, False)], START + HOUR, None)
        else:
            self.tell_scan(self.a, source, at, "delivered.other", place, published=START + HOUR)
        self.messages[0].at = START + HOUR + self.i * MINUTE

    def tell_again(self):
        pass


class Known:
    """What is known of a family from some of its messages."""

    def __init__(self, family, messages):
        self.family = family
        self.first = {}  # number -> when it was first told of
        self.events = {}  # (number, source, instant, code) -> event
        self.newest = {}  # number -> history
        self.links, self.updates = {}, []
        seen = set()
        for message in messages:
            tells = message.tells
            if isinstance(tells, Scan):
                self.take_event(tells.event, message.stamp)
                if tells.link:
                    key = (tells.event.number, tells.link)
                    self.links[key] = min(self.links.get(key, message.stamp), message.stamp)
            elif isinstance(tells, History):
                newest = self.newest.get(tells.number)
                if newest is None or tells.updated > newest.updated:
                    self.newest[tells.number] = tells
                for event in tells.events:
                    self.take_event(event, message.stamp)
            elif id(tells) not in seen:
                seen.add(id(tells))
                self.updates.append(tells)
                for number in tells.names:
                    self.first[number] = min(self.first.get(number, tells.updated), tells.updated)
        self.updates.sort(key=lambda u: u.updated)

    def take_event(self, event, stamp):
        key = (event.number, event.source, event.instant, event.code)
        known = self.events.get(key)
        if known is None or stamp < known.published:
            event.published = stamp
            event.future = event.instant > stamp + FUTURE
            self.events[key] = event
        self.first[event.number] = min(self.first.get(event.number, stamp), stamp)

    def current(self):
        reported = {number: {(e.instant, e.code) for e in history.events} for number, history in self.newest.items()}
        events = [e for e in self.events.values()
                  if e.source != "sim" or (e.instant, e.code) in reported[e.number]]
        return sorted(events, key=lambda e: e.order)

    def journey(self, number):
        found, more = {number}, [number]
        while more:
            at = more.pop()
            near = {b for a, b in self.links if a == at and b in self.first}
            near |= {a for a, b in self.links if b == at}
            more += near - found
            found |= near
        return found

    def named_before(self, a, b):
        """Of two that name each other the one that was told to go on first had it first."""
        return (b, a) in self.links and (self.links[b, a], b) < (self.links[a, b], a)

    def hand_over(self, told, number, events):
        scans = [e.instant for e in events
                 if e.number == number and e.kind == "s" and e.status.stage not in ("info", "unknown")]
        return min([told] + scans[:1])

    def views(self):
        events = self.current()
        at = {(a, b): self.hand_over(told, b, events) for (a, b), told in self.links.items()
              if b in self.first and not self.named_before(a, b)}
        return {number: self.view(number, events, at) for number in self.first}

    def view(self, number, events, at):
        family, view, journey = self.family, View(), self.journey(number)
        view.carrier, view.s10 = family.carriers[number]
        view.number, view.registered = number, self.first[number]
        view.events = [e for e in events if e.number in journey]
        if view.s10 == "ok":
            view.carrier = None
        view.untracked = view.carrier == UNTRACKED
        told = family.knows_lane and any(e[0] in journey for e in self.events)
        view.origin, view.destination = (family.origin, family.destination) if told else ("", "")
        if view.s10 == "ok" and not view.origin:
            view.origin = number[-2:]
        histories = [self.newest[n] for n in journey if n in self.newest]
        view.promised = histories[0].promised if histories else None
        orders = {u.order for u in self.updates if journey & set(u.names)}
        view.updates = [self.seen_from(u, journey) for u in self.updates if u.order in orders]
        view.service = family.service if histories or view.updates else ""
        view.handed_from = min((t for (a, b), t in at.items() if b == number), default=None)
        view.handed_to = min((t for (a, b), t in at.items() if a == number), default=None)
        return view

    @staticmethod
    def seen_from(update, journey):
        """One that names none of the journey's numbers is off, as far as that goes."""
        if journey & set(update.names):
            return update
        off = Update(update.order, update.updated, update.names, True)
        off.service = update.service
        return off
