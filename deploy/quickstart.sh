#!/usr/bin/env bash
# From a bare machine to a trained, verified, paid job: installs what is missing, builds Cairn, runs the main job.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -uo pipefail

usage() {
  cat <<'TEXT'
Usage: deploy/quickstart.sh [--yes] [--check] [--no-demo] [--dir DIR]

Installs what is missing (it asks first), builds Cairn, and runs the main job: a signed
training job that three workers do, one of whom cheats. Running it again is fast.

  --yes       do not ask before installing
  --check     only say what is here and what is missing; exit 1 if something is
  --no-demo   stop when the binary is built
  --dir DIR   where the main job keeps its data (default: target/demo)
  --help      this text

Examples:
  deploy/quickstart.sh                    # ask, build, run
  deploy/quickstart.sh --yes --no-demo    # in a script: build only
  deploy/quickstart.sh --dir /tmp/cairn   # keep the demo's data there
TEXT
}

wrong() {
  printf 'error %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

YES=0 CHECK=0 DEMO=1 DIR=''
while [ $# -gt 0 ]; do
  case $1 in
    --yes | -y) YES=1 ;;
    --check) CHECK=1 ;;
    --no-demo) DEMO=0 ;;
    --dir)
      [ -n "${2:-}" ] || wrong '--dir needs a directory'
      DIR=$2
      shift
      ;;
    --dir=?*) DIR=${1#--dir=} ;;
    --help | -h) usage; exit 0 ;;
    *) wrong "unknown argument: $1" ;;
  esac
  shift
done
case $DIR in '' | /*) ;; *) DIR=$PWD/$DIR ;; esac

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
cd -- "$ROOT" || exit 1
# shellcheck source=deploy/toolchain.sh
. "$ROOT/deploy/toolchain.sh"
begin
DIR=${DIR:-$TARGET/demo}

say "${BOLD}1/4 What is here${PLAIN}"
find_needs for_build
if [ "$CHECK" = 1 ]; then
  [ ${#NEEDS[@]} = 0 ] || { printf -v list '%s, ' "${NEEDS[@]}"; die "missing: ${list%, }" 'deploy/quickstart.sh installs it'; }
  say '   nothing is missing'
  exit 0
fi

say "${BOLD}2/4 Install${PLAIN}"
if [ ${#NEEDS[@]} = 0 ]; then say '   nothing to install'; else install_needs; fi

say "${BOLD}3/4 Build${PLAIN}"
CAIRN=$TARGET/release/cairn
[ -x "$CAIRN" ] || note 'the first build takes about 20 minutes on two cores; later ones take seconds'
started=$SECONDS
# Over the whole workspace, so that features resolve as they do for the tests and dependencies are compiled once.
cargo build --release --locked --workspace --bin cairn </dev/null ||
  die 'the build failed; its reason stands above' 'running this again continues where it stopped'
done_line "built ${CAIRN#"$ROOT/"}, $(du -h "$CAIRN" | cut -f1)" $((SECONDS - started))

[ "$DEMO" = 1 ] || exit 0
say "${BOLD}4/4 The main job${PLAIN}"
note "$CAIRN demo --dir $DIR"
exec "$CAIRN" demo --dir "$DIR"
