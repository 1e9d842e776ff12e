#!/usr/bin/env bash
# Starts one or three Apache Kafka brokers (KRaft) on free loopback ports. Run again, it starts those that are down.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -uo pipefail

usage() {
  cat <<'TEXT'
Usage: deploy/kafka/up.sh DIR [1|3]

Starts the brokers of DIR and returns once they answer; the last line is BOOTSTRAP=host:port[,host:port…].
A new DIR is set up for one broker or for three; DIR/broker-N.{pid,log,properties} belong to broker N. Settings of your own
go into DIR/more.properties before.
Brokers that are down are started again with what they hold. deploy/kafka/down.sh DIR stops them.

For tests and for trying things on one machine: the addresses printed ask for no password, and failures are noticed within seconds.
Each broker also listens with TLS and SASL (PLAIN, SCRAM-SHA-256 and -512 for the user `cairn` with the password in DIR/secret; OAUTHBEARER with
unsigned tokens), at the SECURE address of its properties; its certificate is DIR/ca.pem.
Needs Java 17 or newer, and Maven the first time.
TEXT
}

# How long the brokers may take to answer, seconds.
LIMIT_S=300
MAIN=kafka.Kafka

case ${1:-} in '' | --help | -h) usage; [ -n "${1:-}" ]; exit $(($? * 2)) ;; esac
mkdir -p "$1" || exit 1
DIR=$(cd -- "$1" && pwd) || exit 1
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) || exit 1
JARS=${CARGO_TARGET_DIR:-$HERE/../../target}/kafka/jars-$(cksum <"$HERE/pom.xml" | tr ' ' '-')

die() { printf 'error %s\n' "$1" >&2; [ -z "${2:-}" ] || printf '      %s\n' "$2" >&2; exit 1; }

# alive N: broker N of this folder runs. A process id that went to somebody else does not count.
alive() {
  local pid
  pid=$(cat "$DIR/broker-$1.pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$MAIN $DIR/broker-$1.properties"
}

# The jars come from Maven Central once, into the build folder; half a download is never taken for a whole one.
fetch_jars() {
  [ -d "$JARS" ] && return
  command -v mvn >/dev/null || die 'Kafka comes by Maven, and here is no mvn' 'on Debian: apt-get install maven'
  local half=$JARS.$$
  mkdir -p "$half"
  if ! timeout 600 mvn -q -B -f "$HERE/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$half" >"$DIR/maven.log" 2>&1; then
    tail -n 20 "$DIR/maven.log" | sed 's/^/    /' >&2
    rm -rf "$half"
    die "Maven could not fetch Kafka's jars" "see $DIR/maven.log"
  fi
  mv -T "$half" "$JARS" 2>/dev/null || rm -rf "$half"
}

# free_port: a loopback port below the ephemeral range that nobody listens on and that was not given yet.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    case " ${GIVEN:-} " in *" $port "*) continue ;; esac
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  GIVEN="${GIVEN:-} $port"
  PORT=$port
}

# A password and a certificate of these brokers' own, for their SECURE listeners.
make_secrets() {
  head -c 18 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' >"$DIR/secret"
  chmod 600 "$DIR/secret"
  keytool -genkeypair -alias broker -keyalg EC -groupname secp256r1 -dname CN=localhost -ext SAN=ip:127.0.0.1,dns:localhost -validity 3650 \
    -storetype PKCS12 -keystore "$DIR/tls.p12" -storepass:file "$DIR/secret" >"$DIR/keytool.log" 2>&1 &&
    keytool -exportcert -rfc -alias broker -keystore "$DIR/tls.p12" -storepass:file "$DIR/secret" >"$DIR/ca.pem" 2>>"$DIR/keytool.log"
}

# set_up COUNT: writes the configuration of a new folder. In production, too: no topic by accident, no unclean election, the
# broker's own append time, no retention by time. Of tests alone: few internal partitions, short sessions.
set_up() {
  local count=$1 node voters='' ports=() secures=() controllers=() isr=1 secret
  [ "$count" = 3 ] && isr=2
  for ((node = 1; node <= count; node++)); do
    free_port; ports[node]=$PORT
    free_port; secures[node]=$PORT
    free_port; controllers[node]=$PORT
    voters="$voters${voters:+,}$node@127.0.0.1:$PORT"
  done
  make_secrets || die 'the brokers'"'"' certificate could not be made' "see $DIR/keytool.log"
  secret=$(cat "$DIR/secret")
  for ((node = 1; node <= count; node++)); do
    cat >"$DIR/broker-$node.properties" <<TEXT
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${ports[node]},SECURE://127.0.0.1:${secures[node]},CONTROLLER://127.0.0.1:${controllers[node]}
advertised.listeners=PLAINTEXT://127.0.0.1:${ports[node]},SECURE://127.0.0.1:${secures[node]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
ssl.keystore.type=PKCS12
ssl.keystore.location=$DIR/tls.p12
ssl.keystore.password=$secret
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_cairn="$secret";
listener.name.secure.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
log.dirs=$DIR/data-$node
auto.create.topics.enable=false
unclean.leader.election.enable=false
log.message.timestamp.type=LogAppendTime
log.retention.ms=-1
default.replication.factor=$count
min.insync.replicas=$isr
offsets.topic.replication.factor=$count
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=$count
transaction.state.log.min.isr=$isr
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=3000
group.consumer.min.session.timeout.ms=3000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
TEXT
    cat "$DIR/more.properties" >>"$DIR/broker-$node.properties" 2>/dev/null
  done
  cat >"$DIR/log4j2.properties" <<'TEXT'
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=OUT
appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n%throwable
TEXT
  # A cluster's id is a UUID in base64url; one that begins with a hyphen would be taken for an option.
  printf 'C%s\n' "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)" >"$DIR/cluster.id"
  printf '%s\n' "$count" >"$DIR/brokers"
}

kafka_java() { java -XX:+UseSerialGC -Xmx"$1" -cp "$JARS/*" "-Dlog4j2.configurationFile=$DIR/log4j2.properties" "${@:2}"; }

format() {
  [ -f "$DIR/data-$1/meta.properties" ] && return
  kafka_java 128m kafka.tools.StorageTool format -t "$(cat "$DIR/cluster.id")" -c "$DIR/broker-$1.properties" \
    --add-scram "SCRAM-SHA-256=[name=cairn,password=$(cat "$DIR/secret")]" --add-scram "SCRAM-SHA-512=[name=cairn,password=$(cat "$DIR/secret")]" >"$DIR/format-$1.log" 2>&1 && return
  tail -n 20 "$DIR/format-$1.log" | sed 's/^/    /' >&2
  return 1
}

# A broker outlives this script and whoever called it: a session of its own, no terminal, and none of the caller's open files,
# for whoever reads the other end of one would wait for the broker.
start() {
  [ -f "$DIR/broker-$1.log" ] && mv "$DIR/broker-$1.log" "$DIR/broker-$1.log.1"
  (
    for file in /proc/"$BASHPID"/fd/*; do
      file=${file##*/}
      [ "$file" -le 2 ] || eval "exec $file>&-"
    done
    exec setsid java -XX:+UseSerialGC -Xmx512m -cp "$JARS/*" "-Dlog4j2.configurationFile=$DIR/log4j2.properties" \
      "$MAIN" "$DIR/broker-$1.properties" >"$DIR/broker-$1.log" 2>&1 </dev/null
  ) &
  printf '%s\n' $! >"$DIR/broker-$1.pid"
}

await() {
  local node=$1
  while ! grep -q 'Kafka Server started' "$DIR/broker-$node.log"; do
    # By its number alone: between fork and exec it does not yet look like a broker.
    kill -0 "$(cat "$DIR/broker-$node.pid")" 2>/dev/null || fail "broker $node ended" "$node"
    [ $SECONDS -lt $LIMIT_S ] || fail "broker $node does not answer after $LIMIT_S s" "$node"
    sleep 0.1
  done
}

fail() {
  tail -n 25 "$DIR/broker-$2.log" | sed 's/^/    /' >&2
  die "$1" "its log: $DIR/broker-$2.log"
}

command -v java >/dev/null || die 'Kafka runs on Java 17 or newer, and here is no java' 'on Debian: apt-get install default-jre-headless'
COUNT=$(cat "$DIR/brokers" 2>/dev/null) || COUNT=''
if [ -z "$COUNT" ]; then
  COUNT=${2:-1}
  case $COUNT in 1 | 3) ;; *) die "one broker or three, not: $COUNT" ;; esac
  set_up "$COUNT"
elif [ -n "${2:-}" ] && [ "$2" != "$COUNT" ]; then
  die "$DIR was set up for $COUNT broker(s), not $2" 'name another folder'
fi
fetch_jars
FORMATS=() STARTED=()
for ((node = 1; node <= COUNT; node++)); do format "$node" & FORMATS+=($!); done
for job in "${FORMATS[@]}"; do wait "$job" || die "the storage could not be formatted" "see $DIR/format-N.log"; done
for ((node = 1; node <= COUNT; node++)); do
  alive "$node" || { start "$node"; STARTED+=("$node"); }
done
for node in "${STARTED[@]}"; do await "$node"; done
BOOTSTRAP=$(sed -n 's/^advertised.listeners=PLAINTEXT:\/\/\([^,]*\).*/\1/p' "$DIR"/broker-[0-9].properties | paste -sd, -)
printf 'BOOTSTRAP=%s\n' "$BOOTSTRAP"
