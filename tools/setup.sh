#!/usr/bin/env bash
# Everything that this checkout needs before it can run, and nothing twice.
#
#   tools/setup.sh run       .venv with the locked packages and the `passerelle` command
#   tools/setup.sh dev       the same, and what tests and checks need
#   tools/setup.sh engines   Chromium, fonts, PostgreSQL and Node.js packages for the tests that use them
#   tools/setup.sh bench     the same, and wrk, which puts a load on a node
#   tools/setup.sh spark     var/spark with Spark, for the tests of views on it (450 MB)
#
# A stamp in .venv holds the key of the last set-up (locks, Python, path of the checkout), so a repeat is instant.
# pip uses the package index that this machine is configured for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "setup: $*"; exit 1; }

is_root() { [ "$(id -u)" -eq 0 ]; }

apt_install() {
  command -v apt-get >/dev/null && is_root || return 1
  say "setup: apt-get install $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq </dev/null >&2 && apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
}

# The first Python that is new enough. A name may exist and still not run, so each is tried.
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s' "$candidate"
      return
    fi
  done
  die "Python 3.11 or newer is needed. Install python3.11 or newer, or say where it is: make PYTHON=/path/to/python3.12 demo"
}

ensure_venv_module() {
  local python=$1 version
  "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  apt_install "python$version-venv" || apt_install python3-venv ||
    die "Python's venv module is missing. Install it with: sudo apt-get install python$version-venv"
}

venv_works() { .venv/bin/python -c 'import pip' >/dev/null 2>&1; }

make_venv() {
  local python
  venv_works && return
  python=$(find_python)
  ensure_venv_module "$python"
  say "setup: creating .venv with $("$python" --version 2>&1)"
  rm -rf .venv
  "$python" -m venv .venv
}

key() {
  { pwd; .venv/bin/python --version; cat "$1" pyproject.toml; } 2>/dev/null | sha256sum | cut -d' ' -f1
}

stamped() { [ -f ".venv/.set-up-$1" ] && [ "$(cat ".venv/.set-up-$1")" = "$(key "$2")" ]; }

install() {
  local kind=$1 lock=$2
  stamped "$kind" "$lock" && return
  make_venv
  say "setup: installing $lock"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: -r "$lock"
  # The build backend came with the lock, so nothing is fetched that has no hash.
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --no-index --no-deps --no-build-isolation --editable .
  key "$lock" >".venv/.set-up-$kind"
}

# Asked to run, because Ubuntu's package of this name is only a pointer to a snap, which a container cannot follow.
chromium_works() { chromium --version >/dev/null 2>&1; }

postgresql_there() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

noto_there() { compgen -G '/usr/share/fonts/truetype/noto/NotoSans-*' >/dev/null; }

# Clients and validators that others wrote for Node.js, for the tests that a node is asked by them.
node_packages() {
  local place
  for place in tests/peers/clients tests/peers/medplum; do
    [ -f "$place/node_modules/.package-lock.json" ] && continue
    command -v npm >/dev/null && timeout 180 npm ci --silent --no-audit --no-fund --prefix "$place" </dev/null >&2 && continue
    say "setup: no packages in $place, so its tests will skip. Install Node.js 20, then: npm ci --prefix $place"
  done
}

# What is missing here only makes the tests that need it skip, and each says so.
engines() {
  node_packages
  local missing=()
  chromium_works || missing+=(chromium)
  postgresql_there || missing+=(postgresql)
  noto_there || missing+=(fonts-noto-core)
  [ ${#missing[@]} -eq 0 ] && return
  apt_install "${missing[@]}" || true
  chromium_works || say "setup: no working Chromium, so the browser tests will skip. Install: sudo apt-get install chromium"
  postgresql_there || say "setup: no PostgreSQL, so its tests will skip. Install: sudo apt-get install postgresql"
  noto_there || say "setup: no Noto fonts, so syllabics may show as boxes. Install: sudo apt-get install fonts-noto-core"
}

# Spark stays out of .venv: nothing else here needs it, and it is larger than all the rest.
spark() {
  local wanted
  command -v java >/dev/null || die "there is no Java, so Spark cannot run. Install: sudo apt-get install openjdk-17-jre-headless"
  wanted=$(key requirements-spark.lock)
  [ "$(cat var/spark/.set-up 2>/dev/null)" = "$wanted" ] && return
  say "setup: installing requirements-spark.lock into var/spark"
  rm -rf var/spark && mkdir -p var
  .venv/bin/python -m venv var/spark
  local pip=(var/spark/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes)
  "${pip[@]}" --only-binary :all: -r <(awk '/^[a-z]/ { keep = !/^pyspark==/ } keep' requirements-spark.lock)
  "${pip[@]}" --no-build-isolation -r requirements-spark.lock
  printf '%s' "$wanted" >var/spark/.set-up
}

bench() {
  engines
  command -v wrk >/dev/null && return
  apt_install wrk || true
  command -v wrk >/dev/null || say "setup: no wrk, so a node's rates cannot be measured. Install: sudo apt-get install wrk"
}

case "${1:-}" in
  run) stamped dev requirements-dev.lock || install run requirements.lock ;;
  dev) install dev requirements-dev.lock ;;
  engines) engines ;;
  bench) bench ;;
  spark) spark ;;
  *) die "say what to set up: run, dev, engines, bench or spark" ;;
esac
