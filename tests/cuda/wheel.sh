#!/usr/bin/env bash
# Brings libraries of NVIDIA's wheels from PyPI into the build's folder: tests/cuda/wheel.sh REQUIREMENTS NAME...
#
# Prints the path of each library NAME (libnvrtc.so.12), one to a line. Fails where one cannot be had.
set -euo pipefail

REQUIREMENTS=${1:?a list of requirements}
shift
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
TARGET=${CARGO_TARGET_DIR:-$HERE/../../target}
mkdir -p "$TARGET/cuda"
TARGET=$(cd -- "$TARGET" && pwd)

# One environment for each list of versions.
VENV=$TARGET/cuda/venv-$(cksum <"$HERE/$REQUIREMENTS" | cut -d' ' -f1)
if [ ! -e "$VENV/complete" ]; then
  rm -rf "$VENV"
  python3 -m venv "$VENV"
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$VENV/bin/python" -m pip install --quiet --requirement "$HERE/$REQUIREMENTS" >&2
  touch "$VENV/complete"
fi
for name in "$@"; do
  path=$(find "$VENV" -name "$name" -type f | head -n 1)
  [ -n "$path" ] || { echo "$name is not in the wheels of $REQUIREMENTS" >&2; exit 1; }
  printf '%s\n' "$path"
done
