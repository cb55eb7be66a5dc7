#!/usr/bin/env python3
"""Seeds for the fuzz targets, from the payloads and profiles of this tree.

    seeds.py FOLDER     writes FOLDER/TARGET/NAME
"""
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A pattern and a text of each form that feeds use.
TIMES = [
    ("iso", "2025-05-21T13:33:04.123Z"), ("iso", "2023-04-05 18:56:00 UTC"), ("iso", "2021-01-14T00:52:00,5+05:30"),
    ("iso", "2024-12-31T24:00:00"), ("iso", "2016-12-31T23:59:60Z"), ("iso", "2024-02-29"), ("%Y%m%d %H%M%S", "20210210 071356"),
    ("%d/%m/%Y %H:%M", "05/11/2020 18:31"), ("%m/%d/%Y %I:%M %p", "1/9/2024 2:39 PM"), ("%d %m %Y %H:%M:%S", "02 06 2022 08:59:14"),
    ("%Y-%m-%d %H:%M:%S.%f", "2020-11-05 18:31:00.000000"), ("%F %T %z", "2020-11-05 18:31:07 -0330"),
    ("%b %e, %Y %R", "Feb  3, 2024 13:02"), ("%d %B %y", "7 september 24"), ("%s %z", "1748410407 +0300"), ("%%%Y%m%d", "%20240506"),
    ("epoch_s", "1748410407.25"), ("epoch_s", "-0.5"), ("epoch_ms", "1748410407123"), ("dotnet", "/Date(1748410407000+0300)/"),
    ("America/Sao_Paulo", "GMT-3"), ("Europe/Berlin", "+0530"), ("America/New_York", "Z"),
]


def put(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main():
    out = Path(sys.argv[1])
    payloads = [p for p in sorted(ROOT.glob("tests/golden/*/*"))
                if p.suffix in (".json", ".bin") and not p.name.endswith(".golden.json")]
    profiles = sorted(ROOT.glob("schema/sources/*.json"))
    names = sorted(json.loads(p.read_text())["source"] for p in profiles)
    for path in payloads:
        name, data = f"{path.parent.name}-{path.stem}", path.read_bytes()
        put(out / "json", name, data)
        put(out / "decode", name, b"\0" + data)
        if path.parent.name in names:
            put(out / "decode", name + "-named", bytes([names.index(path.parent.name) + 1]) + data)
        put(out / "raw", name, bytes([len(data) % 256]) + data[:4096])
    for path in profiles:
        profile = json.loads(path.read_text())
        put(out / "json", path.name, path.read_bytes())
        put(out / "profile", path.name, path.read_bytes())
        # Without the large parts, so that a change comes soon to what matters.
        profile["meaning"]["codes"] = dict(list(profile["meaning"].get("codes", {}).items())[:3])
        profile.pop("explain", None)
        put(out / "profile", "small-" + path.name, json.dumps(profile, ensure_ascii=False).encode())
    for i, (pattern, text) in enumerate(TIMES):
        put(out / "time", f"{i:02}", f"{pattern}\n{text}".encode())
    put(out / "raw", "lz4", b"\0\x01\x19\x1fa\x01\0\0\x50aaaaa")
    put(out / "raw", "lz4-dictionary", b"\x40wxyz\x02\x19\x81\x01\x1fa\x05\0\0\x50zzzzz")
    print(f"seeds: {sum(1 for p in out.rglob('*') if p.is_file())} files")


if __name__ == "__main__":
    main()
