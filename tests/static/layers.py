#!/usr/bin/env python3
"""Dependencies point down.

    layers.py [ROOT]      check src/ and include/ of the tree
    layers.py --self-test check that planted violations are found

The layers, low to high, are those of CMakeLists.txt.  A file may include its
own folder's private headers, the contracts of its own layer and of those that
LAYERS names, the C library, and the libraries that LIBRARIES names for it.
"""
import re
import sys
import tempfile
from pathlib import Path

# What each layer may use, itself apart.
LAYERS = {
    "base": [],
    "sync": ["base"],
    "parse": ["base"],
    "core": ["base", "sync", "parse"],
    "file": ["base"],
    "kafka": ["base"],
    "http": ["base"],
    "pg": ["base", "sync", "parse", "core"],
    "app": ["base", "sync", "parse", "core", "file", "kafka", "http", "pg"],
    "verbs": ["base", "sync", "parse", "core", "file", "kafka", "http", "pg", "app"],
}

# The layer of each contract in include/rastro.
CONTRACTS = {
    "base": "arena atomic clock counters error fault hash log prefetch str strmap unaligned",
    "sync": "mailbox table",
    "parse": "duration json time zone",
    "core": "alert batch calendar catalog decode episode event explain number partition profile quick raw rules stall track",
    "file": "file",
    "kafka": "kafka producer",
    "http": "httpd",
    "pg": "detector migrate pg sink stall_case",
    "app": "options pipeline relay schema",
}
LAYER_OF = {f"{name}.h": layer for layer, names in CONTRACTS.items() for name in names.split()}

# Libraries, by the start of what is included: the files that may use them.
LIBRARIES = {
    "librdkafka/": ["src/kafka/"],
    "libpq-fe.h": ["src/pg/"],
    "microhttpd.h": ["src/http/"],
    "lz4": ["src/core/raw.c"],
    "jansson.h": ["src/parse/json_reference.c", "src/verbs/"],
    "simdjson.h": ["src/parse/json_index.cc"],
    "cctz/": ["src/parse/zone_cctz.cc"],
    "openssl/": ["src/base/hash.c"],
    "emmintrin.h": ["src/parse/json_form.c"],
    "xxhash.h": ["src/base/hash.c"],
    "liburing.h": ["src/file/"],
    "sodium.h": ["src/sync/table.c"],
    "malloc.h": ["src/base/error.c"],
    "sanitizer/": ["src/base/arena.c", "src/sync/table_memory.c"],
}

# The C library and POSIX, all of them; core and parse make do with the first.
PURE = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "math.h", "stdarg.h", "stdatomic.h", "stdbool.h",
        "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h"}
SYSTEM = PURE | {"arpa/inet.h", "dirent.h", "endian.h", "fcntl.h", "locale.h", "netdb.h", "netinet/in.h", "poll.h", "pthread.h",
                 "pwd.h", "sched.h", "signal.h", "sys/epoll.h", "sys/eventfd.h", "sys/mman.h", "sys/random.h", "sys/resource.h",
                 "sys/socket.h", "sys/stat.h", "sys/time.h", "sys/types.h", "sys/un.h", "sys/wait.h", "time.h",
                 "unistd.h", "wchar.h"}
# The C++ of parse stands behind C functions.
CPP = {"algorithm", "atomic", "cstdlib", "cstring", "fstream", "memory", "mutex", "new", "string", "vector"}
PURE_LAYERS = ("core", "parse")

# Core is told the time, does not wait, print or look around.
CORE_CALLS = {
    "a clock": "clock_gettime gettimeofday time localtime localtime_r gmtime gmtime_r rs_wall_us rs_mono_us",
    "a wait": "sleep usleep nanosleep clock_nanosleep poll select pause sched_yield rs_mailbox_take",
    "a stream": "printf vprintf fprintf vfprintf dprintf puts fputs putchar fputc putc fwrite fopen freopen perror "
                "fflush write read open",
    "the log": "rs_log rs_error rs_warn rs_info rs_debug rs_warn_every",
    "the environment": "getenv secure_getenv setenv unsetenv putenv setlocale",
    "chance": "rand rand_r random srand getrandom rs_random",
    "an exit": "exit _exit quick_exit",
}

# What is called in one place alone: the file, and why.
HOMES = {
    "__builtin_prefetch": ("include/rastro/prefetch.h", "gcc drops calls of functions that only prefetch"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def without_comments_and_strings(text):
    """The code alone, with its lines."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: " " + "\n" * m.group().count("\n"), text)


def without_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)


def layer_of(path):
    if path.startswith("include/rastro/"):
        return LAYER_OF.get(path.removeprefix("include/rastro/"))
    return path.split("/")[1] if path.startswith("src/") else None


def check_include(root, path, layer, bracket, name):
    """A complaint, or None."""
    if name.startswith("rastro/"):
        other = LAYER_OF.get(name.removeprefix("rastro/"))
        if other is None:
            return f"{name} has no layer: name it in CONTRACTS"
        if other != layer and other not in LAYERS[layer]:
            return f"{layer} must not use {other}: {name}"
        return None
    if bracket == '"':
        own = Path(path).parent / name
        return None if "/" not in name and (root / own).exists() else f"{name} is not of this folder"
    for library, users in LIBRARIES.items():
        if name.startswith(library):
            return None if any(path.startswith(user) for user in users) else f"{name} is for {', '.join(users)} alone"
    known = SYSTEM if layer not in PURE_LAYERS else PURE
    if name in known or (layer == "parse" and path.endswith(".cc") and name in CPP):
        return None
    return f"{name} is not for {layer}"


def check_calls(path, text):
    code = without_comments_and_strings(text)
    for what, names in CORE_CALLS.items():
        for match in re.finditer(r"(?<![\w.>])(" + "|".join(names.split()) + r")\s*\(", code):
            yield code.count("\n", 0, match.start()) + 1, f"core uses {what}: {match.group(1)}"


def check_homes(path, text):
    code = without_comments_and_strings(text)
    for name, (home, why) in HOMES.items():
        for match in re.finditer(rf"\b{name}\b", code):
            if path != home:
                yield code.count("\n", 0, match.start()) + 1, f"{name} is for {home} alone: {why}"


def check(root):
    """(path, line, complaint) of everything that is wrong."""
    wrong = []
    for file in sorted([*root.glob("include/**/*"), *root.glob("src/**/*")]):
        if file.suffix not in (".h", ".c", ".cc"):
            continue
        path = str(file.relative_to(root))
        text = file.read_text()
        layer = layer_of(path)
        if layer not in LAYERS:
            wrong.append((path, 1, "of no layer: name it in this script"))
            continue
        code = without_comments(text)
        for match in INCLUDE.finditer(code):
            complaint = check_include(root, path, layer, *match.groups())
            if complaint:
                wrong.append((path, code.count("\n", 0, match.start(1)) + 1, complaint))
        wrong += [(path, line, what) for line, what in check_homes(path, text)]
        if layer == "core":
            wrong += [(path, line, what) for line, what in check_calls(path, text)]
    for name, layer in LAYER_OF.items():
        if not (root / "include/rastro" / name).exists():
            wrong.append((f"include/rastro/{name}", 1, f"is not there, but is named as of {layer}"))
    return wrong


# ---- the check itself ---------------------------------------------------------------

# A file, its text, and a word of the complaint; None where there must be none.
PLANTED = [
    ("src/base/a.c", '#include "rastro/str.h"\n#include <time.h>\n', None),
    ("src/base/b.c", '#include "rastro/json.h"\n', "base must not use parse"),
    ("src/sync/a.c", '#include "rastro/event.h"\n', "sync must not use core"),
    ("src/parse/a.c", '#include "rastro/mailbox.h"\n', "parse must not use sync"),
    ("src/parse/b.c", "#include <vector>\n", "is not for parse"),
    ("src/core/a.c", '#include "rastro/time.h"\n#include <stdio.h>\n', None),
    ("src/core/b.c", '#include "rastro/pg.h"\n', "core must not use pg"),
    ("src/core/c.c", "#include <pthread.h>\n", "is not for core"),
    ("src/core/d.c", "#include <lz4.h>\n", "is for src/core/raw.c alone"),
    ("src/core/raw.c", "#include <lz4.h>\n", None),
    ("src/core/e.c", "#include <jansson.h>\n", "is for"),
    ("src/core/f.c", '#include "../pg/pg_private.h"\n', "is not of this folder"),
    ("src/core/g.c", "int f(void) { return (int)time(NULL); }\n", "a clock: time"),
    ("src/core/h.c", "void f(void)\n{\n    usleep (5);\n}\n", "a wait: usleep"),
    ("src/core/i.c", 'void f(void) { fprintf(stderr, "x"); }\n', "a stream: fprintf"),
    ("src/core/j.c", 'const char *f(void) { return getenv("X"); }\n', "the environment: getenv"),
    ("src/core/k.c", 'void f(void) { rs_warn("x"); }\n', "the log: rs_warn"),
    ("src/core/l.c", "/* time(NULL) sleep(1) */ const char *s = \"getenv(x) printf(y)\"; // puts(z)\n", None),
    ("src/core/m.c", "void f(void) { snprintf(a, 1, b); rs_buf_printf(b, c); d->time(x); rs_read_time(y); }\n", None),
    ("src/kafka/a.c", "#include <librdkafka/rdkafka.h>\n", None),
    ("src/kafka/b.c", '#include "rastro/pg.h"\n', "kafka must not use pg"),
    ("src/kafka/c.c", '#include "rastro/track.h"\n', "kafka must not use core"),
    ("src/http/a.c", "#include <microhttpd.h>\n", None),
    ("src/pg/a.c", "#include <libpq-fe.h>\n", None),
    ("src/pg/b.c", "#include <librdkafka/rdkafka.h>\n", "is for src/kafka/ alone"),
    ("src/app/a.c", "#include <libpq-fe.h>\n", "is for src/pg/ alone"),
    ("src/app/b.c", '#include "rastro/sink.h"\n', None),
    ("src/file/a.c", '#include "rastro/options.h"\n', "file must not use app"),
    ("src/verbs/a.c", '#include "rastro/options.h"\n#include <jansson.h>\n', None),
    ("src/verbs/b.c", "#include <microhttpd.h>\n", "is for src/http/ alone"),
    ("src/verbs/c.c", "#  include  <curl/curl.h>\n", "is not for verbs"),
    ("src/sync/b.c", "void f(void) { __builtin_prefetch(p); }\n", "is for include/rastro/prefetch.h alone"),
    ("include/rastro/prefetch.h", "static inline void f(void) { __builtin_prefetch(p); }\n", None),
    ("src/other/a.c", "\n", "of no layer"),
    ("include/rastro/str.h", '#include "rastro/event.h"\n', "base must not use core"),
    ("include/rastro/newest.h", "\n", "of no layer"),
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in LAYER_OF:
            (root / "include/rastro").mkdir(parents=True, exist_ok=True)
            (root / "include/rastro" / name).write_text("\n")
        (root / "src/pg").mkdir(parents=True)
        (root / "src/pg/pg_private.h").write_text("\n")
        for path, text, _ in PLANTED:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        (root / "include/rastro/track.h").unlink()
        found = {}
        for path, _, what in check(root):
            found.setdefault(path, []).append(what)
    failures = 0
    for path, text, word in [*PLANTED, ("include/rastro/track.h", "", "is not there")]:
        said = "; ".join(found.get(path, []))
        if (word is None and said) or (word is not None and word not in said):
            failures += 1
            print(f"layers: {path}: expected {word!r}, found {said!r}")
    print(f"layers: {len(PLANTED) + 1} planted files, {failures} misjudged")
    return 1 if failures else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    wrong = check(root)
    for path, line, what in wrong:
        print(f"{path}:{line}: {what}")
    print(f"layers: {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
