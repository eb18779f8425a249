"""Try every command with the core install: `python try_core.py`.

Each works, or names the extra that it needs before any work.
"""

import os
import sys
import tempfile
from pathlib import Path

import typer
from typer.testing import CliRunner

from edml import load_activity
from edml.cli import app

SMALL = ["--set", "tune.evaluations=2", "--set", "tune.folds=2"]
SMALL += ["--set", "tune.algorithms=lightgbm", "--set", "tune.candidates=2"]
TABLES = {
    "enrolments": "student,course,start,final_grade\nann,c1,2026-02-02,7",
    "assignments": "course,assignment,name,due\nc1,e1,essay,2026-02-09",
    "submissions": "student,course,assignment,submitted,score\nann,c1,e1,2026-02-08,80",
}

#: Commands that need nothing more, in the order of a first term.
WORKING = [
    ["demo"],
    ["config", "init"],
    ["config", "show"],
    ["import", "tables", "tables", "--out", "imported.csv"],
    ["import", "events", "events.csv", "--out", "mapped.csv"],
    ["check", "events.csv"],
    ["process", "events.csv"],
    ["run", "events.csv", *SMALL],
    ["tune", "events.csv", *SMALL],
    ["update", "events.csv"],
    ["predict", "events.csv", "--ledger", "ledger.db"],
    ["ledger", "show", "--ledger", "ledger.db"],
    ["ledger", "export", "ann", "--ledger", "ledger.db"],
    ["ledger", "erase", "ann", "--ledger", "ledger.db"],
    ["ledger", "prune", "--older-than", "1y", "--ledger", "ledger.db"],
    ["monitor", "events.csv"],
    ["report"],
    ["registry", "list"],
    ["registry", "show", "production"],
    ["registry", "export", "1", "version.zip"],
    ["registry", "import", "version.zip", "--trust-unsigned"],
    ["registry", "push", "there"],
    ["registry", "pull", "there"],
    ["registry", "promote", "2"],
    ["registry", "rollback"],
    ["registry", "promote", "2", "--stage", "staging"],
    ["registry", "demote", "2"],
    ["registry", "verify"],
    ["registry", "repair", "--yes"],
    ["registry", "clean"],
]
#: Commands that need an extra, after it.
NEEDING = [
    ("app", ["app"]),
    ("excel", ["check", "events.xlsx"]),
    ("mlflow", ["tune", "events.csv", "--mlflow", "local"]),
    ("mlflow", ["run", "events.csv", "--set", "mlflow.uri=local"]),
    ("mlflow", ["registry", "sync"]),
    ("moodle", ["import", "moodle", "mysql://ann@127.0.0.1:1/x", "--out", "a.csv"]),
    ("parquet", ["import", "canvas", "tables"]),
    ("parquet", ["import", "oulad", "tables"]),
    ("parquet", ["predict", "events.parquet"]),
    ("parquet", ["process", "events.csv", "--out", "features.parquet"]),
    ("scale", ["bucket", "events.csv"]),
    ("serve", ["predict", "events.csv", "--url", "http://127.0.0.1:1"]),
    ("serve", ["serve"]),
    ("sign", ["registry", "keygen", "key.pem"]),
]
NOT_WORK = ("Loading the libraries", "edml", "Note: ")


def main() -> None:
    """Try them in an empty folder."""
    if missing := list_commands(typer.main.get_command(app)) - tried():
        sys.exit(f"not tried: {sorted(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("tables").mkdir()
        for name, text in TABLES.items():
            Path("tables", f"{name}.csv").write_text(f"{text}\n")
        load_activity().to_csv("events.csv", index=False)
        for name in ("events.xlsx", "events.parquet"):
            Path(name).touch()
        faults = [fault for command in WORKING if (fault := try_working(command))]
        faults += [fault for needed in NEEDING if (fault := try_needing(*needed))]
    sys.exit("\n".join(faults) or None)


def try_working(command: list[str]) -> str | None:
    """Return what is wrong with a command that has to work."""
    found = CliRunner().invoke(app, command)
    if found.exit_code == 0:
        return None
    return f"{' '.join(command)}: exit code {found.exit_code}\n{found.output}"


def try_needing(extra: str, command: list[str]) -> str | None:
    """Return what is wrong with a command that has to name its extra at once."""
    found = CliRunner().invoke(app, command)
    *before, last = found.stderr.splitlines() or [""]
    work = [line for line in before if not line.startswith(NOT_WORK)]
    if found.exit_code == 1 and f"pip install 'edml[{extra}]'" in last and not work:
        return None
    return f"{' '.join(command)}: did not name {extra} at once\n{found.output}"


def list_commands(group: object, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Return the names of all commands, with those of their groups."""
    found = set()
    for name, command in group.commands.items():
        path = (*above, name)
        found |= (
            list_commands(command, path) if hasattr(command, "commands") else {path}
        )
    return found


def tried() -> set[tuple[str, ...]]:
    """Return the names of the commands that are tried."""
    lines = [*WORKING, *(command for _, command in NEEDING)]
    groups = {"config", "import", "ledger", "registry"}
    return {tuple(line[: 2 if line[0] in groups else 1]) for line in lines}


if __name__ == "__main__":
    main()
