"""What is true of a parcel: its episodes, worked out from the contracts alone
(include/rastro/stall.h, rules.h and calendar.h) and from the files of rules,
calendars and statuses, which are read as data.  Nothing here is shared with src/.

Instants are microseconds since 1970.  A view is what somebody knows of a journey;
`episodes` says what is true of one of its numbers by a view, at a feed time.
"""
import bisect
import datetime
import functools
import json
import re
import unicodedata
import zoneinfo

US, DAY = 1_000_000, 86_400_000_000
ALWAYS, NEVER = -(1 << 62), 1 << 62

KINDS = ("never_scanned", "no_update", "stuck", "overdue", "uncollected", "source_stopped",
         "contradicted.scan_after_delivery", "contradicted.scan_before_dispatch",
         "contradicted.delivered_elsewhere", "contradicted.wrong_country", "contradicted.number_shared",
         "contradicted.bad_check_digit")
AT_THE_END = {"delivery", "attempt", "pickup", "delivered"}
GOES_ON = {"accepted", "transit", "customs", "delivery", "attempt", "pickup"}


# ---- statuses ---------------------------------------------------------------------------

class Status:
    def __init__(self, row, rank):
        self.name, self.moves, self.ends, self.rank = row["name"], row["moves"], row.get("ends", False), rank
        self.stage = self.name.split(".")[0]

    def __repr__(self):
        return self.name


def statuses(path):
    with open(path, encoding="utf-8") as text:
        rows = json.load(text)["statuses"]
    return {row["name"]: Status(row, rank) for rank, row in enumerate(rows)}


# ---- calendars ----------------------------------------------------------------------------

class Calendar:
    """Stretches of working days of a country around the years of the simulation."""

    def __init__(self, row, years=(2026, 2027)):
        zone = zoneinfo.ZoneInfo(row["zone"])
        names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        weekend = {names.index(day) for day in row["weekend"]}
        off, worked = set(row["holidays"]), set(row.get("worked", ()))
        self.starts, self.works = [], []
        day = datetime.date(years[0], 1, 1)
        while day.year <= years[1]:
            begin = datetime.datetime.combine(day, datetime.time(), zone)
            said = day.isoformat()
            self.starts.append(int(begin.timestamp()) * US)
            self.works.append(said in worked or (said not in off and day.weekday() not in weekend))
            day += datetime.timedelta(1)

    def stretches(self, at):
        """(from, to) of the days from `at` on that are worked."""
        i = bisect.bisect_right(self.starts, at) - 1
        while i + 1 < len(self.starts):
            if self.works[i]:
                yield max(at, self.starts[i]), self.starts[i + 1]
            i += 1


def calendars(path):
    with open(path, encoding="utf-8") as text:
        return {row["country"]: Calendar(row) for row in json.load(text)["calendars"]}


def run_out(calendar, start, length, pauses):
    """When a clock that starts then has run so long; None: never.  Pauses are in order
    and apart; the last may have no end."""
    left = length
    for begin, end in calendar.stretches(start) if calendar else ((start, NEVER),):
        at = begin
        for pause_from, pause_to in pauses:
            if pause_to <= at or pause_from >= end:
                continue
            if pause_from > at:
                if at + left <= pause_from:
                    return at + left
                left -= pause_from - at
            at = min(pause_to, end)
        if at < end:
            if at + left <= end and end < NEVER or end == NEVER:
                return at + left
            left -= end - at
    return None


# ---- rules ----------------------------------------------------------------------------------

def duration(text):
    units = {"W": 7 * 86400, "D": 86400, "H": 3600, "M": 60, "S": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([WDHMS])", text)) * US


def words(value):
    return None if value is None else {value} if isinstance(value, str) else set(value)


class Rule:
    def __init__(self, row):
        self.name, self.kind = row["name"], row["kind"]
        self.never = row.get("after") == "never"
        self.after = 0 if self.never else duration(row.get("after", "PT0S"))
        self.working = row.get("working_days")
        self.pause = words(row.get("pause")) or set()
        self.carrier, self.stage, self.leg = (words(row.get(key)) for key in ("carrier", "stage", "leg"))
        self.service = {word.lower() for word in words(row.get("service")) or ()} or None
        self.lanes = [lane.split("-") for lane in words(row.get("lane")) or ()]

    def fits(self, s):
        if self.carrier and s.carrier not in self.carrier:
            return False
        if self.service and (s.service or "").lower() not in self.service:
            return False
        if self.leg and s.leg not in self.leg:
            return False
        if self.stage:
            said = {s.status.stage, s.status.name} if s.status else {"info"}
            if not said & self.stage:
                return False
        return not self.lanes or any(a in ("*", s.origin) and b in ("*", s.destination) for a, b in self.lanes)

    def pauses(self, status):
        return bool(self.pause) and (status.stage in self.pause or status.name in self.pause)


class Rules:
    def __init__(self, path, calendar_of):
        with open(path, encoding="utf-8") as text:
            whole = json.load(text)
        self.version, self.calendar_of = whole["version"], calendar_of
        self.by_kind = {kind: [] for kind in KINDS}
        for row in whole["rules"]:
            self.by_kind[row["kind"]].append(Rule(row))

    def match(self, kind, situation):
        for rule in self.by_kind[kind]:
            if rule.fits(situation):
                return None if rule.never else rule
        return None

    def calendar(self, rule, s):
        who = {"origin": s.origin, "destination": s.destination}.get(rule.working, rule.working)
        return self.calendar_of.get(who)


# ---- what is known ---------------------------------------------------------------------------

class Event:
    """A current line of a journey's timeline."""

    __slots__ = ("instant", "status", "source", "code", "number", "kind", "synthetic", "future", "country", "city",
                 "region", "published", "order")

    def __init__(self, instant, status, source, code, number, kind="s", synthetic=False, future=False, country="",
                 city="", region="", published=0):
        self.instant, self.status, self.source, self.code, self.number = instant, status, source, code, number
        self.kind, self.synthetic, self.future = kind, synthetic, future
        self.country, self.city, self.region, self.published = country, city, region, published
        self.order = (instant, source, 0, status.rank)

    @property
    def physical(self):
        return self.kind == "s" and not self.synthetic and not self.future

    @property
    def moves(self):
        return self.status.moves and self.kind != "p" and not self.future

    @property
    def seen(self):
        said = self.status.stage != "info" if self.status.moves else self.status.name == "unknown.unmapped"
        return self.physical and said

    def __repr__(self):
        marks = "".join(letter for letter, is_so in (("y", self.synthetic), ("f", self.future)) if is_so)
        return (f"{when(self.instant)} {self.status} {self.kind}{marks} {self.country}/{self.city} "
                f"{self.source} {self.number} {self.code} (told {when(self.published)})")


class Update:
    """One update of an order."""

    __slots__ = ("order", "updated", "names", "cancelled", "dispatched", "promised", "country", "region", "city",
                 "postcode", "service")

    def __init__(self, order, updated, names, cancelled=False, dispatched=None, promised=None, place=None, service=""):
        place = place or {}
        self.order, self.updated, self.names, self.cancelled = order, updated, names, cancelled
        self.dispatched, self.promised, self.service = dispatched, promised, service
        self.country, self.region, self.city, self.postcode = (
            place.get(key, "") for key in ("country", "region", "city", "postcode"))

    def __repr__(self):
        return (f"{when(self.updated)} order {self.order} of {','.join(self.names)}"
                f"{' cancelled' if self.cancelled else ''} dispatched {when(self.dispatched)} "
                f"promised {when(self.promised)} to {self.country}/{self.city}")


class View:
    """What is known of a journey, for one of its numbers."""

    __slots__ = ("number", "carrier", "untracked", "s10", "origin", "destination", "service", "promised", "registered",
                 "handed_from", "handed_to", "events", "updates")


class Episode:
    __slots__ = ("kind", "rule", "started", "since", "until", "last", "ended")

    def __init__(self, kind, rule, started, since, last):
        self.kind, self.rule, self.started, self.since, self.last = kind, rule, started, since, last
        self.until, self.ended = None, None

    def __repr__(self):
        return (f"{self.kind} by {self.rule}: clock {when(self.started)}, since {when(self.since)}, "
                f"until {when(self.until)}; last {said(self.last)}, ended by {said(self.ended)}")


def when(us):
    if us is None:
        return "-"
    if abs(us) >= NEVER:
        return "ever"
    moment = datetime.datetime.fromtimestamp(us // US, datetime.timezone.utc)
    return moment.strftime("%m-%dT%H:%M:%SZ") + (f"+{us % US}us" if us % US else "")


def said(event):
    return f"{when(event.instant)} {event.status}" if event else "-"


@functools.lru_cache(maxsize=4096)
def letters(name):
    """Names of places are alike whatever their case, accents and punctuation."""
    plain = unicodedata.normalize("NFD", name)
    return "".join(c for c in plain.lower() if c.isalnum())


def differ(a, b):
    return bool(a) and bool(b) and letters(a) != letters(b)


# ---- orders -----------------------------------------------------------------------------------

class Orders:
    """What the newest update of each says together."""

    def __init__(self, newest=()):
        living = [u for u in newest if not u.cancelled]
        self.off = bool(newest) and not living
        dispatched = [u.dispatched for u in living if u.dispatched is not None]
        self.dispatched, self.first_dispatch = max(dispatched, default=None), min(dispatched, default=None)
        self.promised = max((u.promised for u in living if u.promised is not None), default=None)
        self.shared = any(self.apart(living[0], other) for other in living[1:])
        self.to = living[0] if living and not self.shared else None

    @staticmethod
    def apart(a, b):
        n = min(len(a.postcode), len(b.postcode))
        return (differ(a.country, b.country) or differ(a.region, b.region) or differ(a.city, b.city)
                or differ(a.postcode[:n], b.postcode[:n]))


# ---- a journey ----------------------------------------------------------------------------------

class Situation:
    __slots__ = ("carrier", "service", "status", "leg", "origin", "destination")


class Clock:
    __slots__ = ("rule", "start", "last", "due")

    def __init__(self, rule, start, last, due):
        self.rule, self.start, self.last, self.due = rule, start, last, due


class Journey:
    """A walk along everything that happened, in its order.  Points in time are pairs of
    an instant and the event that tells of it."""

    def __init__(self, rules, view, feed):
        self.rules, self.view, self.feed = rules, view, feed
        self.found, self.open, self.clocks = [], {}, {}
        self.bears = self.bore = view.handed_from is None
        self.status = self.head = None
        self.scanned = False
        self.moved = self.pickup = self.stopped = None
        self.first = self.delivered = self.after = self.elsewhere = self.wrong = None
        self.run = None  # [start, stage, country, city, last scan]
        self.statuses = []  # (since, status)
        self.country = ""
        self.behind = []  # own scans so far
        self.newest, self.orders, self.shared_since = {}, Orders(), None
        own = [e for e in view.events if e.number == view.number]
        self.registered = min(view.registered, own[0].instant) if own else view.registered
        self.situation = Situation()
        self.situation.carrier, self.situation.service = view.carrier, view.service
        self.situation.origin = view.origin

    def steps(self):
        """At one instant an order comes first, then a hand-over, then events."""
        view = self.view
        steps = [(u.updated, 0, i, u) for i, u in enumerate(view.updates)]
        if view.handed_from is not None:
            steps.append((view.handed_from, 1, 0, None))
        if view.handed_to is not None:
            steps.append((max(view.handed_to, view.handed_from or ALWAYS), 2, 0, None))
        steps += [(e.instant, 3, i, e) for i, e in enumerate(view.events)]
        steps.sort(key=lambda step: step[:3])
        return steps

    def walk(self):
        self.set_clocks(self.registered, None)
        for at, what, _, told in self.steps():
            self.fall_due(at)
            if what == 0:
                self.take_update(at, told)
            elif what == 1:
                self.bears = self.bore = True
                if self.moved:
                    self.moved = (max(self.moved[0], at), self.moved[1])
            elif what == 2:
                self.bears = False
            else:
                self.take_event(told)
            self.set_clocks(at, told if what == 3 else None)
        self.fall_due(NEVER)
        return self.found

    # ---- what happens

    def take_update(self, at, update):
        self.newest[update.order] = update
        self.orders = Orders([self.newest[order] for order in sorted(self.newest)])
        if not self.orders.shared:
            self.shared_since = None
        elif self.shared_since is None:
            self.shared_since = at
        self.wrong = self.elsewhere = None
        for event in self.behind:
            self.compare_place(event)

    def take_event(self, event):
        here, own = (event.instant, event), event.number == self.view.number
        if event.status.name == "unknown.source_expired":
            self.stopped = here
        if event.seen:
            self.moved, self.stopped, self.scanned = here, None, True
            self.country = event.country or self.country
        if own and event.physical:
            self.behind.append(event)
        if own and event.seen:
            self.compare(event)
            # Of the issuer, or where the number names none of who saw it last.
            if self.view.carrier is None and event.source.startswith("rastro/"):
                self.situation.carrier = event.source.removeprefix("rastro/")
        if event.moves:
            self.take_status(event)

    def take_status(self, event):
        here, before = (event.instant, event), self.status
        if before is not event.status:
            self.statuses.append((event.instant, event.status))
        self.status, self.head = event.status, event
        if event.status.stage == "pickup" and (before is None or before.stage != "pickup"):
            self.pickup = here
        if event.status.stage != "info" and self.moved is None:
            self.moved = here
        run = self.run
        if run and run[1] == event.status.stage and not self.other_place(run, event):
            run[2], run[3] = run[2] or event.country, run[3] or event.city
        else:
            run = self.run = [here, event.status.stage, event.country, event.city, event.instant]
        if event.physical:
            run[4] = event.instant

    @staticmethod
    def other_place(run, event):
        if not event.country or not run[2]:
            return False
        return event.country != run[2] or differ(event.city, run[3])

    # ---- what contradicts what was registered

    def tolerance(self, kind):
        rule = self.rules.by_kind[kind]
        return rule[0].after if rule else 0

    def compare(self, event):
        here, stage = (event.instant, event), event.status.stage
        if self.first is None and event.status.moves:
            self.first = here
        if event.status.ends:
            self.after = None
        if stage == "delivered":
            self.delivered = here
        elif stage in GOES_ON and self.delivered and self.after is None:
            if event.instant > self.delivered[0] + self.tolerance("contradicted.scan_after_delivery"):
                self.after = here
        self.compare_place(event)

    def compare_place(self, event):
        here, to = (event.instant, event), self.orders.to
        if to is None or not event.country or not to.country or event.status.stage not in AT_THE_END:
            return
        abroad = event.country != to.country
        self.wrong = (self.wrong or here) if abroad else None
        if event.status.stage == "delivered":
            elsewhere = not abroad and (differ(event.city, to.city) or differ(event.region, to.region))
            self.elsewhere = (self.elsewhere or here) if elsewhere else None

    # ---- clocks

    def leg(self):
        s, status = self.situation, self.status
        if not s.origin or not s.destination:
            return "unknown"
        if s.origin == s.destination:
            return "domestic"
        if status is None or status.stage == "info":
            return "origin"
        if status.stage == "customs" and status.name != "customs.released":
            return "customs"
        if self.country == s.destination or status.name in ("transit.dest_arrived", "transit.handed_over"):
            return "last_mile"
        if status.stage in ("delivery", "attempt", "pickup"):
            return "last_mile"
        if status.name in ("customs.released", "transit.departed"):
            return "line_haul"
        at_home = self.country == s.origin if self.country else status.stage == "accepted"
        return "origin" if at_home else "line_haul"

    def start(self, kind):
        status, orders, view = self.status, self.orders, self.view
        ended = status is not None and status.ends
        under_way = status is not None and not ended and status.stage not in ("info", "pickup")
        head = (self.head,)
        if not kind.startswith("contradicted") and (ended or not self.bears or view.untracked):
            return None
        if kind == "never_scanned":
            if self.scanned or under_way or orders.off:
                return None
            start = orders.dispatched if orders.dispatched is not None else self.registered
            return (max(start, view.handed_from or ALWAYS),) + head
        if kind == "no_update":
            return self.moved if under_way else None
        if kind == "stuck":
            return self.run[0] if under_way else None
        if kind == "uncollected":
            return self.pickup if status and status.stage == "pickup" else None
        if kind == "overdue":
            promised = orders.promised if orders.promised is not None else view.promised
            return None if orders.off or promised is None else (promised,) + head
        if kind == "source_stopped":
            return self.stopped
        return self.contradiction(kind.split(".")[1], ended, head)

    def contradiction(self, kind, ended, head):
        if kind == "scan_after_delivery":
            return self.after
        if kind == "scan_before_dispatch":
            dispatch, tolerance = self.orders.first_dispatch, self.tolerance("contradicted.scan_before_dispatch")
            early = self.first and dispatch is not None and self.first[0] < dispatch - tolerance
            return self.first if early else None
        if kind == "delivered_elsewhere":
            return self.elsewhere
        if kind == "wrong_country":
            return self.wrong
        if kind == "number_shared":
            return (self.shared_since,) + head if self.shared_since is not None else None
        return (self.registered,) + head if self.view.s10 == "bad" and not ended else None

    def pauses(self, rule):
        pauses = []
        for i, (since, status) in enumerate(self.statuses):
            if rule.pause and rule.pauses(status):
                to = self.statuses[i + 1][0] if i + 1 < len(self.statuses) else NEVER
                if pauses and pauses[-1][1] == since:
                    since = pauses.pop()[0]
                pauses.append((since, to))
        return pauses

    def due(self, kind, rule, start, at, before):
        tolerated = kind in ("contradicted.scan_after_delivery", "contradicted.scan_before_dispatch")
        calendar = self.rules.calendar(rule, self.situation)
        due = run_out(calendar, start, 0 if tolerated else rule.after, self.pauses(rule))
        if due is None or (kind == "stuck" and due <= self.run[4]):
            return due, True
        if kind == "stuck":
            return due, False
        # Not before what it is due by held, unless it was due then all along.
        if due < at and not (before and before.start == start and before.due == due):
            due = at
        return due, True

    def set_clocks(self, at, by):
        s = self.situation
        s.destination = (self.orders.to.country if self.orders.to else "") or self.view.destination
        s.status = self.status
        s.leg = self.leg()
        for kind in KINDS:
            start = self.start(kind)
            rule = self.rules.match(kind, s) if start else None
            if kind in self.open:
                episode = self.open[kind]
                if rule and episode.started == start[0]:
                    continue
                episode.until, episode.ended = at, by
                del self.open[kind]
            before = self.clocks.pop(kind, None)
            if not rule:
                continue
            due, runs = self.due(kind, rule, start[0], at, before)
            if runs:
                self.clocks[kind] = Clock(rule, start[0], start[1], due)

    def fall_due(self, before):
        for kind, clock in self.clocks.items():
            if kind in self.open or clock.due is None or clock.due >= before or clock.due > self.feed:
                continue
            episode = Episode(kind, clock.rule.name, clock.start, clock.due, clock.last)
            self.open[kind] = episode
            self.found.append(episode)

    def next_due(self):
        """When something becomes true that is not yet, if nothing else is told."""
        return min((clock.due for kind, clock in self.clocks.items()
                    if kind not in self.open and clock.due is not None and clock.due > self.feed), default=NEVER)


def episodes(rules, view, feed):
    """The episodes of a number when feed time is `feed`, and when the next is due."""
    journey = Journey(rules, view, feed)
    return journey.walk(), journey.next_due()
