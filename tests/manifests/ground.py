"""What the checks stand on: the files of the repository, strict readers, tools, and the list of checks.

Owns how a check is declared, run and counted. Refuses to know what is checked.
"""

import json
import os
import pathlib
import subprocess
import traceback

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
HERE = pathlib.Path(__file__).resolve().parent
LIMIT_S = 120

CHECKS = []


class Tools:
    """The programs of run.sh, beside those of the linters' own environment."""

    at = pathlib.Path()
    beside = pathlib.Path()
    crds = []

    @classmethod
    def find(cls, name):
        for folder in (cls.at, cls.beside):
            if (folder / name).exists():
                return folder / name
        return None


def check(title, *needs):
    """Declares a check; `needs` are programs without which it is skipped."""

    def declare(function):
        CHECKS.append((title, needs, function))
        return function

    return declare


def must(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what))


def none(what, breaches):
    must(not breaches, f"{what}:\n  " + "\n  ".join(map(str, breaches)))


def run(name, *arguments, fails=False, stdin=None, cwd=ROOT, env=None):
    """A program's output; that it succeeds, or with `fails` that it does not, is part of the check."""
    command = [str(Tools.find(name) or name), *map(str, arguments)]
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=cwd, input=stdin, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    told = done.stdout + done.stderr
    must((done.returncode != 0) == fails, f"{name} {' '.join(map(str, arguments))}: exit {done.returncode}\n{told}")
    return told if fails else done.stdout


class Strict(yaml.SafeLoader):
    """YAML whose keys are unique: the plain reader takes the last of two and says nothing."""


def _mapping(loader, node, deep=False):
    seen = set()
    for key, _ in node.value:
        if key.tag != "tag:yaml.org,2002:merge":
            name = loader.construct_object(key, deep=True)
            must(name not in seen, f"key {name!r} twice, {key.start_mark}")
            seen.add(name)
    loader.flatten_mapping(node)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# YAML 1.1 reads a lone `=` as a value of its own; everybody else reads a character.
Strict.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


def read_yaml(path):
    return yaml.load(pathlib.Path(path).read_text(), Strict)


def read_documents(text):
    return [document for document in yaml.load_all(text, Strict) if document]


def read_json(path):
    return json.loads(pathlib.Path(path).read_text())


def run_all():
    """Runs every check; the last line is the sum that tests/run.sh counts. The exit code says whether any failed."""
    passed = failed = skipped = 0
    for title, needs, function in CHECKS:
        missing = [name for name in needs if Tools.find(name) is None]
        if missing:
            skipped += 1
            print(f"--  {title}: skipped, no {', '.join(missing)} here", flush=True)
            continue
        try:
            function()
        except AssertionError as failure:
            failed += 1
            print(f"no  {title}\n    {str(failure).replace(chr(10), chr(10) + '    ')}", flush=True)
        except Exception:  # a check that breaks is a check that failed
            failed += 1
            print(f"no  {title}\n{traceback.format_exc()}", flush=True)
        else:
            passed += 1
            print(f"ok  {title}", flush=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0
