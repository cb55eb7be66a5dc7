#!/usr/bin/env python3
"""The judge, judged: a small truth by hand, rows by SQL, and one planted
difference at a time.  Each must be found, and nothing beside it.

    test_judge.py                needs PostgreSQL's server; ends with 77 without
    test_judge.py order link     only cases with these words in their names
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "ops"))
import servers  # noqa: E402

SKIPPED = 77

# ---- the truth ------------------------------------------------------------------
# Three parcels: a registered letter that two sources tell of, one whose history
# was corrected, and one that was only announced by its order.

N = r"\N"
TRUTH = {
    # event, issuer, number, discriminator, source, instant, kind, stage, detail, sequence, state, rank,
    # precision, zone basis, offset, code, text, time, zone, country, region, city, place, marks
    "events": [
        (1, "", "RB123456785CN", "", "17track", "2026-10-01 02:00:00+00", "s", "accepted", "scan", N, "current", 1,
         "s", "g", 480, "InTransit_PickedUp", "Taken over", "2026-10-01T10:00:00+08:00", N, "CN", "GD", N,
         "Shenzhen", "{}"),
        (2, "", "RB123456785CN", "", "17track", "2026-10-09 21:05:00+00", "s", "customs", "started", N, "current", 2,
         "s", "p", -180, "InTransit_CustomsProcessing", "At customs", "2026-10-09T18:05:00", N, "BR", "PR", N,
         "Curitiba", "{}"),
        (3, "", "RB123456785CN", "", "linketrack", "2026-10-09 21:05:00+00", "s", "customs", "started", N,
         "current", 3,
         "m", "r", -180, N, "Encaminhado para fiscalização aduaneira", "09/10/2026 18:05", N, N, N, N,
         "CURITIBA - PR", "{}"),
        (4, "", "RB123456785CN", "", "linketrack", "2026-10-12 11:00:00+00", "s", "transit", "departed", N,
         "current", 4,
         "m", "r", -180, N, "Objeto encaminhado", "12/10/2026 08:00", N, N, N, N, "CURITIBA - PR", "{}"),
        (5, "", "RB123456785CN", "", "linketrack", "2026-10-14 12:30:00+00", "s", "delivery", "out", N, "current", 5,
         "m", "r", -180, N, "Objeto saiu", "14/10/2026 09:30", N, N, N, N, "RECIFE - PE", "{}"),
        # One that the newest history lacks, one that it tells otherwise.
        (6, "correios", "BR500", "", "correios", "2026-10-02 12:00:00+00", "s", "accepted", "scan", N,
         "no_longer_reported", 1,
         "s", "r", -180, "PO-01", "Objeto postado", "2026-10-02T09:00:00", N, N, "CE", "SOBRAL", "Agência", "{}"),
        (7, "correios", "BR500", "", "correios", "2026-10-03 12:00:00+00", "s", "transit", "arrived", N,
         "superseded", 2,
         "s", "r", -180, "CD-01", "Objeto chegou", "2026-10-03T09:00:00", N, N, "CE", "SOBRAL", "Agência", "{}"),
        (8, "correios", "BR500", "", "correios", "2026-10-03 12:00:00+00", "s", "transit", "arrived", N, "current", 2,
         "s", "r", -180, "CD-01", "Objeto chegou", "2026-10-03T09:00:00", N, N, "PE", "RECIFE", "Agência", "{}"),
        # Two at one instant, in the order that the source gives.
        (9, "correios", "BR500", "", "rastro/hub", "2026-10-05 06:00:00+00", "s", "transit", "departed", 1,
         "current", 4,
         "s", "g", 0, "DEP", "Left", "2026-10-05T06:00:00Z", N, "BR", "PE", "Recife", N, "{}"),
        (10, "correios", "BR500", "", "rastro/hub", "2026-10-05 06:00:00+00", "s", "transit", "arrived", 2,
         "current", 5,
         "s", "g", 0, "ARR", "Arrived", "2026-10-05T06:00:00Z", N, "BR", "PE", "Recife", N, "{}"),
        (11, "correios", "BR500", "", "rastro/hub", "2026-10-06 06:00:00+00", "s", "delivered", "other", 3,
         "current", 6,
         "s", "g", 0, "DEL", "Done", "2026-10-06T06:00:00Z", N, "BR", "PE", "Recife", N, "{}"),
    ],
    "wordings": [
        (4, "m", "r", -180, N, "Objeto encaminhado", "12/10/2026 08:00", N, N, N, N, "CURITIBA  -  PR", "{}"),
    ],
    "twins": [(3, 2)],
    "parcels": [
        ("", "RB123456785CN", "", "ok", "delivery", "out"),
        ("correios", "BR500", "", "no", "delivered", "other"),
        ("china-post", "RB123456780CN", "", "bad", N, N),
    ],
    "links": [("correios", "BR500", "", "rastro/hub", "last_mile", "usps", "9205590000")],
    "orders": [
        ("market", "A-1", "2026-09-30 08:00:00+00", "f", "f", "s-1", N, N, N, N, "", "RB123456785CN", ""),
        ("market", "A-1", "2026-10-02 08:00:00+00", "t", "t", "s-1", N, N, N, N, "", "RB123456785CN", ""),
        ("market", "B-2", "2026-10-02 08:00:00+00", "f", "t", "s-1", "standard", N, N,
         "2026-11-05 23:59:59.999999+00",
         "china-post", "RB123456780CN", ""),
    ],
    "quarantined_messages": [("scans", 0, 4, "cut short"), ("scans", 1, 9, "empty")],
    "quarantined_events": [("", "RB123456785CN", "", "linketrack", 3), ("", "RB123456785CN", "", "linketrack", 1),
                           (N, N, N, "cainiao", 2)],
    "positions": [("scans", 0, 20), ("scans", 1, 31), ("scans", 2, 0)],
}

# ---- the rows ---------------------------------------------------------------------

ROWS = """
INSERT INTO rastro.sources (source, name) OVERRIDING SYSTEM VALUE
VALUES (1, '17track'), (2, 'linketrack'), (3, 'correios'), (4, 'rastro/hub'), (5, 'cainiao');
INSERT INTO rastro.topics (topic, cluster, name) OVERRIDING SYSTEM VALUE VALUES (1, 'c', 'scans');
INSERT INTO rastro.parcels (parcel_id, s10, issuer, number, discriminator)
VALUES (1024, 'y', '', 'RB123456785CN', ''), (1025, 'n', 'correios', 'BR500', ''),
       (1026, 'b', 'china-post', 'RB123456780CN', '');

-- Rows are written in a form that members know; the cases change what people see.
CREATE FUNCTION rastro.plant_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    row_origin integer;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM rastro.event_rows WHERE parcel_id = OLD.parcel_id AND fp = OLD.fp;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    INSERT INTO rastro.origins (topic, kafka_partition, source, identity, iana, meaning)
    VALUES (NEW.topic, NEW.kafka_partition, NEW.source, NEW.identity, NEW.iana, NEW.meaning)
    ON CONFLICT (topic, kafka_partition, source, identity, iana, meaning) DO UPDATE SET topic = excluded.topic
    RETURNING origin INTO row_origin;
    INSERT INTO rastro.event_rows (parcel_id, instant, published_at, recorded_at, kafka_offset, fp, said, origin,
        traits, status, offset_minutes, sequence, time_words, own_words)
    VALUES (NEW.parcel_id, NEW.instant, NEW.published_at, coalesce(NEW.recorded_at, now()), NEW.kafka_offset, NEW.fp,
        NEW.said, row_origin, (strpos('spr', NEW.kind::text) - 1) | ((strpos('dmsf', NEW.precision::text) - 1) << 2)
        | ((strpos('gpra', NEW.zone_basis::text) - 1) << 4) | (NEW.marks::integer << 8), NEW.status, NEW.offset_minutes,
        NEW.sequence, NEW.time_words,
        ARRAY[NEW.code, NEW.text, NEW.zone_words, NEW.country, NEW.region, NEW.city, NEW.place]);
    RETURN NEW;
END $$;
CREATE TRIGGER plant INSTEAD OF INSERT OR UPDATE OR DELETE ON rastro.events
    FOR EACH ROW EXECUTE FUNCTION rastro.plant_event();

CREATE FUNCTION pg_temp.add(id int, parcel bigint, teller int, instant timestamptz, stage text, detail text,
                            cut "char", basis "char", clock int, code text, words text, at text, country text,
                            region text, city text, place text, sequence bigint DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO rastro.events (parcel_id, instant, published_at, kafka_offset, kafka_partition, topic, source, status,
        identity, iana, meaning, offset_minutes, marks, fp, said, kind, precision, zone_basis, sequence, code, text,
        time_words, country, region, city, place)
    SELECT parcel, instant, instant + interval '1 hour', id, 0, 1, teller, s.status, 1, 652, 1, clock, 0,
        lpad(to_hex(id), 32, '0')::uuid, lpad(to_hex(id + 4096), 32, '0')::uuid, 's', cut, basis, sequence, code,
        words, at, country, region, city, place
    FROM rastro.statuses s WHERE s.stage = add.stage AND s.detail = add.detail
$$;
SELECT pg_temp.add(1, 1024, 1, '2026-10-01 02:00Z', 'accepted', 'scan', 's', 'g', 480, 'InTransit_PickedUp',
                   'Taken over', '2026-10-01T10:00:00+08:00', 'CN', 'GD', NULL, 'Shenzhen');
SELECT pg_temp.add(2, 1024, 1, '2026-10-09 21:05Z', 'customs', 'started', 's', 'p', -180, 'InTransit_CustomsProcessing',
                   'At customs', '2026-10-09T18:05:00', 'BR', 'PR', NULL, 'Curitiba');
SELECT pg_temp.add(3, 1024, 2, '2026-10-09 21:05Z', 'customs', 'started', 'm', 'r', -180, NULL,
                   'Encaminhado para fiscalização aduaneira', '09/10/2026 18:05', NULL, NULL, NULL, 'CURITIBA - PR');
SELECT pg_temp.add(4, 1024, 2, '2026-10-12 11:00Z', 'transit', 'departed', 'm', 'r', -180, NULL, 'Objeto encaminhado',
                   '12/10/2026 08:00', NULL, NULL, NULL, 'CURITIBA - PR');
SELECT pg_temp.add(5, 1024, 2, '2026-10-14 12:30Z', 'delivery', 'out', 'm', 'r', -180, NULL, 'Objeto saiu',
                   '14/10/2026 09:30', NULL, NULL, NULL, 'RECIFE - PE');
SELECT pg_temp.add(6, 1025, 3, '2026-10-02 12:00Z', 'accepted', 'scan', 's', 'r', -180, 'PO-01', 'Objeto postado',
                   '2026-10-02T09:00:00', NULL, 'CE', 'SOBRAL', 'Agência');
SELECT pg_temp.add(7, 1025, 3, '2026-10-03 12:00Z', 'transit', 'arrived', 's', 'r', -180, 'CD-01', 'Objeto chegou',
                   '2026-10-03T09:00:00', NULL, 'CE', 'SOBRAL', 'Agência');
SELECT pg_temp.add(8, 1025, 3, '2026-10-03 12:00Z', 'transit', 'arrived', 's', 'r', -180, 'CD-01', 'Objeto chegou',
                   '2026-10-03T09:00:00', NULL, 'PE', 'RECIFE', 'Agência');
SELECT pg_temp.add(9, 1025, 4, '2026-10-05 06:00Z', 'transit', 'departed', 's', 'g', 0, 'DEP', 'Left',
                   '2026-10-05T06:00:00Z', 'BR', 'PE', 'Recife', NULL, 1);
SELECT pg_temp.add(10, 1025, 4, '2026-10-05 06:00Z', 'transit', 'arrived', 's', 'g', 0, 'ARR', 'Arrived',
                   '2026-10-05T06:00:00Z', 'BR', 'PE', 'Recife', NULL, 2);
SELECT pg_temp.add(11, 1025, 4, '2026-10-06 06:00Z', 'delivered', 'other', 's', 'g', 0, 'DEL', 'Done',
                   '2026-10-06T06:00:00Z', 'BR', 'PE', 'Recife', NULL, 3);

-- Withdrawn, told again, and withdrawn for good; the last line counts.
INSERT INTO rastro.event_changes (parcel_id, fp, rev, change, by_fp, topic, kafka_partition, kafka_offset, recorded_at)
VALUES (1025, lpad('6', 32, '0')::uuid, 1, 'w', NULL, 1, 0, 1, now() - interval '3 s'),
       (1025, lpad('6', 32, '0')::uuid, 2, 'b', NULL, 1, 0, 2, now() - interval '2 s'),
       (1025, lpad('6', 32, '0')::uuid, 3, 'w', NULL, 1, 0, 3, now() - interval '1 s'),
       (1025, lpad('7', 32, '0')::uuid, 1, 's', lpad('8', 32, '0')::uuid, 1, 0, 1, now());

INSERT INTO rastro.parcel_links (parcel_id, published_at, kafka_offset, kafka_partition, topic, source, kind, issuer,
    number)
VALUES (1025, now(), 1, 0, 1, 4, 'last_mile', 'usps', '9205590000');

INSERT INTO rastro.shipment_updates (parcel_id, updated_at, published_at, kafka_offset, kafka_partition, topic,
    cancelled, key, marketplace, order_id, seller, service, promised_to)
VALUES (1024, '2026-09-30 08:00Z', now(), 1, 0, 1, false, lpad('1', 32, '0')::uuid, 'market', 'A-1', 's-1', NULL, NULL),
       (1024, '2026-10-02 08:00Z', now(), 2, 0, 1, true, lpad('2', 32, '0')::uuid, 'market', 'A-1', 's-1', NULL, NULL),
       (1026, '2026-10-02 08:00Z', now(), 3, 0, 1, false, lpad('3', 32, '0')::uuid, 'market', 'B-2', 's-1', 'standard',
        '2026-11-05 23:59:59.999999Z');

INSERT INTO rastro.quarantined_messages (topic, kafka_partition, kafka_offset, published_at, reason, sha)
VALUES (1, 0, 4, now(), 'JSON', '\\x01'), (1, 1, 9, now(), 'empty value', '\\x02');
INSERT INTO rastro.quarantined_events (parcel_id, source, sha, reason, path, count, first_topic, first_partition,
    first_offset, last_topic, last_partition, last_offset)
VALUES (1024, 2, '\\x03', 'time: missing', '$', 3, 1, 0, 1, 1, 0, 5),
       (1024, 2, '\\x04', 'time: missing', '$', 1, 1, 0, 1, 1, 0, 5),
       (0, 5, '\\x05', 'number: missing', '$', 2, 1, 0, 1, 1, 0, 5);
INSERT INTO rastro.positions (cluster, topic, partition, next, owner_term)
VALUES ('c', 'scans', 0, 20, 1), ('c', 'scans', 1, 31, 1);
"""


def fp(id):
    return f"lpad(to_hex({id}), 32, '0')::uuid"


def redefine(function, old, new):
    """The function with a word of its body changed, as a mistake would."""
    return f"""DO $do$ DECLARE d text := pg_get_functiondef('{function}'::regproc);
        BEGIN ASSERT strpos(d, $a${old}$a$) > 0, 'not there'; EXECUTE replace(d, $a${old}$a$, $a${new}$a$); END $do$"""


def copied(id, **changed):
    """An INSERT of a copy of an event, with other values in some columns."""
    columns = ["parcel_id", "instant", "published_at", "kafka_offset", "kafka_partition", "topic", "source", "status",
               "identity", "iana", "meaning", "offset_minutes", "marks", "fp", "said", "kind", "precision",
               "zone_basis", "sequence", "code", "text", "time_words", "zone_words", "country", "region", "city",
               "place"]
    values = ", ".join(changed.get(c, c) for c in columns)
    return f"INSERT INTO rastro.events ({', '.join(columns)}) SELECT {values} FROM rastro.events WHERE fp = {fp(id)}"


def changed(id, assignment):
    return f"UPDATE rastro.events SET {assignment} WHERE fp = {fp(id)}"


OTHER_WORDING = "'CURITIBA  -  PR'"
SAME_TIME = """CREATE OR REPLACE FUNCTION rastro.same_time(a timestamptz, a_precision "char", a_offset smallint,
    b timestamptz, b_precision "char", b_offset smallint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'"""
SILENT_LOG = """CREATE OR REPLACE VIEW rastro.change_log AS
    SELECT parcel_id, fp, recorded_at, 'reinstated' AS change, by_fp FROM rastro.event_changes"""
UPDATE_TWICE = """INSERT INTO rastro.shipment_updates (parcel_id, updated_at, published_at, kafka_offset,
        kafka_partition, topic, cancelled, key, marketplace, order_id, seller)
    SELECT parcel_id, updated_at, published_at, 9, 0, 1, cancelled, lpad('0', 32, '0')::uuid, marketplace, order_id,
        seller
    FROM rastro.shipment_updates WHERE order_id = 'A-1' AND NOT cancelled"""
BAD_EVENT = """INSERT INTO rastro.quarantined_events (parcel_id, source, sha, reason, path, count, first_topic,
        first_partition, first_offset, last_topic, last_partition, last_offset)
    VALUES (1025, 3, '\\x09', 'x', '$', 1, 1, 0, 1, 1, 0, 1)"""
BAD_MESSAGE = """INSERT INTO rastro.quarantined_messages (topic, kafka_partition, kafka_offset, published_at,
        reason, sha)
    VALUES (1, 0, 5, now(), 'x', '\\x09')"""
WITHDRAWN = f"""INSERT INTO rastro.event_changes (parcel_id, fp, rev, change, topic, kafka_partition, kafka_offset)
    VALUES (1024, {fp(4)}, 1, 'w', 1, 0, 0)"""
NO_PARCEL = "DELETE FROM rastro.parcels WHERE parcel_id = "
MORE_OFTEN = "UPDATE rastro.quarantined_events SET count = 4 WHERE count = 3"
OLDER_READING = copied(4, fp=fp(77), identity="0", instant="instant + interval '3 hours'")

# name: (what is planted, what must be found, further arguments)
CASES = {
    "nothing": ("", {}),
    "missing event": (f"DELETE FROM rastro.events WHERE fp = {fp(4)}", {"missing event": 1}),
    "missing twin": (f"DELETE FROM rastro.events WHERE fp = {fp(2)}", {"missing event": 1}),
    "event twice": (copied(1, fp=fp(77)), {"event twice": 1}),
    "event that is not true": (
        copied(1, fp=fp(77), instant="instant - interval '9 days'", text="'nonsense'", code="'X'", time_words="'x'"),
        {"event that the truth lacks": 1}),
    "wrong instant": (changed(4, "instant = instant + interval '1 hour'"), {"wrong instant": 1}),
    "wrong instant of many, by one hour": (
        "UPDATE rastro.events SET instant = instant + interval '1 hour' WHERE source = 2", {"wrong instant": 3}),
    "wrong stage": (changed(4, "status = 31"), {"wrong stage": 1}),
    "wrong precision": (changed(4, "precision = 's'"), {"wrong precision": 1}),
    "wrong zone basis": (changed(4, "zone_basis = 'a'"), {"wrong zone basis": 1}),
    "wrong text": (changed(4, "text = 'Objeto'"), {"wrong text": 1}),
    "wrong place": (changed(1, "city = 'X'"), {"wrong place": 1}),
    "empty for null": (changed(1, "zone_words = ''"), {"wrong words of zone": 1}),
    "wrong marks": (changed(4, "marks = 1"), {"wrong marks": 1}),
    "planned, not done": (changed(4, "kind = 'p'"), {"wrong kind": 1}),
    "another wording": (changed(4, f"place = {OTHER_WORDING}"), {}),
    "both wordings": (copied(4, fp=fp(77), place=OTHER_WORDING), {"event twice": 1}),
    "wrong state: withdrawn": (WITHDRAWN, {"wrong state": 1}),
    "wrong state: back": (f"DELETE FROM rastro.event_changes WHERE fp = {fp(6)} AND rev = 3", {"wrong state": 1}),
    "wrong state: superseded": (f"UPDATE rastro.event_changes SET change = 'w' WHERE fp = {fp(7)}", {"wrong state": 1}),
    "silent log": (SILENT_LOG, {"not in the log": 2}),
    "wrong order": (
        redefine("rastro.timeline", "coalesce(e.sequence, 0)", "-coalesce(e.sequence, 0)"), {"wrong order": 1}),
    "wrong sequence": (changed(10, "sequence = 9"), {"wrong sequence": 1}),
    "missing soft link": (redefine("rastro.timeline", "t.shown_with <> e.fp", "false"), {"missing soft link": 1}),
    "soft link that is not true": (SAME_TIME, {"shown with another": 1}),
    "wrong status of a parcel": (
        redefine("rastro.parcel_status", "place_in_order DESC", "place_in_order"), {"wrong status of a parcel": 2}),
    "missing parcel": (
        f"{NO_PARCEL} 1026; DELETE FROM rastro.shipment_updates WHERE parcel_id = 1026", {"missing parcel": 1}),
    "missing parcel with events": (f"{NO_PARCEL} 1025; DELETE FROM rastro.parcel_links", {"missing parcel": 1}),
    "parcel that is not true": (
        "INSERT INTO rastro.parcels (parcel_id, s10, issuer, number, discriminator) VALUES (9, 'n', 'x', '1', '')",
        {"parcel that the truth lacks": 1}),
    "wrong S10 verdict": ("UPDATE rastro.parcels SET s10 = 'n' WHERE parcel_id = 1026", {"wrong S10 verdict": 1}),
    "missing link": ("DELETE FROM rastro.parcel_links", {"missing link": 1}),
    "link that is not true": (
        "UPDATE rastro.parcel_links SET number = '77'", {"missing link": 1, "link that the truth lacks": 1}),
    "wrong order status": ("UPDATE rastro.shipment_updates SET cancelled = false", {"wrong status of an order": 1}),
    "missing update": (
        "DELETE FROM rastro.shipment_updates WHERE order_id = 'A-1' AND cancelled",
        {"missing update of an order": 1, "wrong current update of an order": 1}),
    "update twice": (UPDATE_TWICE, {"update of an order that the truth lacks": 1}),
    "wrong promise": (
        "UPDATE rastro.shipment_updates SET promised_to = '2026-11-05Z' WHERE order_id = 'B-2'",
        {"wrong promise of an order": 1}),
    "missing quarantine": (
        "DELETE FROM rastro.quarantined_messages WHERE kafka_offset = 9", {"message not in quarantine": 1}),
    "another quarantine": (
        "UPDATE rastro.quarantined_messages SET kafka_offset = 8 WHERE kafka_offset = 9",
        {"message not in quarantine": 1, "message in quarantine that is fine": 1}),
    "extra quarantine": (BAD_MESSAGE, {"message in quarantine that is fine": 1}),
    "missing quarantined event": (
        "DELETE FROM rastro.quarantined_events WHERE parcel_id = 0", {"event not in quarantine": 1}),
    "extra quarantined event": (BAD_EVENT, {"event in quarantine that is fine": 1}),
    "wrong count": (MORE_OFTEN, {"wrong count in quarantine": 1}),
    "more often, when repeated": (MORE_OFTEN, {}, "--repeated"),
    "position off by one": ("UPDATE rastro.positions SET next = 21 WHERE partition = 0", {"wrong position": 1}),
    "missing position": ("DELETE FROM rastro.positions WHERE partition = 1", {"wrong position": 1}),
    "older reading": (OLDER_READING, {"event that the truth lacks": 1}),
    "older reading, when allowed": (OLDER_READING, {}, "--rereadings"),
}


# ---- running ------------------------------------------------------------------------------

def write_truth(folder):
    for file, rows in TRUTH.items():
        with open(os.path.join(folder, file + ".tsv"), "w", encoding="utf-8") as out:
            for row in rows:
                out.write("\t".join(str(v) for v in row) + "\n")


def make_schema(postgres):
    """Without the program: its files of SQL, and the table that it keeps itself."""
    migrations = os.path.join(ROOT, "schema", "migrations")
    postgres.psql("CREATE SCHEMA rastro;"
                  "CREATE TABLE rastro.migrations (version integer, checksum bytea, name text)")
    for name in sorted(os.listdir(migrations)):
        with open(os.path.join(migrations, name), encoding="utf-8") as text:
            postgres.psql(text.read())
    with open(os.path.join(ROOT, "schema", "status.json"), encoding="utf-8") as text:
        statuses = json.load(text)["statuses"]
    rows = []
    for rank, status in enumerate(statuses):
        stage, _, detail = status["name"].partition(".")
        rows.append(f"({status['id']}, {rank}, '{stage}', '{detail}', {status['moves']}, false, '')")
    postgres.psql("INSERT INTO rastro.statuses (status, rank, stage, detail, moves, ends, label) VALUES "
                  + ", ".join(rows))
    postgres.psql(ROWS)


def run_judge(postgres, database, folder, arguments):
    env = dict(os.environ, **postgres.env())
    env["PGDATABASE"] = database
    command = [sys.executable, os.path.join(HERE, "judge.py"), folder, "--json", "--sessions", "1", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        return f"ended with {done.returncode}: {done.stderr.strip()}"
    verdict = json.loads(done.stdout)
    found = {kind: v["count"] for kind, v in verdict["kinds"].items()}
    if (done.returncode == 0) != (not found) or verdict["differences"] != sum(found.values()):
        return f"its verdict contradicts itself: {done.stdout}"
    return found, verdict


def check(postgres, name, folder):
    sql, expected, *arguments = CASES[name]
    database = "case_" + re.sub(r"\W+", "_", name.lower())
    postgres.psql(f"CREATE DATABASE {database} TEMPLATE rastro", database="postgres")
    try:
        if sql:
            postgres.psql(sql, database=database)
        result = run_judge(postgres, database, folder, arguments)
    finally:
        postgres.psql(f"DROP DATABASE {database}", database="postgres")
    if isinstance(result, str):
        return result
    found, verdict = result
    if found == expected:
        return None
    examples = [f"{k}: {e['about']}: {e['says']}" for k, v in verdict["kinds"].items() for e in v["examples"]]
    return f"found {found}, expected {expected}\n    " + "\n    ".join(examples)


def main(words):
    try:
        servers.Postgres.bin("initdb")
    except servers.ServerError as e:
        print(f"skipped: {e}")
        return SKIPPED
    folder = tempfile.mkdtemp(prefix="rastro-judge-")
    os.chmod(folder, 0o755)
    postgres = servers.Postgres(os.path.join(folder, "pg"), {"fsync": "off"})
    failed = 0
    try:
        postgres.start()
        make_schema(postgres)
        write_truth(folder)
        names = [n for n in CASES if not words or any(w in n for w in words)]
        for name in names:
            problem = check(postgres, name, folder)
            failed += problem is not None
            print(f"{'FAILED' if problem else 'ok':6} {name}" + (f": {problem}" if problem else ""), flush=True)
        print(f"{len(names) - failed} of {len(names)} passed")
    finally:
        if postgres.facts.get("pid"):
            postgres.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
