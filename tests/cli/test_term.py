"""Two years of two courses: forty weeks of commands as a user types them.

The first year trains a model. In the second, a file arrives every week, courses end,
and models are updated, promoted and rolled back. After each command, nothing that was
told to people may have changed, and all that says who the champion is has to agree.
"""

import json
import random
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from edml import as_of, make_student_activity
from edml.registry import ModelRegistry

# that a model is stored already, and the like, which the commands show as notes
pytestmark = pytest.mark.filterwarnings("default")

HALF = 20  # weeks of a half-year, which has a course day for each
PERIODS = ("01-2022", "02-2022", "01-2023", "02-2023")
KEYS = ["user_uuid", "course_uuid"]
SETTINGS = """
[paths]
raw = "year1.csv"
[tune]
algorithms = ["lightgbm"]
evaluations = 3
candidates = 2
folds = 2
balance = ["none"]
"""

#: What is typed in a week, after the prediction for all running courses.
TYPED = {
    2: ["predict week2.csv"],
    3: ["predict week3.csv --student {student}"],
    5: ["predict week5.csv --course '{course}' --at 2"],
    7: ["predict week7.csv --format csv"],
    9: ["predict week7.csv week9.csv", "run"],
    12: ["tune year1.csv"],
    16: ["predict week16.csv --pick-random --seed 16 --no-running"],
    21: ["update half3.csv"],
    23: ["registry promote {other}"],
    24: ["registry rollback --why 'it was better before'"],
    26: ["predict week26.csv --period 1-2023 --no-running"],
    28: ["registry export production champion.zip", "registry import champion.zip"],
    31: ["run"],
    33: ["update half3.csv --refit"],
    36: ["predict week36.csv --course '{course}' --student {student} --running"],
    38: ["registry clean --keep-last 2"],
    40: ["update half4.csv --refit --retune", "report", "registry verify"],
}


@pytest.fixture(scope="module")
def halves():
    """Return the events of each half-year."""
    X = make_student_activity(
        320, n_courses=8, fail_rate=0.25, partitions=HALF, random_state=1
    )
    period = X["periodo"].str.zfill(7)
    halves = [X[period == one] for one in PERIODS]
    assert {half["course_name"].nunique() for half in halves} == {2}
    return halves


@pytest.fixture
def term(halves, tmp_path, monkeypatch, edml):
    monkeypatch.chdir(tmp_path)
    Path("edml.toml").write_text(SETTINGS)
    pd.concat(halves[:2]).to_csv("year1.csv", index=False)
    halves[2].to_csv("half3.csv", index=False)
    halves[3].to_csv("half4.csv", index=False)
    return Term(halves, edml)


def read_lists():
    paths = Path("inferences").rglob("*Z*.*")
    return {path: path.read_bytes() for path in paths if path.name[0] != "."}


class Term:
    """What a user has seen so far, and what must be true after each command."""

    def __init__(self, halves, edml):
        self.halves = halves
        self.edml = edml
        self.told = {}  # the bytes of each file of predictions
        self.newest = {}  # the newest list of each whole course, by its folder and kind
        self.moves = []  # the history of the registry
        self.stored = None  # its files, with their times, when it was last checked
        self.screen = {}

    @property
    def registry(self):
        return ModelRegistry("registry")

    @property
    def champion(self):
        (version,) = self.registry.records("production")["version"]
        return int(version)

    def export(self, week):
        """Write the file of a week: what has ended, and what runs as it is known."""
        now, day = 2 + (week - 1) // HALF, (week - 1) % HALF
        running = as_of(self.halves[now], day).assign(nota_final_materia=float("nan"))
        pd.concat([*self.halves[:now], running]).to_csv(f"week{week}.csv", index=False)
        self.running = running

    def fill(self, line):
        """Put what the screen shows into a command."""
        records = self.registry.records() if "{other}" in line else None
        if records is not None:
            others = records.loc[records["stage"] != "production", "version"]
            return line.format(other=int(others.iloc[0]))
        return line.format(**self.screen)

    def type(self, line):
        """Run a command to its end, and check everything."""
        result = self.edml(*shlex.split(line), COLUMNS="200")
        assert result.exit_code == 0, (line, result.output)
        self.check(line)
        said = " ".join(result.stdout.split())
        if line.startswith("predict"):
            assert f"by version {self.champion} " in said
            self.read_screen(result.stdout)
        if line.startswith(("run", "update")):
            assert f"Champion: {self.champion}" in said or f"{self.champion} is" in said
        return result

    def read_screen(self, text):
        """Keep the first student and course of the table, as a person reads them."""
        first = re.search(r"^ +(\d+) +(\S.*\(0\d-\d{4}\)) ", text, re.MULTILINE)
        self.screen = {"student": first[1], "course": first[2]}

    def check(self, line):
        self.check_files(line)
        stored = {path: path.stat().st_mtime_ns for path in Path("registry").rglob("*")}
        if stored != self.stored:  # a prediction changes none of its files
            self.check_registry()
            self.stored = stored

    def check_killed(self, line):
        """Check what a killed command left: all files are whole, and nothing is lost.

        Return whether it changed the registry, or wrote an export.
        """
        found = read_lists()
        assert self.told.items() <= found.items()
        for path in set(found) - set(self.told):
            self.check_list(line, path, found[path])
        for folder, kind in self.newest:
            assert (folder / f"latest{kind}").read_bytes() in found.values()
        self.told = found
        if not Path("registry").exists():
            return False
        moves = self.registry.history().to_dict("records")
        assert moves[: len(self.moves)] == self.moves
        return len(moves) > len(self.moves) or Path("champion.zip").exists()

    def check_files(self, line):
        found = read_lists()
        for path, held in self.told.items():
            assert found[path] == held, f"{line!r} replaced {path}"
        new = sorted(set(found) - set(self.told))
        assert line.startswith("predict") or not new
        for path in new:
            self.check_list(line, path, found[path])
        self.told = found
        for (folder, kind), path in self.newest.items():
            assert (folder / f"latest{kind}").read_bytes() == found[path]

    def check_list(self, line, path, held):
        """Check a new list: one course in one period, of the champion, and complete."""
        folder = path.parents[1]
        selected = "--student" in line or "--pick-random" in line
        assert ("-selected" in path.name) == selected
        if not selected and "--at" not in line:
            self.newest[folder, path.suffix] = path
        if path.suffix != ".json":
            return
        body = json.loads(held)
        assert body["course"] == folder.name
        assert folder.name.endswith(f"({body['period']})")
        assert str(body["partition"]) == path.parent.name
        versions = {one["model_version"] for one in body["predictions"]}
        assert versions == {body["model_version"]} == {self.champion}
        keys = {tuple(one[key] for key in KEYS) for one in body["predictions"]}
        assert len({course for _, course in keys}) == 1
        if "--no-running" in line:
            return
        there = self.running[self.running["course_uuid"] == next(iter(keys))[1]]
        known = set(there[KEYS].itertuples(index=False, name=None))
        assert keys <= known if selected else keys == known

    def check_registry(self):
        registry = self.registry
        assert registry.verify() == []
        records = registry.records()
        versions = [int(version) for version in records["version"]]
        assert (records["stage"] == "production").sum() <= 1
        files = [registry.record(version).files["model.skops"] for version in versions]
        hashes = [file["sha256"] for file in files]
        assert len(set(hashes)) == len(hashes), "two versions are one model"
        moves = registry.history().to_dict("records")
        assert moves[: len(self.moves)] == self.moves
        self.moves = moves

    def check_scores(self, week):
        """Compare the week's lists with the scores of the champion, to the bit."""
        model = self.registry.load("production")
        students = model.score_students(self.running.reset_index(drop=True))
        expected = students.set_index(KEYS)["probability"].to_dict()
        found = {}
        for (_, kind), path in self.newest.items():
            if kind == ".json":
                for one in json.loads(path.read_text("utf-8"))["predictions"]:
                    found[tuple(one[key] for key in KEYS)] = one["probability"]
        assert {key: found[key] for key in expected} == expected, week


@pytest.mark.slow
def test_a_term(term):
    term.type("check year1.csv")
    term.type("process")
    term.type("run")
    first = term.champion
    for week in range(1, 2 * HALF + 1):
        term.export(week)
        term.type(f"predict week{week}.csv")
        if week % 10 == 0:
            term.check_scores(week)
        for line in TYPED.get(week, []):
            term.type(term.fill(line))
        if week == 24:
            assert term.champion in (first, term.before)
        if week == 22:
            term.before = term.champion
    folders = {path.name for path in Path("inferences").iterdir()}
    # two courses in each half-year of the second year, each with its own lists
    assert len(folders) >= 4
    assert len(term.told) >= 2 * 2 * HALF


#: A child process of one command, which dies in the middle of a change to the disk.
MORTAL = """
import os, signal, sys
from edml import _files

n_steps, do = int(sys.argv[1]), _files.step

def step(action, path, work):
    global n_steps
    n_steps -= 1
    if n_steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return do(action, path, work)

_files.step = step
sys.argv[:] = ["edml", *sys.argv[2:]]
from edml.cli import main
main()
"""

#: Commands to kill, each with about the number of its changes to the disk.
KILLED = [
    ("run", 120),
    ("predict week1.csv", 20),
    ("tune year1.csv", 30),
    ("predict week21.csv --format csv", 20),
    ("update half3.csv --refit", 60),
    ("registry promote {other}", 6),
    ("registry rollback", 6),
    ("predict week22.csv --student {student}", 8),
    ("registry export production champion.zip", 6),
    ("registry import champion.zip", 12),
    ("registry clean --keep-last 0", 20),
]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_a_term_with_a_kill_in_each_command(term, seed):
    """Each command is killed at a random change to the disk, and typed again."""
    rng = random.Random(seed)  # noqa: S311
    n_killed = 0
    for line, n_steps in KILLED:
        week = re.search(r"week(\d+)", line)
        if week:
            term.export(int(week[1]))
        line = term.fill(line)  # noqa: PLW2901
        at = rng.randrange(n_steps)
        command = [sys.executable, "-c", MORTAL, str(at), *shlex.split(line)]
        killed = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
        assert killed.returncode in (0, -signal.SIGKILL), killed.stderr.decode()
        n_killed += killed.returncode != 0
        if killed.returncode == 0:
            term.check(line)
            continue
        took_effect = term.check_killed(line)
        if not (line.startswith("registry") and took_effect):
            term.type(line)
    assert n_killed > len(KILLED) / 2


@pytest.mark.slow
def test_the_routine_of_the_readme(tmp_path, monkeypatch, edml):
    """Type its lines as they stand, but for a shorter search, and no server."""
    readme = Path(__file__).parents[2] / "README.md"
    _, _, section = readme.read_text("utf-8").partition("The routine of a term:")
    routine, files = re.findall(r"```console\n(.*?)```", section, re.DOTALL)[:2]
    (code,) = re.findall(r'python -c "\n(.*)"\n', files, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
    shorter = {"EDML_TUNE_EVALUATIONS": "2", "EDML_TUNE_ALGORITHMS": "lightgbm"}
    lines = [shlex.split(line, comments=True) for line in routine.splitlines()]
    assert len(lines) == 6
    assert lines.pop() == ["edml", "serve"]
    for command, *arguments in lines:
        assert command == "edml"
        result = edml(*arguments, **shorter, EDML_TUNE_FOLDS="2")
        assert result.exit_code == 0, (arguments, result.output)
    lists = [json.loads(path.read_bytes()) for path in read_lists()]
    assert lists
    assert {one["period"] for one in lists} == {"02-2023"}
