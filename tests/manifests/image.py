"""The image and the compose file: linted, pinned, bounded, and true to the repository and to cairn.toml."""

import re
import tomllib

from ground import DEPLOY, ROOT, check, must, none, read_yaml, run

COMPOSE = DEPLOY / "compose.yaml"
ONCE = {"secrets", "topics", "found", "handed-out", "founded", "bucket"}


@check("Dockerfile, by hadolint", "hadolint")
def dockerfile():
    run("hadolint", "--failure-threshold", "info", DEPLOY / "Dockerfile")


@check("the image runs as nobody's root, and from files that are there")
def image():
    text = (DEPLOY / "Dockerfile").read_text()
    users = re.findall(r"^USER (.+)$", text, re.M)
    must(users == ["65532:65532"], "users:", users)
    for word in ("HEALTHCHECK", "ENTRYPOINT", "STOPSIGNAL SIGTERM", "VOLUME"):
        must(re.search(rf"^{word}\b", text, re.M), f"no {word}")
    none("bases without a version", [base for base in re.findall(r"^FROM (\S+)", text, re.M) if ":" not in base or base.endswith(":latest")])
    copied = [source for sources in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", text, re.M) for source in sources.split()]
    none("copied and not there", [path for path in copied if not (ROOT / path).exists()])
    ignored = {line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line and line[0] != "#"}
    must({"target", ".git"} <= ignored, "the build context holds target or .git")
    none("left out and copied", [path for path in copied if any(path.startswith(f"{rule}/") or path == rule for rule in ignored)])
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    wanted = manifest["workspace"]["package"]["rust-version"].split(".")[:2]
    given = re.search(r"^FROM rust:(\d+\.\d+)", text, re.M)[1].split(".")
    must(list(map(int, given)) >= list(map(int, wanted)), "the image builds with Rust", given, "and the workspace wants", wanted)


@check("compose.yaml, by the schema of the compose specification", "check-jsonschema")
def schema():
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


@check("compose.yaml, by the loader that docker compose uses", "compose-spec")
def loader():
    out = run("compose-spec", COMPOSE, cwd=DEPLOY)
    must("worker-cyd" in out, "the model lacks services")


def services():
    return read_yaml(COMPOSE)["services"]


@check("compose.yaml: every image is pinned, every service bounded, healthy or excused, and private")
def bounded():
    breaches = []
    for name, service in services().items():
        tag = service["image"].rpartition(":")[2]
        if not re.search(r"\d", tag) or "latest" in tag:
            breaches.append(f"{name}: image {service['image']}")
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        breaches += [f"{name}: no limit of {what}" for what in ("cpus", "memory") if what not in limits]
        if "healthcheck" not in service and name not in ONCE:
            breaches.append(f"{name}: no health check")
        if "restart" not in service:
            breaches.append(f"{name}: no restart policy")
        if service.get("privileged") or service.get("network_mode") == "host":
            breaches.append(f"{name}: privileged")
        if "no-new-privileges:true" not in service.get("security_opt", []):
            breaches.append(f"{name}: may gain privileges")
        breaches += [f"{name}: publishes {port}" for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
        if service["image"].startswith("cairn:") and not (service.get("read_only") and service.get("cap_drop") == ["ALL"]):
            breaches.append(f"{name}: its root can be written, or it keeps capabilities")
    none("services", breaches)


@check("compose.yaml: what is waited for can come, what is mounted is there, what is declared is used")
def references():
    model, breaches = read_yaml(COMPOSE), []
    used = {"volumes": set(), "configs": set()}
    for name, service in model["services"].items():
        for other, how in service.get("depends_on", {}).items():
            one = model["services"].get(other, {})
            healthy = "test" in one.get("healthcheck", {})
            if how["condition"] == "service_healthy" and not healthy:
                breaches.append(f"{name} waits for the health of {other}, which has no check")
            if how["condition"] == "service_completed_successfully" and other not in ONCE:
                breaches.append(f"{name} waits for the end of {other}, which does not end")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            used["volumes"].add(source)
            if source.startswith((".", "/", "~")):
                breaches.append(f"{name} mounts {source} of the machine")
        used["configs"] |= {config["source"] for config in service.get("configs", [])}
    for kind, names in used.items():
        breaches += [f"{kind}: {name} is declared and not used, or the reverse" for name in names ^ set(model[kind])]
    breaches += [f"{config['file']} is not there" for config in model["configs"].values() if not (DEPLOY / config["file"]).is_file()]
    none("references", breaches)


@check("compose.yaml: no secret stands in it")
def secret():
    text = COMPOSE.read_text()
    none("values of secrets", re.findall(r"^.*(?:PASSWORD|SECRET|TOKEN)[A-Z_]*: (?![\w./-]*/)[^{\n]+$", text, re.M))
    none("default passwords", re.findall(r"minioadmin|postgres:postgres|admin:admin", text))


def config_keys():
    """Every key of cairn.toml, those among the comments too, as the environment names them."""
    section, keys = "", set()
    for line in (DEPLOY / "cairn.toml").read_text().splitlines():
        if head := re.match(r"\[(\w+)\]", line):
            section = head[1]
        elif key := re.match(r"(?:# )?(\w+) = ", line):
            keys.add(f"CAIRN_{section}_{key[1]}".upper())
    return keys


@check("what manifests tell cairn by the environment are keys of cairn.toml")
def environment():
    known = config_keys() | {"CAIRN_DIR", "CAIRN_TOKEN_FILE"}
    must("CAIRN_SERVER_LISTEN" in known, "no keys were found in cairn.toml")
    sources = [COMPOSE, DEPLOY / "Dockerfile", *DEPLOY.glob("helm/cairn/templates/*"), DEPLOY / "image/probe.sh"]
    breaches = []
    for path in sources:
        names = set(re.findall(r"\b(CAIRN_[A-Z][A-Z_]*[A-Z])\b(?!…)", path.read_text()))
        breaches += [f"{path.relative_to(ROOT)}: {name}" for name in names - known]
    none("cairn.toml has no such key", breaches)


@check("commands and flags that manifests run are those of the binary")
def commands():
    rust = {path.stem: path.read_text() for path in (ROOT / "deploy/cli/src").rglob("*.rs")}
    known = {name.lower() for name in re.findall(r"^    (\w+)\(\w+::Args\)", rust["mod"] + (ROOT / "deploy/cli/src/commands/mod.rs").read_text(), re.M)}
    must({"up", "worker"} <= known, "no commands were found:", known)
    asked = [service["command"] for service in services().values() if service["image"].startswith("cairn:") and "command" in service]
    charts = "\n".join(path.read_text() for path in DEPLOY.glob("helm/cairn/templates/*.yaml"))
    asked += [re.findall(r"[^\s,=]+", line) for line in re.findall(r"args: \[([^\]]+)\]", charts)]
    asked.append(["worker", *re.findall(r"^ +- (--\w[\w-]*)", charts, re.M)])
    must(len(asked) > 10, "few commands were found:", asked)
    none("the binary has no such command", {command[0] for command in asked} - known)
    flags = {word.removeprefix("--").split("=")[0] for command in asked for word in command if word.startswith("--")}
    must({"node", "name", "partitions", "log-format", "threads"} <= flags, "few flags were found:", flags)
    fields = set(re.findall(r"\b(\w+): ", "\n".join(rust.values())))
    none("no command has such a flag", [flag for flag in flags if flag.replace("-", "_") not in fields])
