"""Alarms, dashboard, Prometheus, collector: sound by their own tools, and true to what the code counts."""

import json
import re

from ground import DEPLOY, HERE, ROOT, check, must, none, read_json, read_yaml, run

ALERTS = DEPLOY / "telemetry/alerts.yaml"
DASHBOARD = DEPLOY / "telemetry/grafana/dashboards/cairn.json"
PAGE = DEPLOY / "OPERATING.md"
CRATES = ["schemas", "ingest", "kernels", "processors", "projections", "deploy/cli"]

# What others count: Prometheus itself, kubelets, and the collector's receivers (kafkametrics, hostmetrics).
FOREIGN = {
    "up", "ALERTS", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes",
    "kafka_brokers", "kafka_partition_replicas", "kafka_partition_replicas_in_sync", "system_filesystem_usage_bytes",
}
SUFFIXES = {"Counter": ["_total"], "Gauge": [""], "Histogram": ["_bucket", "_sum", "_count"]}


def sources():
    paths = [path for crate in CRATES for path in (ROOT / crate).rglob("*.rs")]
    return {path: path.read_text() for path in paths if "/tests" not in str(path) and not path.stem.endswith("tests")}


def exported():
    """The names that `/metrics` can show: each registered name, with the endings that its kind brings."""
    names = set()
    for text in sources().values():
        kinds = {field: kind for field, kind in re.findall(r"\b(\w+): (?:Family<.*?, ?)?(Counter|Gauge|Histogram)\b", text)}
        for name, field in re.findall(r'register\(\s*"(cairn_\w+)",[^;]*?(\w+)\.clone\(\)', text):
            must(field in kinds, f"{name}: no kind was found for `{field}`")
            names |= {name + suffix for suffix in SUFFIXES[kinds[field]]}
    must("cairn_decisions_total" in names, "no registered names were found")
    return names


def expressions():
    """Every PromQL expression of the alarms, the dashboard and the chart, with where it stands."""
    for group in read_yaml(ALERTS)["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]
    for variable in read_json(DASHBOARD)["templating"]["list"]:
        if label := re.match(r"label_values\((.+), \w+\)$", variable["query"]):
            yield f"variable {variable['name']}", label[1]
    for note in read_json(DASHBOARD)["annotations"]["list"]:
        yield "annotations", note["expr"]
    keda = re.search(r'printf "(.+?)" \$\.Release', (DEPLOY / "helm/cairn/templates/processor.yaml").read_text())[1]
    yield "keda", keda.replace('\\"', '"')


def panels():
    return read_json(DASHBOARD)["panels"]


def series(expression):
    """The names of series: words that are neither called, nor labels, nor keywords."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)
    return {word for word in words if word not in ("and", "or", "unless", "offset", "bool") and not re.fullmatch(r"\d+\w", word)} - set("smhdw")


@check("alarms: rules are sound", "promtool")
def rules():
    run("promtool", "check", "rules", ALERTS)


@check("alarms: each is raised by what it is for, and by nothing beside it", "promtool")
def rules_tested():
    run("promtool", "test", "rules", HERE / "alerts_test.yaml")
    raised, quiet = set(), set()
    for test in read_yaml(HERE / "alerts_test.yaml")["tests"]:
        for case in test["alert_rule_test"]:
            (raised if case["exp_alerts"] else quiet).add(case["alertname"])
    names = {rule["alert"] for group in read_yaml(ALERTS)["groups"] for rule in group["rules"]}
    none("an alarm that no test raises", names - raised)
    none("an alarm that no test keeps quiet", names - quiet)


@check("alarms: each says what it is, how bad, and where to read on")
def pages():
    anchors = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-"): head for head in re.findall(r"^#+ (.+)$", PAGE.read_text(), re.M)}
    breaches, names = [], []
    for group in read_yaml(ALERTS)["groups"]:
        for rule in group["rules"]:
            name = rule["alert"]
            names.append(name)
            if rule["labels"].get("severity") not in ("warning", "critical"):
                breaches.append(f"{name}: severity")
            if not rule["annotations"].get("summary"):
                breaches.append(f"{name}: no summary")
            page, _, anchor = rule["annotations"].get("runbook", "").partition("#")
            if page != PAGE.name or anchors.get(anchor) != name:
                breaches.append(f"{name}: {page}#{anchor} is not its section")
    breaches += [f"{head}: a section without an alarm" for head in anchors.values() if re.fullmatch(r"Cairn[A-Z]\w+", head) and head not in names]
    none("alarms and the operator's page", breaches)


@check("the operator's page names codes and paths that there are")
def named():
    text, table = PAGE.read_text(), (ROOT / "schemas/src/code.rs").read_text()
    none("no such code", [code for code in set(re.findall(r"CRN-\d{4}", text)) if f'"{code}"' not in table])
    none("no such path", [path for path in set(re.findall(r"\b((?:deploy|tests)/[\w./-]+\w)", text)) if not (ROOT / path).exists()])


@check("alarms and dashboard ask for series that somebody counts")
def names():
    known, breaches = exported() | FOREIGN, []
    for where, expression in expressions():
        found = series(expression)
        breaches += [f"{where}: {name}" for name in found - known]
        must(found, f"{where}: no series was found in {expression}")
    none("nobody counts that", breaches)


@check("alarms and dashboard ask for words that the code says")
def labels():
    words = set()
    for text in sources().values():
        words |= set(re.findall(r'"([a-z_]+)"', text))
    breaches = []
    for where, expression in expressions():
        for selector in re.findall(r"\bcairn_\w+\{([^}]*)\}", expression):
            for label, value in re.findall(r'(\w+)=~?"([^"$%]*)"', selector):
                breaches += [f"{where}: {label} {word}" for word in value.split("|") if word not in words]
    none("the code has no such word", breaches)


@check("dashboard: every panel has its place, its words and its unit")
def dashboard():
    told = [panel for panel in panels() if panel["type"] != "row"]
    ids = [panel["id"] for panel in panels()]
    must(len(ids) == len(set(ids)), "ids repeat")
    taken, breaches = {}, []
    for panel in panels():
        place = panel["gridPos"]
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])):
            if cell in taken or cell[0] > 23:
                breaches.append(f"{panel['title']} lies over {taken.get(cell, 'the edge')}")
                break
            taken[cell] = panel["title"]
    breaches += [f"{panel['title']}: no unit" for panel in told if not panel["fieldConfig"]["defaults"].get("unit")]
    none("panels", breaches)
    text = json.dumps(told)
    for wanted in ("cairn_decisions_total", "cairn_lag_seconds", "cairn_void_blocks_total", "cairn_decided_seconds_bucket", "cairn_tasks", "cairn_balances"):
        must(wanted in text, f"no panel shows {wanted}")


@check("Grafana: what is provisioned is where compose puts it")
def provisioned():
    sources_of = {one["uid"] for one in read_yaml(DEPLOY / "telemetry/grafana/provisioning/datasources/cairn.yaml")["datasources"]}
    must("prometheus" in sources_of, "no Prometheus among", sources_of)
    provider = read_yaml(DEPLOY / "telemetry/grafana/provisioning/dashboards/cairn.yaml")["providers"][0]
    mounts = {config["target"] for config in read_yaml(DEPLOY / "compose.yaml")["services"]["grafana"]["configs"]}
    must(f"{provider['options']['path']}/cairn.json" in mounts, "the dashboard lies elsewhere:", mounts)


@check("Prometheus: its configuration is sound", "promtool")
def prometheus():
    run("promtool", "check", "config", "--syntax-only", DEPLOY / "telemetry/prometheus.yaml")


@check("Prometheus: every target is a service of compose, under a name that its node knows")
def targets():
    services = read_yaml(DEPLOY / "compose.yaml")["services"]
    hosts = json.loads(services["gateway"]["environment"]["CAIRN_SERVER_HOSTS"])
    scraped = set()
    for job in read_yaml(DEPLOY / "telemetry/prometheus.yaml")["scrape_configs"]:
        for target in (target for static in job["static_configs"] for target in static["targets"]):
            name = target.split(":")[0]
            scraped.add(name)
            must(name in services, f"{target} is no service")
            must(not job["job_name"].startswith("cairn-") or name in hosts, f"{name} is not among the hosts of a node")
    serving = {name for name, service in services.items() if service.get("command", [""])[0] in ("gateway", "processor", "projector")}
    none("a node that nobody scrapes", serving - scraped)


@check("collector: its configuration is sound", "otelcol")
def collector():
    run("otelcol", "validate", f"--config={DEPLOY / 'telemetry/otel-collector.yaml'}", env={"KAFKA_BROKERS": "kafka:9092", "TRACES_ENDPOINT": "jaeger:4317"})


@check("collector: those who send to it speak what it hears there")
def spoken():
    heard = read_yaml(DEPLOY / "telemetry/otel-collector.yaml")["receivers"]["otlp"]["protocols"]
    must(set(heard) == {"http"}, "the binary speaks OTLP over HTTP alone", heard)
    port = heard["http"]["endpoint"].rsplit(":", 1)[1]
    services = read_yaml(DEPLOY / "compose.yaml")["services"]
    sent = {name: service.get("environment", {}).get("OTEL_EXPORTER_OTLP_ENDPOINT") for name, service in services.items()}
    none("a service that sends elsewhere", {name for name, to in sent.items() if to and to != f"http://otel-collector:{port}"})
    must(any(sent.values()), "nobody sends anything")
    values = read_yaml(DEPLOY / "helm/cairn/values.yaml")
    must(values["networkPolicy"]["ports"]["otlp"] == [int(port)], "the network policy lets out to another port", values["networkPolicy"]["ports"])


@check("collector: every part is in a pipeline, every pipeline is of parts that are there")
def pipelines():
    config = read_yaml(DEPLOY / "telemetry/otel-collector.yaml")
    used = {kind: set() for kind in ("receivers", "processors", "exporters")}
    for pipeline in config["service"]["pipelines"].values():
        for kind, names in used.items():
            names |= set(pipeline[kind])
    for kind, names in used.items():
        none(f"{kind}: declared and not used, or the reverse", names ^ set(config[kind]))
    none("extensions", set(config["service"]["extensions"]) ^ set(config["extensions"]))
    asked = set(re.findall(r"\$\{env:(\w+)\}", (DEPLOY / "telemetry/otel-collector.yaml").read_text()))
    told = set(read_yaml(DEPLOY / "compose.yaml")["services"]["otel-collector"]["environment"])
    none("asked of the environment and not told by compose, or the reverse", asked ^ told)
