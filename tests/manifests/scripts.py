"""The scripts of the image and of compose: what they do, not only how they read."""

import http.server
import os
import pathlib
import stat
import tempfile
import threading

from ground import DEPLOY, HERE, ROOT, check, must, none, run

ENTRYPOINT = DEPLOY / "image/entrypoint.sh"
PROBE = DEPLOY / "image/probe.sh"
SECRETS = DEPLOY / "compose/secrets.sh"


@check("shell scripts", "shellcheck")
def shell():
    scripts = [*ROOT.glob("deploy/*.sh"), *ROOT.glob("deploy/*/*.sh"), HERE / "run.sh"]
    must(len(scripts) >= 5, "few scripts were found:", scripts)
    run("shellcheck", "--external-sources", "--exclude=SC2034", *scripts)


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@check("the entrypoint makes secrets private, and no more of them than it was given")
def entrypoint():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder / "secrets/cairn/token", "a-token-of-some-length\n", 0o440)
        write(folder / "secrets/cairn/processor.key", "00" * 32, 0o444)
        write(folder / "secrets/environment/AWS_ACCESS_KEY_ID", "id\n")
        write(folder / "node/keys/token", "the one before", 0o600)
        told = folder / "told"
        write(folder / "cairn", f'#!/bin/sh\nprintf "%s|" "$AWS_ACCESS_KEY_ID" "$@" >{told}\n', 0o755)
        env = {"CAIRN_DIR": f"{folder}/node", "CAIRN_SECRETS": f"{folder}/secrets", "CAIRN_BINARY": f"{folder}/cairn"}
        run("sh", ENTRYPOINT, "gateway", "with spaces", env=env)
        must(told.read_text() == "id|gateway|with spaces|", "it ran:", told.read_text())
        must(modes(folder / "node/keys") == {"token": 0o600, "processor.key": 0o600}, "keys:", modes(folder / "node/keys"))
        must((folder / "node/keys/token").read_text() == "a-token-of-some-length\n", "an older token was kept")
        for wrong in ("LD_PRELOAD", "AWS_", "AWS_x", "PATH"):
            write(folder / "secrets/environment" / wrong, "x")
            must("only AWS_" in run("sh", ENTRYPOINT, "x", env=env, fails=True), f"{wrong} was taken")
            (folder / "secrets/environment" / wrong).unlink()


class Node(http.server.BaseHTTPRequestHandler):
    """Answers as a node does: its own Host and the token, or no."""

    token = "a-token-of-some-length"
    ready = True

    def do_GET(self):
        host = self.headers.get("Host", "").split(":")[0]
        status = 200 if host == "localhost" and self.headers.get("Authorization") == f"Bearer {self.token}" else 401
        if status == 200 and self.path == "/readyz" and not self.ready:
            status = 503
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        """Nobody reads it."""


@check("the probe says what the node says")
def probe():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Node)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder / "keys/token", Node.token + "\n", 0o600)
        env = {"CAIRN_DIR": name, "CAIRN_SERVER_LISTEN": f"0.0.0.0:{server.server_port}", "CAIRN_SERVER_TOKEN_FILE": "keys/token"}
        run("bash", PROBE, "/healthz", env=env)
        run("bash", PROBE, "/readyz", env=env)
        Node.ready = False
        must("503" in run("bash", PROBE, "/readyz", env=env, fails=True), "it does not say what was answered")
        run("bash", PROBE, "/healthz", env=env)
        must("401" in run("bash", PROBE, "/healthz", env={**env, "CAIRN_SERVER_TOKEN_FILE": ""}, fails=True), "no token is needed")
        run("bash", PROBE, "/healthz", env={**env, "CAIRN_SERVER_TOKEN_FILE": "keys/none"}, fails=True)
        server.shutdown()
        server.server_close()
        run("bash", PROBE, "/healthz", env=env, fails=True)


@check("compose's secrets are made once, and each role gets its own keys alone")
def secrets():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        env = {"SECRETS": f"{folder}/secrets", "INSTANCE": f"{folder}/instance", "WORKERS": "ada bob"}
        for key in ("admin", "issuer", "acme", "processor", "checkpoint", "ada", "bob", "cyd"):
            write(folder / f"instance/keys/{key}.key", key, 0o600)
        run("sh", SECRETS, "make", env=env)
        first = contents(folder / "secrets")
        run("sh", SECRETS, "make", env=env)
        run("sh", SECRETS, "hand-out", env=env)
        again = contents(folder / "secrets")
        none("made anew", [path for path, text in first.items() if again.get(path) != text])
        given = {path: text for path, text in again.items() if path not in first}
        must(given == {
            "processor/cairn/processor.key": "processor",
            "projector/cairn/checkpoint.key": "checkpoint",
            "worker-ada/cairn/ada.key": "ada",
            "worker-bob/cairn/bob.key": "bob",
        }, "handed out:", given)
        tokens = {text for path, text in again.items() if path.endswith("token")}
        must(len(tokens) == 1 and len(tokens.pop()) == 32, "tokens differ or are short")
        passwords = [text for path, text in first.items() if path in ("store/root-password", "database/password", "grafana/admin-password")]
        must(len(set(passwords)) == 3 and all(len(text) == 32 for text in passwords), "passwords:", len(passwords))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
