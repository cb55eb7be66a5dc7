#!/usr/bin/env python3
"""Breaks the parcel table in one place at a time and says which test finds it.

    mutate.py [--build DIR] [--only WORD] [code | model]

code    src/sync/table*.c: builds explore, stress and history (ASan) and stress
        (TSan) with the mutation, and runs them in this order until one fails
model   tests/table/model/src/order.rs: each order made Relaxed, and cargo test

On x86 a weakened order changes nothing that explore or stress could see, and
ThreadSanitizer sees plain data only, of which there is little: that is what the
model is for.  A mutation that nothing finds is listed as such, with the reason
where it is known; the exit status is 1 if there is one without a reason.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SYNC = ROOT / "src/sync"
SMALL = ["-DRS_TABLE_INLINE=2", "-DRS_TABLE_SCANNED=1", "-DRS_TABLE_HASHED_ORDER=1"]
STRESS = ['-DRS_ATOMIC_EXPLORE="yield.h"', "-DRS_TABLE_MEMORY_MIN=16384u", "-DRS_TABLE_SLOTS_MIN=16",
          "-DRS_TABLE_MOVE_SLOTS=4", "-DRS_TABLE_MAPPED_PIECE=65536"]
EXPLORE = ['-DRS_ATOMIC_EXPLORE="explore.h"', "-DRS_TABLE_MEMORY_MIN=8192u", "-DRS_TABLE_SLOTS_MIN=8",
           "-DRS_TABLE_MOVE_SLOTS=4"]

# What is broken, where, the text, and what stands there instead.
CODE = [
    ("the comparison after reading is dropped", "table.c",
     "return (uint32_t)rs_load_acquire_u64(&record[RS_W_SEQ]) == ref.seq &&", "return ref.record &&"),
    ("find takes odd records", "table.c", "if (!(seq & 1) && RS_GENERATION(seq)", "if (RS_GENERATION(seq)"),
    ("find takes stale records", "table.c", "!(mark & RS_MARK_STALE)) {", "true) {"),
    ("whole facts replace what came since find", "table_merge.c", "!as_seen || !stamp_seems_to_hold",
     "!stamp_seems_to_hold"),
    ("find takes other generations", "table.c", "RS_GENERATION(seq) == thread->generation &&", "RS_GENERATION(seq) &&"),
    ("the empty slot is not frozen", "table_index.c",
     "if (!rs_cas_acq_rel_u64(&index->slot[i], &slot, RS_SLOT_FROZEN)) continue;", ""),
    ("tombs are filled again", "table_index.c", "        if (slot == EMPTY) {\n            struct",
     "        if (slot == EMPTY || slot == RS_SLOT_TOMB) {\n            struct"),
    ("frozen slots are taken out", "table_index.c", "if (slot & RS_SLOT_FROZEN) return false;", ""),
    ("slots are copied without being frozen", "table_index.c",
     "if (rs_cas_acq_rel_u64(&index->slot[i], &slot, slot | RS_SLOT_FROZEN)) slot |= RS_SLOT_FROZEN;",
     "if (!slot) break; else slot |= RS_SLOT_FROZEN;"),
    ("moved before it is copied", "table_index.c", "        copy(table, next, ref[i]);\n",
     "        rs_store_release_u64(&index->slot[at[i]], RS_SLOT_MOVED);\n        copy(table, next, ref[i]);\n"),
    ("who reserves does not look for the next array", "table_index.c", "    if (!next_of(index)) return true;\n",
     "    return true;\n"),
    ("each group may be claimed by two", "table_index.c",
     "uint64_t group = rs_add_acq_rel_u64(&index->claimed, 1);",
     "uint64_t group = rs_load_acquire_u64(&index->claimed); rs_store_release_u64(&index->claimed, group + 1);"),
    ("a record is used again without a grace", "table_memory.c", "GRACE = 3,", "GRACE = 0,"),
    ("one epoch of grace less", "table_memory.c", "GRACE = 3,", "GRACE = 2,"),
    ("two epochs of grace less", "table_memory.c", "GRACE = 3,", "GRACE = 1,"),
    ("an epoch is pinned that may be long over", "table_memory.c", "} while (epoch != thread->epoch);", "} while (0);"),
    ("the epoch moves on past pinned threads", "table_memory.c", "if (pinned && pinned >> 1 != epoch) return;",
     "(void)pinned;"),
    ("pop does not count", "table_memory.c",
     "if (rs_cas_acq_rel_u64(head, &old, ((old & ~(STACK_TAG - 1)) + STACK_TAG) | rest)) break;",
     "if (rs_cas_acq_rel_u64(head, &old, (old & ~(STACK_TAG - 1)) | rest)) break;"),
    ("eviction does not move the stamp", "table_memory.c",
     "    rs_add_acq_rel_u32(rs_table_stamp(table, key), 1);\n", ""),
    ("eviction does not take the record first", "table_memory.c",
     "if (!rs_cas_acq_rel_u64(&record[RS_W_SEQ], &seq, RS_SEQ(generation, seq + 1))) return false;",
     "rs_store_release_u64(&record[RS_W_SEQ], RS_SEQ(generation, seq + 1));"),
    ("the sequence begins anew in each life", "table_memory.c",
     "rs_store_relaxed_u64(&record[RS_W_SEQ], RS_SEQ(0, rs_load_relaxed_u64(&record[RS_W_SEQ]) + 1));",
     "rs_store_relaxed_u64(&record[RS_W_SEQ], RS_SEQ(0, 1));"),
    ("no stamp where nothing could be added", "table_merge.c",
     "    rs_add_acq_rel_u32(rs_table_stamp(table, key), 1); /* pairs with stamp_holds */\n", ""),
    ("no stale mark", "table_merge.c",
     "rs_or_acq_rel_u64(&rs_table_record(table, r)[RS_W_MARK], RS_MARK_STALE); /* pairs with set_mark */",
     "rs_load_acquire_u64(&rs_table_record(table, r)[RS_W_MARK]);"),
    ("the stamp is looked at only before", "table_merge.c", "bool holds = stamp_holds(table, facts);",
     "bool holds = true;"),
    ("the same for a stale record", "table_merge.c", "bool holds = usable || stamp_holds(h->table, facts);",
     "bool holds = true;"),
    ("the base of whole facts does not matter", "table_merge.c",
     "bool as_base = !facts->whole ||", "bool as_base = true || !facts->whole ||"),
    ("a base is taken for the record of any key", "table_merge.c",
     "return rs_table_is_key(table, r, facts->key) ? r : 0;", "return r;"),
    ("a base is taken that is free", "table_merge.c", "if (seq & 1 || !RS_GENERATION(seq)) return 0;", "(void)seq;"),
    ("who may grow does not look for the next array again", "table_index.c",
     "if (!next_of(index) && !rs_load_acquire_ptr(&table->retired)) return true;",
     "if (!rs_load_acquire_ptr(&table->retired)) return true;"),
    ("writers do not exclude each other", "table_merge.c",
     "if (!rs_cas_acq_rel_u64(&h.record[RS_W_SEQ], &h.seq, RS_SEQ(generation, h.seq + 1))) continue;",
     "rs_store_release_u64(&h.record[RS_W_SEQ], RS_SEQ(generation, h.seq + 1));"),
    ("the sequence is not moved by a change", "table_merge.c",
     "RS_SEQ(generation, h->seq + 2)); /* pairs", "RS_SEQ(generation, h->seq)); /* pairs"),
    ("the holder's mark overwrites those of others", "table_merge.c",
     "mark = h->mark | (old & RS_MARK_KEPT) | RS_MARK_USED;", "mark = h->mark | RS_MARK_USED;"),
    ("a stale record keeps what it had", "table_merge.c", "    if (!usable) clear(h);\n",
     "    if (!usable && RS_GENERATION(h->seq) == h->thread->generation) clear(h);\n"),
    ("the copy is published without its order", "table_index.c",
     "rs_store_release_ptr(&table->current, next);", "rs_store_relaxed_ptr(&table->current, next);"),
    ("unpin gives nothing away", "table_memory.c", "rs_store_release_u64(&thread->pinned, 0);",
     "rs_store_relaxed_u64(&thread->pinned, 0);"),
]

# Those that cannot be found, or need not be, and why.
EQUIVALENT = {
    "who reserves does not look for the next array": "matters where the new array is full to its last slot: the model "
    "asserts the count",
    "the sequence begins anew in each life": "unit/table: takes_no_record_for_one_that_lay_there_before",
    "pop does not count": "only if others pop and push the same one meanwhile, with different links: by stress, rarely",
    "a base is taken for the record of any key": "the parcel's id is compared as well: then it is stale. unit/table: "
    "merges_where_its_parcel_is_whatever_the_base_says",
    "the copy is published without its order": "an order: x86 hides it",
    "unpin gives nothing away": "an order: x86 hides it",
}

# Orders of the model that may be weak, and why.
MODEL_WEAK = {
    "MARK_OR": "see MARK_CAS",
    "MARK_CAS": "to fail, the stamp's addition would have to come before it in spite of the program: a gap of loom's",
    "EPOCH_LOAD": "see EPOCH_CAS",
    "EPOCH_CAS": "who reclaims reads the pins itself first; it matters where that stops early at a pinned thread, with four",
    "SEQ_TAKE": "the load before it acquires, and the stores of words that follow it release",
}


def run(command, seconds, **more):
    """Whether it ended well in time; what it said."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, text=True,
                              errors="replace", **more)
    except subprocess.TimeoutExpired:
        return False, "it did not end"
    return done.returncode == 0, done.stdout


def why(said):
    for line in said.splitlines():
        if re.search(r"^(explore|stress|history): .*: |ERROR: AddressSanitizer|WARNING: ThreadSanitizer|panicked|did not",
                     line) and "schedules" not in line:
            return line.strip()[:90]
    return said.strip().splitlines()[-1][:90] if said.strip() else "it crashed"


def compile_program(build, name, more):
    sources = sorted(str(p) for p in (build / "sync").glob("table*.c"))
    # A library that others add to links into base: take what there is.
    base = [str(ROOT / "src/base" / f) for f in ("hash.c", "error.c", "str.c")]
    libs = subprocess.run(["pkg-config", "--libs", "libsodium", "libcrypto", "libxxhash"], capture_output=True,
                          text=True).stdout.split()
    return ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-g", "-w", *SMALL, *more, f"-I{ROOT}/include", f"-I{build}/sync",
            f"-I{HERE}", str(HERE / f"{name}.c"), *sources, *base, *libs, "-lpthread"]


def mutate_code(build, only):
    programs = [
        ("explore", ["-O2", *EXPLORE], [], 150),
        ("stress", ["-O1", "-fsanitize=address,undefined", *STRESS], ["8"], 60),
        ("history", ["-O1", "-fsanitize=address", *STRESS], ["6"], 60),
        ("stress", ["-O1", "-fsanitize=thread", *STRESS], ["8"], 60),
    ]
    unexplained = 0
    for what, file, old, new in CODE:
        if only not in what:
            continue
        shutil.rmtree(build / "sync", ignore_errors=True)
        shutil.copytree(SYNC, build / "sync")
        path = build / "sync" / file
        text = path.read_text()
        if text.count(old) != 1:
            print(f"{what:55} the text is there {text.count(old)} times")
            unexplained += 1
            continue
        path.write_text(text.replace(old, new))
        found = None
        for name, flags, arguments, seconds in programs:
            program = build / "program"
            fine, said = run([*compile_program(build, name, flags), "-o", str(program)], 300)
            if not fine:
                found = "does not compile: " + said.strip().splitlines()[0]
                break
            fine, said = run([str(program), *arguments], seconds)
            if not fine:
                sanitizer = next((f" ({f[11:]})" for f in flags if f.startswith("-fsanitize")), "")
                found = f"{name}{sanitizer}: {why(said)}"
                break
        if not found:
            found = "NOT FOUND" + (f": {EQUIVALENT[what]}" if what in EQUIVALENT else "")
            unexplained += what not in EQUIVALENT
        print(f"{what:55} {found}", flush=True)
    return unexplained


def mutate_model(build, only):
    model = build / "model"
    shutil.rmtree(model, ignore_errors=True)
    shutil.copytree(HERE / "model", model, ignore=shutil.ignore_patterns("target"))
    orders = model / "src/order.rs"
    text = orders.read_text()
    environment = dict(os.environ, CARGO_TARGET_DIR=str(build / "target"))
    unexplained = 0
    for match in re.finditer(r"pub const (\w+): Ordering = (\w+);", text):
        name, order = match.groups()
        if only not in name:
            continue
        weak = match.group().replace(f"= {order}", "= Relaxed")
        orders.write_text(text.replace(match.group(), weak).replace("Ordering::{self, ", "Ordering::{self, Relaxed, "))
        fine, said = run(["cargo", "test", "--release", "--quiet", "--lib"], 600, cwd=model, env=environment)
        failed = re.findall(r"^---- (\S+) stdout", said, re.M)
        found = ", ".join(name.replace("tests::", "") for name in failed) if failed else "" if fine else why(said)
        if not found:
            found = "NOT FOUND" + (f": {MODEL_WEAK[name]}" if name in MODEL_WEAK else "")
            unexplained += name not in MODEL_WEAK
        print(f"{name + ' ' + order:25} {found}", flush=True)
    return unexplained


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/table-mutate")
    parser.add_argument("--only", default="")
    parser.add_argument("which", nargs="?", choices=["code", "model"])
    options = parser.parse_args()
    options.build.mkdir(parents=True, exist_ok=True)
    unexplained = 0
    if options.which != "model":
        unexplained += mutate_code(options.build, options.only)
    if options.which != "code":
        unexplained += mutate_model(options.build, options.only)
    print(f"mutate: {unexplained} not found and not explained")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
