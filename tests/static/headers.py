#!/usr/bin/env python3
"""Each contract compiles alone, and twice: it includes what it uses, and guards
itself.  Those that C++ includes compile as C++ too.

    headers.py --cc CC --cxx CXX [ROOT]
"""
import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOR_CPP = {"zone.h"}
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wshadow"]


def compile_alone(root, compiler, language, name):
    text = f'#include "rastro/{name}"\n#include "rastro/{name}"\n'
    standard = "gnu11" if language == "c" else "gnu++17"
    command = [compiler, "-x", language, f"-std={standard}", "-D_GNU_SOURCE", *WARNINGS, f"-I{root / 'include'}",
               "-fsyntax-only", "-"]
    done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=120)
    return (f"{name} as {language}", done.stderr) if done.returncode else None


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cc", default="cc")
    options.add_argument("--cxx", default="c++")
    options.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[2])
    given = options.parse_args()
    names = sorted(p.name for p in (given.root / "include/rastro").glob("*.h"))
    work = [(given.cc, "c", name) for name in names]
    work += [(given.cxx, "c++", name) for name in names if name in FOR_CPP]
    with ThreadPoolExecutor() as pool:
        failed = [f for f in pool.map(lambda w: compile_alone(given.root, *w), work) if f]
    for what, why in failed:
        print(f"--- {what}\n{why}")
    print(f"headers: {len(work)} compiled, {len(failed)} failed")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
