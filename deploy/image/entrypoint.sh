#!/bin/sh
# The image's entrypoint: secrets as an orchestrator mounts them become secrets as cairn takes them; then cairn runs.
#
# Kubernetes mounts secrets readable by a group, compose as another user's files; cairn refuses a secret that anybody but
# its own user can read. And an object store's credentials are taken from the environment alone. So:
#   /run/secrets/cairn/NAME           is copied to $CAIRN_DIR/keys/NAME, mode 0600
#   /run/secrets/environment/AWS_…    becomes the variable of that name, without the last newline
# Neither ever stands in a manifest, an image or an argument. Refuses names that are no credentials of a store.
set -eu
umask 077

secrets=${CAIRN_SECRETS:-/run/secrets}
keys=${CAIRN_DIR:?the folder of the node}/keys

if [ -d "$secrets/cairn" ]; then
  mkdir -p "$keys"
  for file in "$secrets"/cairn/*; do
    [ -f "$file" ] || continue
    # Beside it and then over it: a probe that reads meanwhile sees the old or the new one, never half.
    install -m 600 "$file" "$keys/.${file##*/}.new"
    mv -f "$keys/.${file##*/}.new" "$keys/${file##*/}"
  done
fi

if [ -d "$secrets/environment" ]; then
  for file in "$secrets"/environment/*; do
    [ -f "$file" ] || continue
    name=${file##*/}
    case $name in
      AWS_*[!A-Z0-9_]* | AWS_) ;;
      AWS_*) export "$name=$(cat "$file")"; continue ;;
    esac
    printf 'error %s: only AWS_… is taken from there\n' "$file" >&2
    exit 2
  done
fi

exec "${CAIRN_BINARY:-cairn}" "$@"
