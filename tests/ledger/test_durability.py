"""No acknowledged run is lost and none is half, whatever happens to the process."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ledger_writer
from edml.exceptions import LedgerError
from edml.ledger import Ledger
from ledger_lists import make_scores

pytestmark = pytest.mark.skipif("os.name == 'nt'", reason="forks, and kills")


def start_writer(path, n_kills, seed):
    command = [sys.executable, ledger_writer.__file__, str(path), str(n_kills), seed]
    folders = [*map(str, (Path(ledger_writer.__file__).parent, *sys.path))]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    return subprocess.Popen(  # noqa: S603 - the file is ours
        command, stdout=subprocess.PIPE, env=environ
    )


def assert_whole(ledger, told):
    """Check that the runs told are there, and that each run has all its entries."""
    runs = ledger.runs().set_index("run")["n_entries"]
    assert len(runs) >= len(told) > 0
    for run, n_entries in told:
        assert runs[run] == n_entries
    n_found = ledger.entries().groupby("run").size()
    assert n_found.to_dict() == runs.to_dict()


@pytest.mark.slow
@pytest.mark.parametrize("n_writers", [1, 2])
def test_fifty_kills_lose_no_run(tmp_path, n_writers):
    path = tmp_path / "ledger.db"
    writers = [start_writer(path, 50, str(seed)) for seed in range(n_writers)]
    told = []
    for writer in writers:
        output, _ = writer.communicate()
        assert writer.returncode == 0
        told += json.loads(output)
    assert_whole(Ledger(path), told)


@pytest.mark.slow
def test_kills_during_erase_lose_nobody_else(tmp_path):
    path, ann = tmp_path / "ledger.db", "ann-7f3a91c2-unlike-any-other"
    names = [*(f"student-{k:05d}" for k in range(3000)), ann]
    ledger = Ledger(path)
    for _ in range(3):
        ledger.append(make_scores(names), version=1)
    before = ledger.entries()
    rng = random.Random(0)  # noqa: S311
    code = (
        "import sys; from edml.ledger import Ledger; ledger = Ledger(sys.argv[1]); "
        "print(flush=True); ledger.erase(sys.argv[2])"
    )
    for _ in range(8):
        command = [sys.executable, "-c", code, str(path), ann]
        eraser = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603
        eraser.stdout.readline()
        time.sleep(rng.uniform(0, 0.15))
        eraser.send_signal(signal.SIGKILL)
        eraser.communicate()
        found = ledger.entries()
        others = found[found["student"] != ann]
        assert len(others) == 3 * 3000
        assert len(found) - len(others) in (0, 3)
    ledger.erase(ann)
    kept = before[before["student"] != ann]
    assert ledger.entries()["probability"].tolist() == kept["probability"].tolist()
    for file in tmp_path.iterdir():
        assert ann.encode() not in file.read_bytes()


def test_a_few_kills_lose_no_run(tmp_path):
    path = tmp_path / "ledger.db"
    writer = start_writer(path, 4, "7")
    output, _ = writer.communicate()
    assert writer.returncode == 0
    assert_whole(Ledger(path), json.loads(output))


def test_a_kill_during_creation_leaves_no_ledger(tmp_path, monkeypatch):
    def stop(draft, path):
        raise KeyboardInterrupt

    ledger = Ledger(tmp_path / "ledger.db")
    with monkeypatch.context() as patched:
        patched.setattr("edml.ledger._database._files.publish", stop)
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            ledger.append(make_scores(), version=1)
    assert not ledger.path.exists()
    assert ledger.append(make_scores(), version=1) == 1


def test_full_disk_stores_nothing_and_says_so(tmp_path):
    import resource  # noqa: PLC0415 - not on Windows

    ledger = Ledger(tmp_path / "ledger.db")
    ledger.append(make_scores(), version=1)
    many = make_scores([f"student-{k:05d}" for k in range(20_000)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(LedgerError, match="Free disk space"):
            ledger.append(many, version=1)
        assert len(ledger.runs()) == 1  # it can still be read
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(ledger.entries()) == 3
    ledger.append(many, version=1)
    assert ledger.runs()["n_entries"].tolist() == [3, 20_000]


def test_locked_ledger_says_so(tmp_path):
    ledger = Ledger(tmp_path / "ledger.db", timeout=0.1)
    ledger.append(make_scores(), version=1)
    with ledger._database.writing():
        assert len(ledger.entries()) == 3  # readers need not wait
        with pytest.raises(LedgerError, match=r"within 0\.1 seconds.*still writing"):
            ledger.append(make_scores(), version=1)
    assert ledger.append(make_scores(), version=1) == 2


def test_error_within_a_run_stores_nothing_of_it(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.append(make_scores(), version=1)

    def insert_some(connection, run, scores):
        connection.execute("INSERT INTO students (student) VALUES ('half')")
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("edml.ledger._ledger.insert", insert_some)
        with pytest.raises(MemoryError, match=r"^$"):
            ledger.append(make_scores(), version=1)
    assert len(ledger.runs()) == 1
    assert not len(ledger.entries(student="half"))


@pytest.mark.skipif("os.geteuid() == 0", reason="root may write anywhere")
def test_folder_without_permission_says_so(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(LedgerError, match="could not be written: Permission denied"):
        Ledger(tmp_path / "ledger.db").append(make_scores(), version=1)
