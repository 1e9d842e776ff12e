#!/usr/bin/env bash
# The soak: an instance in many processes over three real brokers, struck at random under load, and then judged.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -uo pipefail

usage() {
  cat <<'TEXT'
Usage: tests/soak.sh [--yes] [--acts 200] [--seed N] [--minutes 60]

Kills (-9), pauses and restarts gateways, processors, projectors, workers and brokers at random while authors and a training job go on, then
checks that everything acknowledged was decided exactly once, that the books balance and that `replay --check` is clean.
Each act is a line. The seed draws them: the same seed draws the same acts, who is up to be struck then hangs on the machine.
Exit code 0 when all holds, 1 when something does not, 2 for a wrong argument.

Examples:
  tests/soak.sh                       # 200 acts, about 20 minutes
  tests/soak.sh --acts 15 --seed 7    # two minutes; tests/run.sh kafka does as much
TEXT
}

YES=0 ACTS=200 MINUTES=60 SEED=$((RANDOM * 32768 + RANDOM))
# number OPTION VALUE: what stands behind an option, if it is a number above zero.
number() {
  case ${2:-} in '' | 0* | *[!0-9]*) printf 'error %s takes a number above zero\n\n' "$1" >&2; usage >&2; exit 2 ;; esac
  printf '%s\n' "$2"
}
while [ $# -gt 0 ]; do
  case $1 in
    --yes | -y) YES=1 ;;
    --acts) ACTS=$(number "$1" "${2:-}") || exit 2; shift ;;
    --seed) SEED=$(number "$1" "${2:-}") || exit 2; shift ;;
    --minutes) MINUTES=$(number "$1" "${2:-}") || exit 2; shift ;;
    --help | -h) usage; exit 0 ;;
    *) printf 'error unknown argument: %s\n\n' "$1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
if [ ! -t 0 ] || [ ! -t 1 ]; then YES=1; fi

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
cd -- "$ROOT" || exit 1
# shellcheck source=deploy/toolchain.sh
. "$ROOT/deploy/toolchain.sh"
begin

BROKERS=$TARGET/e2e/soak.$$ STATUS=1
# Whatever happens, no broker outlives this script; what they hold stays where something went wrong.
stop_brokers() {
  bash deploy/kafka/down.sh "$BROKERS"
  if [ "$STATUS" = 0 ]; then rm -rf "$BROKERS"; else note "kept: $BROKERS"; fi
}
trap stop_brokers EXIT

say "${BOLD}What is here${PLAIN}"
find_needs for_build kafka
install_needs
step 'Build' cargo test --release --locked --workspace --test e2e --no-run || exit 1
step 'Three brokers' bash deploy/kafka/up.sh "$BROKERS" 3 || exit 1
CAIRN_KAFKA=$(sed -n 's/^BOOTSTRAP=//p' "$LOGS/step.log" | tail -n 1)
export CAIRN_KAFKA CAIRN_KAFKA_DIR=$BROKERS CAIRN_SOAK_ACTS=$ACTS CAIRN_SOAK_SEED=$SEED CAIRN_SOAK_MINUTES=$MINUTES
cargo test --release --locked --workspace --test e2e -- --ignored struck::soak:: --nocapture --test-threads=1
STATUS=$?
[ "$STATUS" = 0 ] || say "again with the same acts: tests/soak.sh --acts $ACTS --seed $SEED"
exit "$STATUS"
