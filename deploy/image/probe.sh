#!/usr/bin/env bash
# cairn-probe PATH: asks this container's own cairn, and succeeds if it answers 200. For health checks and probes.
#
# A node asks for a Host that is its own and for a bearer token; an orchestrator's HTTP probe has neither. So the probe runs
# beside the node and reads the token from the node's own file, which stands in no manifest. Refuses to wait longer than LIMIT_S.
set -uo pipefail

LIMIT_S=3
path=${1:?a path, such as /readyz}
listen=${CAIRN_SERVER_LISTEN:-127.0.0.1:7070}
token_file=${CAIRN_SERVER_TOKEN_FILE:-}

ask() {
  local token='' status
  if [ -n "$token_file" ]; then
    case $token_file in /*) ;; *) token_file=$CAIRN_DIR/$token_file ;; esac
    token=$(<"$token_file") || return 1
  fi
  exec 3<>"/dev/tcp/127.0.0.1/${listen##*:}" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' "$path" >&3
  [ -z "$token" ] || printf 'Authorization: Bearer %s\r\n' "$token" >&3
  printf '\r\n' >&3
  IFS=' ' read -r -t "$LIMIT_S" -u 3 _ status _ || return 1
  [ "$status" = 200 ] || { printf '%s answers %s\n' "$path" "$status" >&2; return 1; }
}

ask
