#!/usr/bin/env bash
# Everything an operator deploys with, checked by the tools of those who will read it: tests/manifests/run.sh
#
# Installs its tools below the target folder, once for each list of versions: linters from PyPI, helm and compose's own
# loader as Go modules, promtool out of Debian's package. A tool that this machine cannot have is named, and what it would
# have checked is counted as skipped. Nothing is installed outside the target folder, so nobody is asked.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cd -- "$HERE/../.."
TOOLS=${CARGO_TARGET_DIR:-$PWD/target}/manifests
mkdir -p "$TOOLS/bin"

HELM=v3.22.0 COMPOSE=v2.16.2
KEDA=github.com/kedacore/keda/v2@v2.21.0
PROMETHEUS_OPERATOR=github.com/prometheus-operator/prometheus-operator@v0.85.0

has() { command -v "$1" >/dev/null 2>&1; }
note() { printf '    %s\n' "$*"; }

# The linters, made once for each list of versions.
linters() {
  VENV=$TOOLS/venv-$(cksum <"$HERE/requirements.txt" | cut -d' ' -f1)
  [ -e "$VENV/complete" ] && return
  rm -rf "$VENV"
  python3 -m venv "$VENV"
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$VENV/bin/python" -m pip install --quiet --requirement "$HERE/requirements.txt"
  touch "$VENV/complete"
}

# from_go NAME PACKAGE VERSION: builds a command into the tools, once for each version.
from_go() {
  local built=$TOOLS/$1-$3
  if [ ! -x "$built" ]; then
    note "building $1 $3"
    (cd "$TOOLS" && rm -rf gobin && GOBIN=$TOOLS/gobin go install "$2@$3") || return
    mv "$TOOLS/gobin/$(basename "$2")" "$built"
  fi
  ln -sf "$built" "$TOOLS/bin/$1"
}

# The folder of a Go module that carries what an operator of it declares; fetched, not built.
module() {
  (cd "$TOOLS" && go mod download -json "$1") | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p'
}

# promtool as it is here, or out of Debian's package: unpacked, not installed, for installing would start a server.
unpack_promtool() {
  if has promtool; then ln -sf "$(command -v promtool)" "$TOOLS/bin/promtool"; return; fi
  [ -x "$TOOLS/prometheus/usr/bin/promtool" ] || {
    has apt-get || return
    note 'unpacking promtool'
    (mkdir -p "$TOOLS/prometheus" && cd "$TOOLS/prometheus" && apt-get download --quiet prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb .) || return
  }
  ln -sf "$TOOLS/prometheus/usr/bin/promtool" "$TOOLS/bin/promtool"
}

linters
# Go fetches a newer toolchain by itself where it is too old, since 1.21.
if has go && go version | grep -qE 'go1\.(2[1-9]|[3-9][0-9])'; then
  from_go helm helm.sh/helm/v3/cmd/helm "$HELM"
  from_go compose-spec github.com/compose-spec/compose-go/v2/cmd "$COMPOSE"
  CRDS=$(module "$KEDA")/config/crd/bases:$(module "$PROMETHEUS_OPERATOR")/example/prometheus-operator-crd
else
  note 'no Go here (https://go.dev/dl): helm, and the loader of compose, are left out'
  CRDS=''
fi
# The collector is put together from its parts by its users, so there is no one module to install; it is taken where it is.
for name in otelcol-contrib otelcol; do if has "$name"; then ln -sf "$(command -v "$name")" "$TOOLS/bin/otelcol"; break; fi; done
unpack_promtool || note 'no promtool here, and no Debian package of it: alarms are left out'

exec "$VENV/bin/python" "$HERE/check.py" --tools "$TOOLS/bin" --crds "$CRDS"
