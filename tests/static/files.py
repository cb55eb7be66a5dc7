#!/usr/bin/env python3
"""What holds for files as such: none is long, and all JSON under schema/ is JSON
without a key twice.

    files.py [ROOT]
"""
import json
import sys
from pathlib import Path

LINES_MAX = 800
CODE = {".c", ".cc", ".h", ".py", ".sql", ".sh", ".cmake", ".js", ".css", ".html"}
FOLDERS = ["src", "include", "schema", "tests", "bench", "ops"]


def long_files(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if not path.is_file() or (path.suffix not in CODE and path.name != "CMakeLists.txt"):
                continue
            lines = path.read_bytes().count(b"\n")
            if lines >= LINES_MAX:
                yield f"{path.relative_to(root)}: {lines} lines, and less than {LINES_MAX} are read with ease"


def once(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f'key "{key}" is there twice')
    return dict(pairs)


def broken_json(root):
    paths = sorted((root / "schema").rglob("*.json"))
    if not paths:
        yield "schema/: no JSON in it"
    for path in paths:
        try:
            json.loads(path.read_text(), object_pairs_hook=once)
        except ValueError as error:
            yield f"{path.relative_to(root)}: {error}"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    wrong = [*long_files(root), *broken_json(root)]
    print("\n".join(wrong + [f"files: {len(wrong)} complaints"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
