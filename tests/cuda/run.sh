#!/usr/bin/env bash
# Runs the packed tests on this machine's GPU: run.sh [FILTER]. Made by tests/gpu.sh pack, which says more.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -uo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
FILTER=${1:-}
if [ ! -e /dev/nvidiactl ] && [ ! -e /dev/dxg ]; then
  echo 'there is no GPU here: no NVIDIA driver has made a device' >&2
  exit 4
fi

for packed in "$HERE"/lib/*.gz; do [ ! -e "$packed" ] || gunzip -f -- "$packed" || exit 1; done
export CAIRN_NVRTC=$HERE/lib/libnvrtc.so.12
export LD_LIBRARY_PATH=$HERE/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
[ ! -e "$HERE/lib/libcublas.so.12" ] || export CAIRN_CUBLAS=$HERE/lib/libcublas.so.12
export NVIDIA_TF32_OVERRIDE=0

# The system's own C library where it is new enough, else the one that was packed, with the driver's folder behind it.
TESTS=("$HERE/kernels-tests")
if ! "${TESTS[@]}" --list >/dev/null 2>&1; then
  driver=$(ldconfig -p 2>/dev/null | sed -n 's/.*libcuda\.so\.1 .*=> \(.*\)\/libcuda\.so\.1/\1/p' | head -n 1)
  loader=("$HERE"/system/ld-*)
  TESTS=("${loader[0]}" --library-path "$HERE/system:$HERE/lib:${driver:-/usr/lib/x86_64-linux-gnu:/usr/lib64}" "$HERE/kernels-tests")
  "${TESTS[@]}" --list >/dev/null || { echo 'error the tests do not start on this machine' >&2; exit 1; }
fi
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || true

PASSED=0 FAILED=0
# Each test in a process of its own, so that one that loses the device takes no other with it; the benches last and alone.
names=$("${TESTS[@]}" --list --ignored 2>/dev/null | sed -n 's/^\(cuda::tests::\(device\|bench\)::.*\): test$/\1/p' | sort -t: -k5,5r | grep -- "$FILTER")
for name in $(printf '%s\n' "$names" | grep -v bench) $(printf '%s\n' "$names" | grep bench); do
  started=$SECONDS
  if output=$("${TESTS[@]}" --ignored --exact "$name" --nocapture 2>&1) && [[ $output == *'1 passed'* ]]; then
    PASSED=$((PASSED + 1))
    printf 'ok  %4d s  %s\n' $((SECONDS - started)) "$name"
    printf '%s\n' "$output" | grep '^|' || true
  else
    FAILED=$((FAILED + 1))
    printf 'no  %4d s  %s\n%s\n' $((SECONDS - started)) "$name" "$(printf '%s\n' "$output" | tail -n 20)"
  fi
done
printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
[ "$FAILED" = 0 ] && [ "$PASSED" -gt 0 ]
