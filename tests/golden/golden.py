#!/usr/bin/env python3
"""Golden results of the source profiles.

Every payload under this folder (SOURCE/NAME.json, or .bin where the bytes are
no JSON) is explained in both formats and compared with NAME.txt, which a
person has checked against the payload, and NAME.golden.json.  Beside that:
the JSON fits its schema, the other JSON reader says the same, profiles fit
their schema, and each profile's example is read without complaint.

    golden.py --rastro build/rastro                  all of it
    golden.py --rastro build/rastro usps/ clock       only names with these words
    golden.py --rastro build/rastro --update         write the results anew
    golden.py --rastro build/rastro --samples DIR    also real payloads; none is kept here

Ends with 0, 1 (something differs) or 77 (DIR is not there: skipped).
"""
import argparse
import difflib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    from jsonschema import Draft202012Validator
except ImportError:
    Draft202012Validator = None

ROOT = Path(__file__).resolve().parents[2]
HERE = Path("tests/golden")
RECEIVED = "2026-11-23T08:00:00Z"
# By then whatever is to stall has stalled.
NOW = "2027-01-31T00:00:00Z"
SKIPPED = 77

# Where the reference reader may differ, and why (include/rastro/json.h).  One
# that does not differ any more is reported, so that the list stays short.
REFERENCE_DIFFERS = {
    "hostile/huge-numbers": "integers beyond 64 bits are refused",
    "hostile/key-twice-in-a-parcel": "the last of repeated keys is kept",
    "hostile/key-twice-in-an-event": "the last of repeated keys is kept",
    "hostile/lone-surrogate": "lone surrogates are refused",
    "shipments/order-named-twice": "the last of repeated keys is kept",
}

# Real payloads that a profile covers: source, then number and event count of
# each parcel in the payload's order, statuses without a scan included.
SAMPLES = {
    "17track/webhook-dhl-paket-1.json": ("17track", [("1234567890", 2)]),
    "aftership/create-1.json": ("aftership", [("1111111111111", 1)]),
    "aftership/last-checkpoint-fedex-1.json": ("aftership", [("111111111111", 1)]),
    "aftership/tracking-fedex-1.json": ("aftership", [("111111111111", 14)]),
    "aftership/trackings-list-1.json": (
        "aftership", [("1111111111111", 11), ("2222222222222", 1), ("1231231231231", 1)]),
    "cainiao/pacotevicio-aliexpress-1.json": ("cainiao", [("LP00123456789CN", 3)]),
    "correios/linketrack-1.json": ("linketrack", [("NL276547976BR", 7)]),
    "correios/proxyapp-1.json": ("correios", [("LE424296059SE", 1)]),
    "karrio/usps-1.json": ("usps", [("9400109104250532908587", 12)]),
}

# What a person would flag of them at NOW: kind, since, rule.
SAMPLE_STALLS = {
    "17track/webhook-dhl-paket-1.json": [
        ("uncollected", "2022-09-21T07:47:00Z", "default-uncollected"),
        ("no_update", "2022-10-11T12:28:36Z", "default-domestic"),
    ],
    "aftership/create-1.json": [
        ("never_scanned", "2018-08-24T06:25:32Z", "default-never-scanned"),
        ("overdue", "2019-05-20T23:59:59.999999Z", "default-overdue"),
    ],
    "aftership/last-checkpoint-fedex-1.json": [],
    "aftership/tracking-fedex-1.json": [],
    "aftership/trackings-list-1.json": [
        ("source_stopped", "2018-06-22T07:21:57Z", "default-source-stopped"),
        ("never_scanned", "2018-06-29T07:21:57Z", "default-never-scanned"),
        ("source_stopped", "2018-07-11T08:34:34Z", "default-source-stopped"),
        ("never_scanned", "2018-07-18T08:34:34Z", "default-never-scanned"),
    ],
    "cainiao/pacotevicio-aliexpress-1.json": [
        ("no_update", "2025-06-17T16:33:27Z", "default-line-haul"),
    ],
    "correios/linketrack-1.json": [],
    "correios/proxyapp-1.json": [
        ("no_update", "2021-12-30T18:26:59Z", "default-line-haul"),
    ],
    "karrio/usps-1.json": [],
}


class Run:
    """One run of the script: the program, what went wrong, what was done."""

    def __init__(self, rastro):
        self.rastro = rastro
        self.complaints = []
        self.counts = {}
        self.validators = {}
        # Options of whoever runs this must not reach the results.
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("RASTRO_")}
        self.env.update(LC_ALL="C.UTF-8", NO_COLOR="1")

    def fail(self, name, what):
        self.complaints.append(name)
        print(f"--- {name}: {what}")

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def explain(self, name, path, *options):
        """Standard output as bytes, or None after a crash or an error."""
        command = [self.rastro, "explain", "--config", "/dev/null", "--schema", "schema",
                   "--received", RECEIVED, "--now", NOW, *options, str(path)]
        done = subprocess.run(command, env=self.env, capture_output=True, timeout=60)
        # 1 says that the message is quarantined.
        if done.returncode in (0, 1):
            return done.stdout
        if done.returncode in (64, 78):
            # Usage or configuration: no payload can be explained at all.
            sys.exit(f"golden: {done.stderr.decode(errors='replace').strip()}")
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
        self.fail(name, f"{how}\n{done.stderr.decode(errors='replace')}")
        return None

    def explain_json(self, name, path, *options):
        out = self.explain(name, path, "--format", "json", *options)
        if out is None:
            return None
        try:
            return json.loads(out)
        except ValueError as error:
            self.fail(name, f"the output is no JSON: {error}")
            return None

    def check_schema(self, name, schema, value):
        """Whether `value` fits schema/NAME.schema.json."""
        if Draft202012Validator is None:
            return True
        if schema not in self.validators:
            text = json.loads(Path(f"schema/{schema}.schema.json").read_text())
            self.validators[schema] = Draft202012Validator(text)
        errors = sorted(self.validators[schema].iter_errors(value), key=lambda e: list(map(str, e.path)))
        for error in errors[:5]:
            where = "/".join(map(str, error.path)) or "the whole"
            self.fail(name, f"{schema}.schema.json: {where}: {error.message[:300]}")
        return not errors


def for_people(out):
    """The text without the line about all other profiles: it would change with
    every profile that is added."""
    return b"".join(line for line in out.splitlines(keepends=True) if not line.startswith(b"         (not: "))


def pretty(value):
    return (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False) + "\n").encode()


def compare(run, name, path, got, update):
    if update:
        if not path.exists() or path.read_bytes() != got:
            path.write_bytes(got)
            run.count("rewritten")
        return
    if not path.exists():
        run.fail(name, f"{path} is missing; check the result and run with --update")
        return
    want = path.read_bytes()
    if want == got:
        return
    diff = difflib.unified_diff(want.decode(errors="replace").splitlines(), got.decode(errors="replace").splitlines(),
                                str(path), "now", lineterm="")
    run.fail(name, "differs\n" + "\n".join(diff))


def without_parser_words(result):
    """Why a text is no JSON is each reader's own sentence."""
    if result and str(result["reason"]).startswith("JSON:"):
        return dict(result, reason="JSON")
    return result


def check_reference(run, name, path, result):
    if name in REFERENCE_DIFFERS:
        other = run.explain_json(name, path, "--reader", "reference")
        if other == result:
            run.fail(name, f"the reference reader does not differ any more ({REFERENCE_DIFFERS[name]})")
        return
    other = run.explain_json(name, path, "--reader", "reference")
    if without_parser_words(other) == without_parser_words(result):
        return
    diff = difflib.unified_diff(pretty(result).decode().splitlines(), pretty(other).decode().splitlines(),
                                "fast", "reference", lineterm="", n=2)
    run.fail(name, "the readers differ\n" + "\n".join(diff))


def check_payload(run, path, update):
    name = f"{path.parent.name}/{path.stem}"
    text = run.explain(name, path)
    result = run.explain_json(name, path)
    if text is None or result is None:
        return
    run.count("payloads")
    base = path.parent / path.stem
    compare(run, name, base.with_name(base.name + ".txt"), for_people(text), update)
    compare(run, name, base.with_name(base.name + ".golden.json"), pretty(result), update)
    run.check_schema(name, "explain", result)
    check_reference(run, name, path, result)
    # Our own contracts: what is read in full must fit their schema.
    contract = {"rastro": "event", "shipments": "shipment"}.get(path.parent.name)
    if contract and result["result"] == "ok":
        run.check_schema(name, contract, json.loads(path.read_text()))


def check_clean(run, name, path, result, source):
    """Read without complaint, and nothing in it that the profile is silent on."""
    if result["source"] != source and not str(result["source"]).startswith(source + "/"):
        run.fail(name, f"read as {result['source']}, not as {source}")
    if result["result"] != "ok":
        run.fail(name, f"{result['result']}: {result['reason'] or result['quarantined']}")
    for parcel in result["parcels"]:
        for event in parcel["events"]:
            if "unmapped_code" in event["marks"]:
                run.fail(name, f"no rule for {event['code'] or event['text']}")
    text = run.explain(name, path) or b""
    for line in text.decode(errors="replace").splitlines():
        if line.startswith("unread"):
            run.fail(name, line)


def check_profile(run, path):
    name = f"schema/sources/{path.name}"
    profile = json.loads(path.read_text())
    run.count("profiles")
    run.check_schema(name, "source", profile)
    if "example" not in profile:
        run.fail(name, "no example")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(profile["example"], file)
        file.flush()
        result = run.explain_json(name, file.name)
        if result is None:
            return
        check_clean(run, name, file.name, result, profile["source"])
        if not any(parcel["events"] for parcel in result["parcels"]):
            run.fail(name, "the example has no event")
    if profile["source"] == "rastro":
        run.check_schema(name, "event", profile["example"])


def check_schemas(run):
    if Draft202012Validator is None:
        print("golden: python3-jsonschema is not here: nothing is checked against the schemas")
        return
    for path in sorted(Path("schema").glob("*.schema.json")):
        schema = json.loads(path.read_text())
        try:
            Draft202012Validator.check_schema(schema)
        except Exception as error:  # the library has a dozen kinds
            run.fail(str(path), error)
            continue
        run.count("schemas")
        for example in schema.get("examples", []):
            run.check_schema(str(path), path.name.removesuffix(".schema.json"), example)
        if not schema.get("examples"):
            run.fail(str(path), "no example")
    run.check_schema("schema/stalls.json", "stalls", json.loads(Path("schema/stalls.json").read_text()))


def check_sample(run, folder, file):
    source, parcels = SAMPLES[file]
    path, name = folder / file, f"samples/{file}"
    if not path.exists():
        run.fail(name, "is not there")
        return
    result = run.explain_json(name, path)
    if result is None:
        return
    run.count("samples")
    run.check_schema(name, "explain", result)
    check_reference(run, name, path, result)
    check_clean(run, name, path, result, source)
    found = [(parcel["number"], len(parcel["events"])) for parcel in result["parcels"]]
    if found != parcels:
        run.fail(name, f"expected {parcels}, found {found}")
    stalls = [(stall["kind"], stall["since"], stall["rule"])
              for parcel in result["parcels"] for stall in parcel["stalls"]]
    if stalls != SAMPLE_STALLS[file]:
        run.fail(name, f"expected {SAMPLE_STALLS[file]}, found {stalls}")


def check_others(run, folder, wanted):
    """Payloads of other sources: no profile may take them for its own."""
    for path in sorted(folder.glob("*/*.json")):
        file = str(path.relative_to(folder))
        if file in SAMPLES or not wanted(f"samples/{file}"):
            continue
        result = run.explain_json(f"samples/{file}", path)
        if result is None:
            continue
        run.count("others")
        if result["source"] is not None:
            run.fail(f"samples/{file}", f"taken for one of {result['source']}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rastro", required=True, help="the program")
    options.add_argument("--samples", help="folder of real payloads")
    options.add_argument("--update", action="store_true", help="write the results instead of comparing")
    options.add_argument("names", nargs="*", metavar="NAME", help="only those whose name has one of these words")
    given = options.parse_args()
    samples = Path(given.samples).resolve() if given.samples else None
    run = Run(str(Path(given.rastro).resolve()))
    # Paths in the results count from here.
    os.chdir(ROOT)

    def wanted(name):
        return not given.names or any(word in name for word in given.names)

    if not given.names:
        check_schemas(run)
    for path in sorted(Path("schema/sources").glob("*.json")):
        if wanted(f"schema/sources/{path.name}"):
            check_profile(run, path)
    payloads = [p for p in sorted(HERE.glob("*/*")) if p.suffix in (".json", ".bin") and not p.name.endswith(".golden.json")]
    for path in payloads:
        if wanted(f"{path.parent.name}/{path.name}"):
            check_payload(run, path, given.update)
    for stale in sorted(set(REFERENCE_DIFFERS) - {f"{p.parent.name}/{p.stem}" for p in payloads}):
        run.fail(stale, "is a known difference, but there is no such payload")

    absent = samples is not None and not samples.is_dir()
    if samples is not None and not absent:
        for file in SAMPLES:
            if wanted(f"samples/{file}"):
                check_sample(run, samples, file)
        check_others(run, samples, wanted)

    done = ", ".join(f"{n} {what}" for what, n in run.counts.items()) or "nothing"
    if run.complaints:
        print(f"golden: {len(run.complaints)} complaints in {len(set(run.complaints))} places ({done})")
        return 1
    if absent:
        print(f"golden: skipped the real payloads: no folder {samples} ({done}: as expected)")
        return SKIPPED
    print(f"golden: as expected ({done})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
