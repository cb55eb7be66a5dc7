#!/usr/bin/env python3
"""The page of options in ops/ is what the program prints.

    reference.py --rastro PROGRAM            compare
    reference.py --rastro PROGRAM --update   write it anew
"""
import argparse
import difflib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "ops/options.md"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rastro", required=True)
    options.add_argument("--update", action="store_true")
    given = options.parse_args()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RASTRO_")}
    now = subprocess.run([given.rastro, "config", "--reference"], env=environment, check=True, text=True,
                         stdout=subprocess.PIPE, timeout=60).stdout
    if given.update:
        PAGE.write_text(now)
        return 0
    was = PAGE.read_text() if PAGE.exists() else ""
    if was == now:
        print("reference: as expected")
        return 0
    sys.stdout.writelines(difflib.unified_diff(was.splitlines(True), now.splitlines(True), str(PAGE), "now"))
    print(f"reference: {PAGE.name} is not what the program prints; write it anew with --update")
    return 1


if __name__ == "__main__":
    sys.exit(main())
