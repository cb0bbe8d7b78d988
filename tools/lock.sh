#!/usr/bin/env bash
# Lock the dependencies: every version with its hashes, for every platform, and no index named.
#
#   tools/lock.sh 2026-11-22     nothing that was published after this day is taken
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

date=${1:?say the day to lock on, such as 2026-11-22}
command -v uv >/dev/null || { echo "lock: uv is needed for this one command" >&2; exit 1; }

lock() {
  local file=$1 from=$2 written
  shift 2
  written=$(mktemp)
  # The old file is given as the output so that what need not move does not move.
  uv pip compile "$from" "$@" --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --exclude-newer "$date" --quiet --output-file "$file" >/dev/null
  { echo "# Locked on $date by make lock"; grep -v '^# Locked on ' "$file"; } >"$written"
  cat "$written" >"$file"
  rm -f "$written"
}

lock requirements.lock pyproject.toml --group build
lock requirements-dev.lock pyproject.toml --group dev
# Spark comes as a source package, which needs these two to install. Only `make test-spark` takes it.
lock requirements-spark.lock - --allow-unsafe < <(printf 'pyspark>=4,<4.1\nsetuptools\nwheel\n')
