#!/usr/bin/env bash
# The CUDA executor on a real GPU: builds here, runs on any machine that has an NVIDIA driver.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: tests/gpu.sh pack DIR [--peer]   build the tests and put them with what they load into DIR
       tests/gpu.sh run [FILTER]        pack into the build's folder, and run there
       DIR/run.sh [FILTER]              run on a machine that has nothing but a driver

Runs the property tests, the golden hashes (all 2^32 inputs of each function) and the benches on device 0, and ends with
"N passed, N failed". With --peer cuBLAS comes along (600 MB), and the benches are shown beside it.

Exit code 0 when nothing failed, 1 when something did, 2 for a wrong argument, 4 where there is no GPU.

Examples:
  tests/gpu.sh pack target/gpu --peer && scp -r target/gpu machine: && ssh machine gpu/run.sh
  tests/gpu.sh run golden
TEXT
}

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}

# has_gpu: a device of the driver is there.
has_gpu() { [ -e /dev/nvidiactl ] || [ -e /dev/dxg ]; }

# The test binary of the kernels, as the suite builds it: one resolution of features over the workspace.
built() {
  cd -- "$ROOT"
  cargo test --release --locked --workspace --lib --no-run --message-format=json |
    sed -n '/"name":"cairn_kernels"/s/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

pack() {
  local dir=$1 peer=$2 binary library
  binary=$(built)
  [ -n "$binary" ] || { echo 'error the tests of cairn-kernels were not built' >&2; exit 1; }
  rm -rf "$dir"
  mkdir -p "$dir/lib"
  cp -- "$binary" "$dir/kernels-tests"
  strip "$dir/kernels-tests" 2>/dev/null || true
  library=$(bash "$ROOT/tests/cuda/wheel.sh" requirements.txt libnvrtc.so.12)
  # The compiler finds its own part beside itself.
  cp -- "$library" "$(dirname -- "$library")"/libnvrtc-builtins.so.* "$dir/lib/"
  if [ "$peer" = 1 ]; then
    bash "$ROOT/tests/cuda/wheel.sh" requirements-peer.txt libcublas.so.12 libcublasLt.so.12 | xargs -I{} cp -- {} "$dir/lib/"
  fi
  # Half the size to carry; the machine unpacks it once.
  gzip -- "$dir"/lib/*
  # What the binary links, for a machine whose C library is older than this one's: used there only if need be.
  mkdir -p "$dir/system"
  ldd "$dir/kernels-tests" | sed -n 's/^.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-[^ ]*\).*/\1/p' | xargs -I{} cp -L -- {} "$dir/system/"
  cp -- "$ROOT/tests/cuda/run.sh" "$dir/run.sh"
  chmod +x "$dir/run.sh"
  du -sh "$dir" | sed 's/\t/ in /'
}

case ${1:-} in
  pack)
    case $#:${3:---peer} in 2:--peer | 3:--peer) ;; *) usage >&2; exit 2 ;; esac
    pack "$2" "$(($# - 2))"
    ;;
  run)
    has_gpu || { echo 'there is no GPU here: tests/gpu.sh pack DIR makes a folder for a machine that has one' >&2; exit 4; }
    pack "$TARGET/cuda/gpu" 1
    shift
    exec bash "$TARGET/cuda/gpu/run.sh" "$@"
    ;;
  --help | -h) usage ;;
  *) usage >&2; exit 2 ;;
esac
