#!/usr/bin/env bash
# Stops the brokers that deploy/kafka/up.sh started; what they hold stays. Harmless where none runs.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -uo pipefail

case ${1:-} in
  '' | --help | -h)
    printf 'Usage: deploy/kafka/down.sh DIR [N]\n\nStops broker N of DIR, or all of them: in order first, by force after 15 seconds.\n'
    [ -n "${1:-}" ]
    exit $(($? * 2))
    ;;
esac
[ -d "$1" ] || exit 0
DIR=$(cd -- "$1" && pwd) || exit 1

# The broker of a pid file, if it is that and not somebody else's process by now.
pid_of() {
  local file=$1 pid
  pid=$(cat "$file" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "kafka.Kafka ${file%.pid}.properties" && printf '%s\n' "$pid"
}

FILES=("$DIR"/broker-"${2:-[0-9]}".pid)
[ -n "${2:-}" ] || FILES=("$DIR"/broker-[0-9].pid)
# A paused broker hears no request to stop until it goes on.
for file in "${FILES[@]}"; do
  if pid=$(pid_of "$file"); then kill -TERM "$pid"; kill -CONT "$pid"; fi
done 2>/dev/null
for file in "${FILES[@]}"; do
  tries=0
  while pid=$(pid_of "$file"); do
    [ $tries -lt 150 ] || kill -KILL "$pid" 2>/dev/null
    tries=$((tries + 1))
    sleep 0.1
  done
  rm -f "$file"
done
exit 0
