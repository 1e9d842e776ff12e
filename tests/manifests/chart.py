"""The Helm chart: linted, rendered with several values, held against the API of Kubernetes and against its own promises."""

import functools
import json
import pathlib
import re
import shutil
import tempfile
import textwrap

import jsonschema
import kubernetes_validate

from ground import DEPLOY, HERE, Tools, check, must, none, read_documents, read_json, read_yaml, run
from image import config_keys

CHART = DEPLOY / "helm/cairn"
VALUES = sorted((HERE / "values").glob("*.yaml"))
# The oldest that Chart.yaml names, and the newest whose API the validator carries.
KUBERNETES = ["1.27", kubernetes_validate.latest_version()]
# Names of the definitions' files, by the kinds that the chart renders.
DEFINED = {"scaledobjects": "ScaledObject", "servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"}
SERVING = {"gateway", "processor", "projector"}

def rendered(values, *sets):
    arguments = [f"--set-json={one}" for one in sets]
    return read_documents(run("helm", "template", "cairn", CHART, "--namespace", "ledger", "--kube-version", "1.34.0", "--values", values, *arguments))

def every():
    for values in VALUES:
        yield values.stem, rendered(values)

def pods(documents):
    """Each workload's name, component, and pod template."""
    for document in documents:
        if document["kind"] in ("Deployment", "StatefulSet", "Job"):
            template = document["spec"]["template"]
            yield document["metadata"]["name"], template["metadata"]["labels"]["app.kubernetes.io/component"], template

def kind(documents, name):
    return [document for document in documents if document["kind"] == name]

def environment(template):
    return {entry["name"]: entry.get("value") for entry in template["spec"]["containers"][0].get("env", [])}

@check("chart: helm lint --strict, with each file of values", "helm")
def lint():
    must(len(VALUES) >= 3, "few files of values:", VALUES)
    for values in VALUES:
        run("helm", "lint", "--strict", "--quiet", CHART, "--values", values)

@check("chart: values that are missing, unknown or wrong are refused", "helm")
def refused():
    base = ["template", "cairn", CHART, "--values", HERE / "values/least.yaml"]
    must("log" in run("helm", "template", "cairn", CHART, fails=True), "an installation without a log")
    for wrong, told in [
        ("surprise=1", "surprise"),
        ("gateway.replica=3", "replica"),
        ("processor.keda.max=3", "max"),
        ("topics.partitions=65", "partitions"),
        ('log.url="localhost:9092"', "url"),
        ('log.url="kafka://user:secret@k:9092/c"', "url"),
        ('kafka.sasl="kerberos"', "sasl"),
        ('kafka={"sasl":"plain","user":"cairn"}', "tls"),
        ('kafka={"sasl":"scram-sha-512"}', "user"),
        ("kafka.ca=true", "tls"),
        ('store.url="/var/blobs"', "url"),
        ('image.tag="latest"', "tag"),
        ('worker.names=["Ada"]', "names"),
        ('worker.names=["ada","ada"]', "names"),
        ("terminationGracePeriodSeconds=5", "termination"),
    ]:
        must(told in run("helm", *base, f"--set-json={wrong}", fails=True), f"{wrong} is refused without saying {told}")

@check("chart: what it renders is the API of Kubernetes, oldest and newest", "helm")
def api():
    breaches, checked = [], 0
    for name, documents in every():
        for document in documents:
            if "." in document["apiVersion"].partition("/")[0].removesuffix(".k8s.io"):
                continue
            checked += 1
            for version in KUBERNETES:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    breaches.append(f"{name}: {document['kind']} {document['metadata']['name']} ({version}): {error.message} at {list(error.path)}")
    must(checked > 30, "few documents were checked:", checked)
    none("documents", breaches)

def strict(schema):
    """A schema of a CustomResourceDefinition as the API server takes it: what it does not name, it does not know."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    return schema

@functools.cache
def definitions():
    """The schemas of what the chart renders beyond Kubernetes itself, out of its makers' own modules."""
    found = {}
    for path in (path for folder in Tools.crds for name in DEFINED for path in folder.glob(f"*_{name}.yaml")):
        definition = read_yaml(path)
        for version in definition["spec"]["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # An object of any kind; which fields of it are meant is the API server's.
            schema["properties"]["metadata"] = {"type": "object"}
            found[f"{definition['spec']['group']}/{version['name']}", definition["spec"]["names"]["kind"]] = schema
    return found

@check("chart: what it renders for KEDA and the Prometheus operator is what their own definitions say", "helm")
def custom():
    known, seen = definitions(), set()
    for name, documents in every():
        for document in documents:
            key = document["apiVersion"], document["kind"]
            if key in known:
                seen.add(key[1])
                errors = [f"{error.message} at {list(error.path)}" for error in jsonschema.Draft7Validator(known[key]).iter_errors(document)]
                none(f"{name}: {key[1]}", errors)
    must(seen == set(DEFINED.values()), "seen:", seen)

@check("chart: every kind is checked by one of the two", "helm")
def kinds():
    known = set(definitions())
    strange = set()
    for _, documents in every():
        for document in documents:
            group = document["apiVersion"].partition("/")[0]
            if "." in group.removesuffix(".k8s.io") and (document["apiVersion"], document["kind"]) not in known:
                strange.add(document["kind"])
    none("kinds that nothing checks", strange)

@check("chart: every pod is nobody, over a read-only root, without privileges or tokens", "helm")
def security():
    breaches = []
    for name, documents in every():
        for workload, _, template in pods(documents):
            spec, where = template["spec"], f"{name}: {workload}"
            context = spec["securityContext"]
            sound = {
                "non-root": context["runAsNonRoot"] and context["runAsUser"] == 65532 and context["fsGroup"] == 65532,
                "seccomp": context["seccompProfile"] == {"type": "RuntimeDefault"},
                "no token": spec["automountServiceAccountToken"] is False,
                "no service links": spec["enableServiceLinks"] is False,
                "no host": not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")),
                "no host path": not any("hostPath" in volume for volume in spec["volumes"]),
            }
            for container in spec["containers"]:
                own = container["securityContext"]
                sound |= {
                    "read-only root": own["readOnlyRootFilesystem"] is True,
                    "no escalation": own["allowPrivilegeEscalation"] is False,
                    "no capabilities": own["capabilities"] == {"drop": ["ALL"]},
                    "resources": {"cpu", "memory"} <= set(container["resources"]["requests"]) and "memory" in container["resources"]["limits"],
                    "pinned": not container["image"].endswith((":", ":latest")),
                }
            breaches += [f"{where}: {what}" for what, holds in sound.items() if not holds]
    none("pods", breaches)

@check("chart: roles are probed, stop in time, and are never all away at once", "helm")
def life():
    breaches = []
    for name, documents in every():
        budgets = {document["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] for document in kind(documents, "PodDisruptionBudget")}
        if budgets != SERVING:
            breaches.append(f"{name}: disruption budgets for {budgets}")
        for workload, component, template in pods(documents):
            container = template["spec"]["containers"][0]
            if component in SERVING and not {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container):
                breaches.append(f"{name}: {workload} is not probed")
            # A node stops within ten seconds, after the pause in which its address is forgotten.
            pause = int(container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])[1])
            if template["spec"]["terminationGracePeriodSeconds"] < pause + 15:
                breaches.append(f"{name}: {workload} is killed while it stops")
    none("life", breaches)

@check("chart: selectors find the pods they are for, and no others", "helm")
def selectors():
    for name, documents in every():
        labels = {workload: template["metadata"]["labels"] for workload, _, template in pods(documents)}
        for document in documents:
            spec = document.get("spec", {})
            wanted = {"Service": spec.get("selector"), "PodDisruptionBudget": (spec.get("selector") or {}).get("matchLabels")}.get(document["kind"])
            if document["kind"] in ("Deployment", "StatefulSet"):
                wanted = spec["selector"]["matchLabels"]
            if wanted is None:
                continue
            found = {workload for workload, theirs in labels.items() if wanted.items() <= theirs.items()}
            own = document["metadata"]["name"]
            must(found, f"{name}: {document['kind']} {own} finds no pod")
            if document["kind"] in ("Deployment", "StatefulSet"):
                must(found == {own}, f"{name}: {own} finds {found}")

@check("chart: secrets are named, never held, and each role gets its own alone", "helm")
def secrets():
    for name, documents in every():
        must(not kind(documents, "Secret"), f"{name}: it renders a secret")
        for workload, component, template in pods(documents):
            volume = next(volume for volume in template["spec"]["volumes"] if volume["name"] == "secrets")
            given = {item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]}
            keys = {path for path in given if path.endswith(".key")}
            wanted = {"processor": {"cairn/processor.key"}, "worker": {f"cairn/{workload.rpartition('worker-')[2]}.key"}}.get(component, set())
            if workload == "cairn-projector":
                wanted = {"cairn/checkpoint.key"}
            must(keys == wanted, f"{name}: {workload} is given {keys}")
            must(("environment/AWS_SECRET_ACCESS_KEY" in given) == (component in ("gateway", "processor", "projector")), f"{name}: {workload} and the store: {given}")
            must(not (component == "worker" and any("kafka" in path for path in given)), f"{name}: {workload} is given the log's secrets")
            for entry, value in environment(template).items():
                must(not re.search(r"SECRET|PASSWORD$", entry), f"{name}: {workload} has {entry} in its environment")
                must(not re.search(r"\de\+\d", value or ""), f"{name}: {workload} has {entry}={value}")

@check("chart: nodes know the names that they are asked under", "helm")
def hosts():
    for name, documents in every():
        services = {document["metadata"]["name"] for document in kind(documents, "Service")}
        for workload, component, template in pods(documents):
            env = environment(template)
            if component in SERVING:
                known = json.loads(env["CAIRN_SERVER_HOSTS"])
                must("$(POD_IP)" in known and list(env).index("POD_IP") < list(env).index("CAIRN_SERVER_HOSTS"), f"{name}: {workload} by its address")
                must({f"cairn-{role}" for role in SERVING} <= set(known) & services, f"{name}: {workload} knows {known} of {services}")
            if component == "worker":
                arguments = dict(argument.removeprefix("--").split("=", 1) for argument in template["spec"]["containers"][0]["args"][1:])
                for url in arguments["node"].split(","):
                    host, port = re.fullmatch(r"http://([^:]+):(\d+)", url).groups()
                    service = next(one for one in kind(documents, "Service") if f"{one['metadata']['name']}.ledger.svc" == host)
                    must(service["spec"]["ports"][0]["port"] == int(port), f"{name}: {url} is not a port of {service['metadata']['name']}")
                    must(host in json.dumps([environment(other) for _, role, other in pods(documents) if role == "gateway"]), f"{name}: {host} is refused")
                must("CAIRN_LOG_URL" not in env, f"{name}: {workload} knows the log")
        for ingress in kind(documents, "Ingress"):
            must(ingress["spec"]["rules"][0]["host"] in json.dumps(known), f"{name}: the edge's name is refused")

@check("chart: what it tells cairn by the environment are keys of cairn.toml", "helm")
def configuration():
    known, told = config_keys() | {"CAIRN_DIR", "CAIRN_TOKEN_FILE"}, set()
    for _, documents in every():
        told |= {name for _, _, template in pods(documents) for name in environment(template) if name.startswith("CAIRN_")}
    must("CAIRN_LOG_URL" in told, "nothing is told")
    none("cairn.toml has no such key", told - known)

@check("chart: the edge sends each route to the role that answers it", "helm")
def edge():
    ingress = kind(rendered(HERE / "values/production.yaml"), "Ingress")[0]
    rules = [(path["path"], path["pathType"], path["backend"]["service"]["name"]) for path in ingress["spec"]["rules"][0]["http"]["paths"]]

    def answers(asked):
        exact = [to for path, how, to in rules if how == "Exact" and path == asked]
        prefix = sorted((path, to) for path, how, to in rules if how == "Prefix" and (asked + "/").startswith(path + "/"))
        return (exact or [to for _, to in prefix] or [None])[-1]

    for asked, role in {
        "/v1/events": "gateway", "/v1/events/0199": "projector", "/v1/journal": "gateway", "/v1/blobs/ab": "gateway",
        "/v1/receipts/0199": "projector", "/v1/sql": "projector", "/v1/realms": "projector", "/metrics": None, "/healthz": None,
    }.items():
        must(answers(asked) == (role and f"cairn-{role}"), f"{asked} goes to {answers(asked)}")

@check("chart: processors are scaled by KEDA or by number, within the partitions", "helm")
def scaling():
    for name, documents in every():
        deployment = next(document for document in kind(documents, "Deployment") if document["metadata"]["name"] == "cairn-processor")
        scaled = kind(documents, "ScaledObject")
        must(("replicas" in deployment["spec"]) != bool(scaled), f"{name}: two set the number of processors, or none")
        for one in scaled:
            partitions = read_yaml(HERE / f"values/{name}.yaml")["topics"]["partitions"]
            must(one["spec"]["scaleTargetRef"]["name"] == "cairn-processor", f"{name}: it scales something else")
            must(one["spec"]["minReplicaCount"] <= one["spec"]["maxReplicaCount"] <= partitions, f"{name}: {one['spec']}")

@check("chart: the network is closed but for what each role needs", "helm")
def network():
    for name, documents in every():
        policies = {policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: policy["spec"] for policy in kind(documents, "NetworkPolicy")}
        if name == "small":
            must(not policies, "a policy that was not wanted")
            continue
        must({component for _, component, _ in pods(documents)} <= set(policies), f"{name}: policies for {set(policies)}")

        def ports(component):
            return {port["port"] for rule in policies[component]["egress"] for port in rule["ports"]}

        must(9092 in ports("processor") and 9092 in ports("gateway") and 9092 in ports("topics"), f"{name}: the log is out of reach")
        must(not ports("worker") & {9092, 9093, 443, 9000}, f"{name}: a worker reaches {ports('worker')}")
        must(443 in ports("gateway") and 443 in ports("projector") and 443 not in ports("worker"), f"{name}: the store")
        must(policies["worker"]["ingress"] == [], f"{name}: a worker is spoken to")

@check("chart: alarms and dashboard are those of deploy/telemetry, to the letter", "helm")
def telemetry():
    documents = rendered(HERE / "values/production.yaml")
    alerts = read_yaml(DEPLOY / "telemetry/alerts.yaml")
    must(kind(documents, "PrometheusRule")[0]["spec"] == alerts, "the alarms differ")
    shown = next(document for document in kind(documents, "ConfigMap"))["data"]["cairn.json"]
    must(json.loads(shown) == read_json(DEPLOY / "telemetry/grafana/dashboards/cairn.json"), "the dashboard differs")
    labels = {panel for panel in re.findall(r'job=~?"([^"]+)"', json.dumps(alerts).replace('\\"', '"'))}
    monitor = kind(documents, "ServiceMonitor")[0]["spec"]["endpoints"][0]
    job = next(one["replacement"] for one in monitor["relabelings"] if one["targetLabel"] == "job")
    jobs = {job.replace("$1", component) for component in SERVING}
    none("alarms ask for jobs that nothing is called", {label for label in labels if label.startswith("cairn-") and not any(re.fullmatch(label, one) for one in jobs)})

@check("chart: the page after installing says what to do next", "helm")
def notes():
    """helm renders NOTES.txt for a cluster alone; so it is rendered here as a text among the documents of a copy."""
    with tempfile.TemporaryDirectory() as name:
        copy = pathlib.Path(name) / "cairn"
        shutil.copytree(CHART, copy)
        text = (copy / "templates/NOTES.txt").read_text()
        (copy / "templates/told.yaml").write_text("kind: Notes\ntold: |\n" + textwrap.indent(text, "  "))
        for values, words in {
            "least": ["cairn found --dir founded --log kafka://kafka.kafka:9092/cairn --partitions 12", "No workers run here"],
            "production": ["--partitions 24"],
        }.items():
            out = run("helm", "template", "cairn", copy, "--show-only", "templates/told.yaml", "--kube-version", "1.34.0", "--values", HERE / f"values/{values}.yaml")
            none(f"{values}: missing", [word for word in words if word not in read_documents(out)[0]["told"]])
