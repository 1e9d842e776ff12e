#!/bin/sh
# Secrets of the compose file: made once in its volumes, so that none stands in a file of the checkout and no password is a default.
#
#   secrets.sh make       makes what is missing: the nodes' bearer token, the store's and Grafana's passwords
#   secrets.sh hand-out   gives each role the keys that `cairn found` made and that role needs, and no other
#
# Each reader mounts its own volume, read-only, and nobody else's; that is why files in them may be readable.
set -eu
umask 022
at=${SECRETS:-/secrets} instance=${INSTANCE:-/instance}

# random FILE: 32 characters that nobody guesses, unless the file is there.
random() {
  [ -s "$1" ] || {
    mkdir -p "${1%/*}"
    head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$1.new"
    mv "$1.new" "$1"
  }
}

# copy FROM TO: beside it and then over it, so that nobody reads half.
copy() {
  install -D -m 444 "$1" "$2.new"
  mv -f "$2.new" "$2"
}

make() {
  random "$at/gateway/cairn/token"
  copy "$at/gateway/cairn/token" "$at/prometheus/token"
  for role in processor projector; do copy "$at/gateway/cairn/token" "$at/$role/cairn/token"; done
  for worker in ${WORKERS:?names}; do copy "$at/gateway/cairn/token" "$at/worker-$worker/cairn/token"; done
  random "$at/store/root-password"
  # Cairn's own account at the store; the name is no secret, but the store's client takes both from one place.
  printf 'cairn' >"$at/store/AWS_ACCESS_KEY_ID"
  random "$at/store/AWS_SECRET_ACCESS_KEY"
  for role in gateway processor projector; do
    for name in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; do copy "$at/store/$name" "$at/$role/environment/$name"; done
  done
  random "$at/database/password"
  random "$at/grafana/admin-password"
  copy "$at/database/password" "$at/grafana/database-password"
}

hand_out() {
  copy "$instance/keys/processor.key" "$at/processor/cairn/processor.key"
  copy "$instance/keys/checkpoint.key" "$at/projector/cairn/checkpoint.key"
  for worker in ${WORKERS:?names}; do copy "$instance/keys/$worker.key" "$at/worker-$worker/cairn/$worker.key"; done
}

case ${1:-} in
  make) make ;;
  hand-out) hand_out ;;
  *) printf 'error usage: secrets.sh make|hand-out\n' >&2; exit 2 ;;
esac
