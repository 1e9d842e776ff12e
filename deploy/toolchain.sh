# shellcheck shell=bash
# What a build needs, found or installed: sourced by deploy/quickstart.sh and tests/run.sh.
#
# Owns the choice of a Rust toolchain and of packages, the question before anything is installed, and how steps are shown.
# Refuses to install without consent, to write outside the checkout (packages and toolchain caches apart), and to
# guess on a system it does not know.
#
# The caller sets ROOT (the checkout, and is in it) and YES (1: do not ask), then calls: begin, find_needs, install_needs.

TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
LOGS=$TARGET/quickstart
MSRV=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$ROOT/Cargo.toml")
CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt

# ---- what a person sees -------------------------------------------------------------------------------------------

begin() {
  TTY=0 BOLD='' DIM='' RED='' GREEN='' PLAIN=''
  if [ -t 1 ]; then
    TTY=1
    if [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
      BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
    fi
  fi
  STEP_PID=''
  trap 'stop_step; exit 130' INT
  trap 'stop_step; exit 143' TERM
  settle_home
  mkdir -p "$LOGS" || die "cannot write in $TARGET" "check its owner, or set CARGO_TARGET_DIR"
}

say() { printf '%s\n' "$*"; }
note() { printf '    %s%s%s\n' "$DIM" "$*" "$PLAIN"; }

# die WHAT NEXT: what is wrong, and what to do about it.
die() {
  printf '%serror%s %s\n' "${RED-}" "${PLAIN-}" "$1" >&2
  [ -z "${2:-}" ] || printf '      %s\n' "$2" >&2
  exit 1
}

# Prints seconds as 3:07.
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

done_line() { printf '%s%s%s %s %s%s%s\n' "$GREEN" 'ok' "$PLAIN" "$1" "$DIM" "$(clock "$2")" "$PLAIN"; }

# step TITLE COMMAND...: runs a command whose output belongs in a log, and shows time passing meanwhile.
step() {
  local title=$1 started=$SECONDS log status
  shift
  log=$LOGS/step.log
  [ "$TTY" = 1 ] || say ".. $title"
  "$@" >"$log" 2>&1 </dev/null &
  STEP_PID=$!
  if [ "$TTY" = 1 ]; then
    while kill -0 "$STEP_PID" 2>/dev/null; do
      printf '\r.. %s %s%s%s' "$title" "$DIM" "$(clock $((SECONDS - started)))" "$PLAIN"
      sleep 0.2
    done
    printf '\r\e[K'
  fi
  status=0
  wait "$STEP_PID" || status=$?
  STEP_PID=''
  if [ "$status" = 0 ]; then
    done_line "$title" $((SECONDS - started))
  else
    printf '%sno%s %s %s\n' "$RED" "$PLAIN" "$title" "$(clock $((SECONDS - started)))"
    tail -n 20 "$log" | sed 's/^/    /'
    cp "$log" "$LOGS/failed.log"
    note "all of it: $LOGS/failed.log"
  fi
  return "$status"
}

stop_step() {
  [ -z "$STEP_PID" ] || kill "$STEP_PID" 2>/dev/null
  printf '\n%s\n' 'stopped; nothing is left running, and running it again continues' >&2
}

# Asks before anything is installed. Without a terminal there is nobody to ask.
consent() {
  local answer
  [ "$YES" = 1 ] && return 0
  if [ ! -t 0 ] || [ "$TTY" = 0 ]; then die "nobody to ask: this is not a terminal" "run it again with --yes"; fi
  printf '%s%s%s [Y/n] ' "$BOLD" "$1" "$PLAIN"
  read -r answer || answer=n
  case $answer in '' | y | Y | yes | Yes) return 0 ;; *) return 1 ;; esac
}

# ---- the ground ---------------------------------------------------------------------------------------------------

# cargo and pip keep caches under HOME. Where it is unset, empty or not ours, the password database knows better;
# where that does not either, the caches stay in the checkout.
settle_home() {
  [ -n "${HOME:-}" ] && [ -d "$HOME" ] && [ -w "$HOME" ] && return
  local home
  home=$(getent passwd "$(id -u)" | cut -d: -f6) || home=''
  if [ -n "$home" ] && [ "$home" != / ] && [ -d "$home" ] && [ -w "$home" ]; then
    export HOME=$home
  else
    mkdir -p "$TARGET/home" && export HOME=$TARGET/home
  fi
}

has() { command -v "$1" >/dev/null 2>&1; }

# at_least VERSION MINIMUM
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# ---- finding ------------------------------------------------------------------------------------------------------

# new_enough: the cargo and rustc that PATH gives now are there and new enough. Sets RUST to the version found.
new_enough() {
  local cargo rustc
  cargo=$(cargo --version 2>/dev/null | awk '{print $2}')
  rustc=$(rustc --version 2>/dev/null | awk '{print $2}')
  [ -n "$cargo" ] && [ -n "$rustc" ] || return 1
  RUST=${rustc%%-*}
  at_least "${cargo%%-*}" "$MSRV" && at_least "$RUST" "$MSRV"
}

# Finds a toolchain that is already here, from the plainest place on; RUST_FROM says where.
find_rust() {
  local dir name path=$PATH
  RUST='' RUST_FROM=''
  new_enough && { RUST_FROM=$(command -v cargo); return 0; }
  for dir in "${CARGO_HOME:-$HOME/.cargo}/bin" /usr/lib/rust-*/bin; do
    [ -x "$dir/cargo" ] || continue
    PATH=$dir:$path
    new_enough && { RUST_FROM=$dir/cargo; export PATH; return 0; }
    PATH=$path
  done
  has rustup || return 1
  for name in $(rustup toolchain list 2>/dev/null | awk '{print $1}' | sort -rV); do
    RUSTUP_TOOLCHAIN=$name new_enough || continue
    export RUSTUP_TOOLCHAIN=$name
    RUST_FROM="rustup, $name"
    return 0
  done
  return 1
}

# A C compiler is there only if it can compile and link against the C library's headers.
find_cc() {
  has cc && printf '#include <stdlib.h>\nint main(void){return 0;}\n' | cc -x c - -o "$LOGS/cc-works" 2>/dev/null
}

# librdkafka's configure asks for a C++ compiler, although what we link is C.
find_cxx() { has c++ && printf 'int main(){return 0;}\n' | c++ -x c++ - -o "$LOGS/cxx-works" 2>/dev/null; }

# librdkafka is built by make, and only make knows whether it can.
find_make() { has make && printf 'all:\n\t@true\n' | make -s -f - all >/dev/null 2>&1; }

# OpenSSL's headers are found as the build finds them: by pkg-config, and they must compile and link.
find_openssl() {
  local flags
  flags=$(pkg-config --cflags --libs openssl 2>/dev/null) || return 1
  # shellcheck disable=SC2086
  printf '#include <openssl/ssl.h>\nint main(void){return SSL_CTX_new(TLS_client_method())==0;}\n' |
    cc -x c - -o "$LOGS/openssl-works" $flags 2>/dev/null
}

# Brokers for the tests: Kafka 4 asks for a Java 17 or newer, Maven fetches it.
find_java() { has java && has mvn && at_least "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" 17; }

find_certificates() {
  [ -s "$CA_BUNDLE" ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ] || [ -s /etc/ssl/cert.pem ]
}

find_python() { has python3 && python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

find_rustfmt() { cargo fmt --version >/dev/null 2>&1; }

# find_needs for_build|for_tests [kafka]: looks at everything, changes nothing. Fills NEEDS (names for people) and PACKAGES (for apt).
find_needs() {
  NEEDS=() PACKAGES=() WANT_RUST=0 WANT_FMT=0
  if find_rust; then row rust "$RUST ($RUST_FROM)"; else
    WANT_RUST=1
    NEEDS+=("Rust $MSRV or newer")
    row rust "missing: $MSRV or newer${RUST:+, found $RUST}"
  fi
  if find_cc; then row 'C compiler' "$(cc --version | head -n 1)"; else need 'a C compiler' gcc libc6-dev; fi
  if find_cxx; then row 'C++ compiler' "$(c++ --version | head -n 1)"; else need 'a C++ compiler' g++; fi
  if find_make; then row make "$(make --version | head -n 1)"; else need make make; fi
  if find_openssl; then row OpenSSL "$(pkg-config --modversion openssl)"; else need "OpenSSL's headers" libssl-dev pkg-config; fi
  if find_certificates; then row certificates present; else need 'root certificates' ca-certificates; fi
  if [ "$1" = for_tests ]; then
    if find_python; then row python "$(python3 --version)"; else need 'Python 3 with venv' python3 python3-venv; fi
    if [ "$WANT_RUST" = 0 ] && find_rustfmt; then row rustfmt "$(cargo fmt --version)"; else
      WANT_FMT=1
      NEEDS+=(rustfmt)
      row rustfmt missing
    fi
  fi
  if [ "${2:-}" = kafka ]; then
    if find_java; then row java "$(java -version 2>&1 | head -n 1)"; else need 'Java 17 with Maven' default-jre-headless maven; fi
  fi
}

row() { printf '   %-14s %s\n' "$1" "$2"; }

# need NAME PACKAGE...
need() {
  NEEDS+=("$1")
  row "${1#a }" missing
  shift
  PACKAGES+=("$@")
}

# ---- installing ---------------------------------------------------------------------------------------------------

# install_needs: says, asks, installs. Returns with everything there, or does not return.
install_needs() {
  [ ${#NEEDS[@]} -gt 0 ] || return 0
  if has rustup; then by_rustup; fi
  if [ "$WANT_RUST$WANT_FMT" != 00 ] || [ ${#PACKAGES[@]} -gt 0 ]; then install_packages; fi
  find_rust || die "Rust $MSRV or newer is still not there" "install it with rustup (https://rustup.rs), then run this again"
  find_cc || die "the C compiler does not work" "try: echo 'int main(){return 0;}' | cc -x c - -o /tmp/a"
  find_make || die 'make does not work' 'try: make --version'
  find_openssl || die "OpenSSL's headers are not found" 'try: pkg-config --cflags --libs openssl'
}

# The exact minimum, beside whatever toolchains are there: no default of the user's changes. What rustup cannot fetch is
# left to the distribution's packages.
by_rustup() {
  if [ "$WANT_RUST" = 1 ]; then
    consent "Install Rust $MSRV with rustup, beside your other toolchains?" || return 0
    step "Rust $MSRV by rustup" timeout 900 rustup toolchain install "$MSRV" --profile minimal --component rustfmt || return 0
    if find_rust; then WANT_RUST=0 WANT_FMT=0; fi
  elif [ "$WANT_FMT" = 1 ]; then
    consent 'Install rustfmt with rustup?' || return 0
    if step 'rustfmt by rustup' timeout 300 rustup component add rustfmt && find_rustfmt; then WANT_FMT=0; fi
  fi
}

install_packages() {
  has apt-get || die "this needs ${NEEDS[*]}, and here is no apt-get" "install them as your system does; Rust: https://rustup.rs"
  APT=(-o DPkg::Lock::Timeout=120)
  choose_packages
  [ ${#PACKAGES[@]} -gt 0 ] || return 0
  local by_hand="${FIRST}apt-get update && apt-get install --yes --no-install-recommends ${PACKAGES[*]}"
  say "   To install: ${BOLD}${PACKAGES[*]}${PLAIN}${FROM:+ (from $FROM)}"
  can_be_root || die "installing needs root, and sudo is not to be had" "run this as root, then this script again: $by_hand"
  consent 'Install these packages?' || die 'not installed' "by hand, as root: $by_hand"
  if [ "$UPDATED" = 0 ]; then apt_update; fi
  step "packages: ${PACKAGES[*]}" as_root apt-get "${APT[@]}" install --yes --no-install-recommends "${PACKAGES[@]}" ||
    die 'the packages could not be installed' "as root: $by_hand"
}

# Which packages carry a new enough Rust is known only from apt's lists, so these may have to be read first. FIRST is what
# a person without root has to do before apt-get can find them.
choose_packages() {
  UPDATED=0 FROM='' FIRST=''
  local suffix=''
  if [ "$WANT_RUST" = 1 ]; then
    if ! suffix=$(rust_suffix); then
      if can_be_root; then
        apt_update
        suffix=$(rust_suffix) || { use_security_suite && suffix=$(rust_suffix); } || suffix=none
      elif grep -qs '^ID=debian' /etc/os-release; then
        suffix=-web
        FIRST=$(security_suite) && FIRST="echo '$FIRST' >/etc/apt/sources.list.d/security.list && "
      else
        suffix=none
      fi
    fi
    [ "$suffix" != none ] || die "this system's packages have no Rust $MSRV or newer" "install it with rustup (https://rustup.rs), then run this again"
    PACKAGES+=("rustc$suffix" "cargo$suffix")
  fi
  if [ "$WANT_FMT" = 1 ]; then choose_rustfmt "$suffix"; fi
}

# rustfmt comes with the compiler's own package set or not at all: the tests say that formatting was not checked.
choose_rustfmt() {
  local suffix=$1 owner
  if [ "$WANT_RUST" = 0 ]; then
    owner=$(dpkg-query -S "$(readlink -f "$(command -v cargo)")" 2>/dev/null) || return 0
    suffix=${owner%%:*}
    suffix=${suffix#cargo}
    can_be_root || [ ${#PACKAGES[@]} -gt 0 ] || return 0
    if ! at_least "$(candidate "rustfmt$suffix")" "$RUST" && can_be_root; then
      apt_update
      at_least "$(candidate "rustfmt$suffix")" "$RUST" || use_security_suite
    fi
  fi
  if at_least "$(candidate "rustfmt$suffix")" "$MSRV"; then PACKAGES+=("rustfmt$suffix"); fi
}

# Prints what the names of the packages end in whose Rust is new enough: the plain ones, those that Debian keeps current
# for its browsers, or those that Ubuntu names by version.
rust_suffix() {
  local suffix
  for suffix in '' -web $(apt-cache pkgnames cargo-1 2>/dev/null | sed -n 's/^cargo\(-1\.[0-9]*\)$/\1/p' | sort -rV); do
    if at_least "$(candidate "rustc$suffix")" "$MSRV" && [ "$(candidate "cargo$suffix")" != 0 ]; then
      say "$suffix"
      return
    fi
  done
  return 1
}

# The upstream version that apt would install, or 0.
candidate() {
  local version
  version=$(LC_ALL=C apt-cache "${APT[@]}" policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}')
  version=${version#*:}
  say "${version:-0}" | sed 's/[^0-9.].*//'
}

# A bare debootstrap root lists no security suite, and Debian's current compiler lives there. It lies beside the archive
# that is listed. Prints its line for apt's sources; nothing where a security suite is listed, or no Debian archive is.
security_suite() {
  local listed uri codename
  # shellcheck disable=SC2016
  listed=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Identifier: Packages' 2>/dev/null)
  case $listed in *-security*) return 1 ;; esac
  read -r uri codename <<<"$listed"
  case $uri in */debian/) ;; *) return 1 ;; esac
  say "deb ${uri%/}-security $codename-security main"
}

# Reads the security suite this once: no file under /etc changes.
use_security_suite() {
  local line parts=$LOGS/sources
  line=$(security_suite) || return 1
  mkdir -p "$parts"
  cp /etc/apt/sources.list.d/* "$parts/" 2>/dev/null
  say "$line" >"$parts/security.list"
  APT+=(-o "Dir::Etc::sourceparts=$parts")
  FROM="Debian's security suite, which is not among your apt sources"
  apt_update
}

apt_update() {
  step "apt's package lists" as_root apt-get "${APT[@]}" update || note 'some lists could not be read; going on with what is there'
  UPDATED=1
}

# Sets SUDO. sudo asks for its password in the foreground, before any step runs.
can_be_root() {
  SUDO=()
  [ "$(id -u)" = 0 ] && return 0
  has sudo || return 1
  if [ -t 0 ]; then sudo -v || return 1; else sudo -n true 2>/dev/null || return 1; fi
  SUDO=(sudo)
}

as_root() { "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
