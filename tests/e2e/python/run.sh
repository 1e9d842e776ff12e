#!/usr/bin/env bash
# Runs the main job, exports it, and lets readers from PyPI open both: tests/e2e/python/run.sh SCRATCH
#
# SCRATCH is an empty folder that the caller removes. The readers' last line is "N passed, N failed".
set -euo pipefail

SCRATCH=${1:?an empty folder}
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cd -- "$HERE/../../.."
TARGET=${CARGO_TARGET_DIR:-$PWD/target}
CAIRN=$TARGET/release/cairn

# The readers' environment is made once for each list of versions.
VENV=$TARGET/e2e/venv-$(cksum <"$HERE/requirements.txt" | cut -d' ' -f1)
if [ ! -e "$VENV/complete" ]; then
  rm -rf "$VENV"
  python3 -m venv "$VENV"
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$VENV/bin/python" -m pip install --quiet --requirement "$HERE/requirements.txt"
  touch "$VENV/complete"
fi

cargo build --release --locked --workspace --bin cairn
"$CAIRN" demo --dir "$SCRATCH/node" --format json >"$SCRATCH/demo.json"
"$CAIRN" export --dir "$SCRATCH/node" --to "$SCRATCH/export" >"$SCRATCH/export.txt"
exec "$VENV/bin/python" "$HERE/readers.py" --cairn "$CAIRN" --node "$SCRATCH/node" --export "$SCRATCH/export"
