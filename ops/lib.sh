# lib.sh - what the scripts of this folder share.  Sourced, not run.
# shellcheck shell=bash disable=SC2034

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT

# To build; each with why it is here.
PACKAGES_BUILD=(
    gcc g++ cmake ninja-build pkg-config libc6-dev # the tools
    libsimdjson-dev     # finds the structure of JSON
    libjansson-dev      # writes JSON; the reader that ours is compared with
    libcctz-dev tzdata  # time zones, IANA data
    librdkafka-dev      # Kafka
    libpq-dev           # PostgreSQL
    libmicrohttpd-dev   # /metrics
    liblz4-dev          # raw bytes of events
    libssl-dev          # SHA-256
    libxxhash-dev       # finds repeats of checkpoints in memory
    libsodium-dev       # SipHash of 128 bits, for keys in memory
)
PACKAGES_RUN=(postgresql postgresql-client python3 util-linux ca-certificates)
PACKAGES_KAFKA=(default-jre-headless maven)
PACKAGES_TEST=(libcriterion-dev python3-jsonschema)

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# Only what was tried is promised.
need_debian() {
    local id="" version=""
    if [ -r /etc/os-release ]; then
        id=$(. /etc/os-release && echo "${ID:-}")
        version=$(. /etc/os-release && echo "${VERSION_ID:-}")
    fi
    case "$id $version" in
    "debian 12") PACKAGES_FUZZ=(clang libclang-rt-14-dev) && return ;;
    "debian 13")
        PACKAGES_FUZZ=(clang libclang-rt-19-dev)
        PACKAGES_BUILD+=(tzdata-legacy) # sources say Asia/Calcutta and US/Eastern
        return
        ;;
    esac
    cat >&2 <<EOF
$(basename "$0"): this is ${id:-unknown} ${version}, and packages are known for Debian 12 and 13 only.
Elsewhere install: a C11 and a C++17 compiler, CMake 3.25, Ninja, pkg-config, simdjson 3, jansson,
cctz, librdkafka 2, libpq, libmicrohttpd, lz4, OpenSSL 3, libsodium, IANA time zones, PostgreSQL 15 and Python 3;
for tests Criterion 2.4; for a real Kafka Java 17 and Maven. Then:
    cmake -S . -B build -G Ninja && ninja -C build
EOF
    exit 78
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root for: $* (and there is no sudo)"
    fi
}

missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || echo "$package"
    done
}

# install_packages YES PACKAGE...: asks first, unless YES is 1.
install_packages() {
    local yes=$1 answer missing
    shift
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$yes" != 1 ]; then
        [ -t 0 ] || die "needs ${#missing[@]} packages: ${missing[*]}; run it with --yes, or install them"
        read -r -p "Needs ${#missing[@]} packages: ${missing[*]}. Install? [Y/n] " answer
        case "$answer" in "" | y | Y | yes) ;; *) die "not without them" ;; esac
    fi
    # Debian's PostgreSQL would start a server of its own; the throwaway ones
    # need only the programs.
    local off=/etc/postgresql-common/createcluster.d/rastro.conf
    local fresh=0
    if ! [ -e /etc/postgresql-common/createcluster.conf ]; then
        fresh=1
        as_root mkdir -p "$(dirname "$off")"
        echo "create_main_cluster = false" | as_root tee "$off" >/dev/null
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null ||
        die "apt-get update failed; what it says: apt-get update"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$LOG" 2>&1 ||
        { tail -n 20 "$LOG" >&2; die "packages could not be installed"; }
    [ "$fresh" = 0 ] || as_root rm -f "$off"
}

# build FOLDER OPTION...: configures and builds; prints only what went wrong.
build() {
    local folder=$1
    shift
    cmake -S "$ROOT" -B "$folder" -G Ninja "$@" >"$LOG" 2>&1 && ninja -C "$folder" >"$LOG" 2>&1 && return
    grep -E 'error|Error|FAILED' "$LOG" | head -n 20 >&2
    die "the build failed; all of it is in $LOG"
}

# build_tuned FOLDER OPTION...: the same for speed, see ops/tune.  What was counted
# in FOLDER.count fits only the sources and the compiler that it was counted with.
build_tuned() {
    local folder=$1 count=$1.count key
    shift
    key=$({ gcc --version; find CMakeLists.txt src include schema ops/train.py -type f | sort |
        xargs sha256sum; } | sha256sum)
    if [ "$(cat "$folder/counted" 2>/dev/null)" != "$key" ]; then
        build "$count" -DCMAKE_BUILD_TYPE=Release -DRASTRO_TESTS=OFF -DRASTRO_FEED=ON -DRASTRO_TUNE=count
        find "$count" -name '*.gcda' -delete
        PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 ops/train.py "$count"
        rm -rf "$folder"
        mkdir "$folder"
        (cd "$count" && find . -name '*.gcda' -exec cp --parents -t "../$(basename "$folder")" {} +)
        echo "$key" >"$folder/counted"
    fi
    build "$folder" "$@" -DCMAKE_BUILD_TYPE=Release -DRASTRO_TESTS=OFF -DRASTRO_FEED=ON -DRASTRO_TUNE=use
}
