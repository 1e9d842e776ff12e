"""Reads what Cairn wrote with tools that know nothing of it, and holds it against what Cairn itself answers.

Owns the claim that the tables are plain Delta tables and the export plain Parquet. Refuses to repair or to skip: a table
that a reader cannot open is a failure. The last line is "N passed, N failed".
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

# The tables whose rows are leaves of the history tree; each row can be proven.
HISTORY = [
    "events", "decisions", "realms", "keys", "accounts", "entries", "jobs", "tasks",
    "workers", "gradients", "proofs", "disputes", "votes", "audit",
]
OTHERS = ["dispositions", "blocks", "checkpoints"]
LEAF_COLUMNS = ["partition", "leaf", "leaf_hash", "height", "at"]
MONEY = pa.decimal128(38, 0)


class Checks:
    """Runs checks one after another; a failure does not hide the next."""

    def __init__(self):
        self.passed = self.failed = 0

    def run(self, name, check):
        try:
            detail = check()
        except Exception as error:  # whatever a reader throws is the finding
            self.failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}")
        else:
            self.passed += 1
            print(f"ok {name}{f': {detail}' if detail else ''}")

    def closing(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


class Node:
    """What the node itself says."""

    def __init__(self, cairn, directory):
        self.cairn, self.directory = cairn, directory

    def sql(self, query):
        command = [self.cairn, "sql", "--dir", str(self.directory), "--format", "json", query]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert answer.returncode == 0, f"{' '.join(map(str, command))}: exit {answer.returncode}: {answer.stderr.strip()}"
        return [json.loads(row) for row in answer.stdout.splitlines()]

    def count(self, table):
        return int(self.sql(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def equal(what, found, expected):
    assert found == expected, f"{what}: {found}, expected {expected}"


def one_schema_of_leaves(schema):
    for column in LEAF_COLUMNS:
        assert column in schema.names, f"no column {column}: {schema.names}"
    at = schema.field("at").type
    assert pa.types.is_timestamp(at) and at.tz, f"`at` is {at}, not a timestamp with a time zone"


def money_is_exact(schema):
    for field in schema:
        if field.name in ("amount", "balance", "stake", "escrow"):
            equal(f"type of {field.name}", field.type, MONEY)


def by_deltalake(path, rows, of_leaves):
    table = DeltaTable(str(path)).to_pyarrow_table()
    equal("rows", table.num_rows, rows)
    if of_leaves:
        one_schema_of_leaves(table.schema)
    money_is_exact(table.schema)
    return f"{rows} rows"


def by_duckdb(path, rows):
    # DuckDB reads the very files that the newest version of the table names: its Delta extension is a download.
    files = DeltaTable(str(path)).file_uris()
    if not files:
        equal("rows", 0, rows)
        return "no files yet"
    found = duckdb.sql("SELECT count(*) FROM read_parquet($files)", params={"files": files}).fetchall()[0][0]
    equal("rows", found, rows)
    return f"{len(files)} files"


def books_balance(path):
    entries = DeltaTable(str(path)).to_pyarrow_table()
    assert entries.num_rows > 0, "the main job moved no money"
    moved = {}
    for row in entries.select(["debit", "credit", "amount"]).to_pylist():
        assert row["amount"] > 0, f"an entry of {row['amount']}"
        moved[row["debit"]] = moved.get(row["debit"], 0) - row["amount"]
        moved[row["credit"]] = moved.get(row["credit"], 0) + row["amount"]
    overdrawn = {account: balance for account, balance in moved.items() if balance < 0 and account != "issuer"}
    equal("accounts below nothing", overdrawn, {})
    return f"{entries.num_rows} entries over {len(moved)} accounts"


def each_leaf_has_one_decision(path):
    decisions = DeltaTable(str(path)).to_pyarrow_table(columns=["partition", "leaf"])
    for partition in pc.unique(decisions["partition"]).to_pylist():
        leaves = decisions.filter(pc.equal(decisions["partition"], partition))["leaf"]
        distinct = pc.count_distinct(leaves).as_py()
        equal(f"distinct leaves of partition {partition}", distinct, len(leaves))
        equal(f"newest leaf of partition {partition}", pc.max(leaves).as_py(), len(leaves) - 1)
    return f"{decisions.num_rows} leaves without a gap"


def tables(checks, node):
    for name in HISTORY + OTHERS:
        path = node.directory / "tables" / name
        checks.run(f"deltalake {name}", lambda: by_deltalake(path, node.count(name), name in HISTORY))
        checks.run(f"duckdb {name}", lambda: by_duckdb(path, node.count(name)))
    checks.run("the books balance", lambda: books_balance(node.directory / "tables" / "entries"))
    checks.run("each leaf has one decision", lambda: each_leaf_has_one_decision(node.directory / "tables" / "decisions"))


def export(checks, node, directory):
    files = sorted(directory.rglob("*.parquet"))
    checks.run("the export holds Parquet", lambda: equal("empty", not files, False))
    for file in files:
        name = str(file.relative_to(directory))
        checks.run(f"pyarrow {name}", lambda: money_is_exact(pq.read_table(file).schema))
        checks.run(f"duckdb {name}", lambda: same_rows(file))
    checks.run("the export has as many entries as the node", lambda: same_entries(files, node))


def same_rows(file):
    by_duck = duckdb.sql("SELECT count(*) FROM read_parquet($file)", params={"file": str(file)}).fetchall()[0][0]
    equal("rows", by_duck, pq.read_metadata(file).num_rows)
    return f"{by_duck} rows"


def same_entries(files, node):
    entries = [str(file) for file in files if file.stem.startswith("entries") or file.parent.name == "entries"]
    assert entries, "the export has no entries"
    query = "SELECT count(*), sum(amount)::VARCHAR FROM read_parquet($files)"
    rows, amount = duckdb.sql(query, params={"files": entries}).fetchall()[0]
    answer = node.sql("SELECT count(*) AS n, CAST(sum(amount) AS VARCHAR) AS amount FROM entries")[0]
    equal("rows", rows, int(answer["n"]))
    equal("sum of amounts", amount, str(answer["amount"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cairn", type=Path, required=True, help="the binary")
    parser.add_argument("--node", type=Path, required=True, help="the node's directory")
    parser.add_argument("--export", type=Path, required=True, help="the export's directory")
    arguments = parser.parse_args()
    checks = Checks()
    node = Node(arguments.cairn.resolve(), arguments.node)
    tables(checks, node)
    export(checks, node, arguments.export)
    return checks.closing()


if __name__ == "__main__":
    sys.exit(main())
