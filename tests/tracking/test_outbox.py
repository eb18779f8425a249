"""The outbox: records are complete or absent, and one sender sends them."""

import json
import math
import os
import signal
import stat
import subprocess
import sys

import pytest
from filelock import Timeout

from edml.tracking._outbox import SearchLog, find_pending
from edml.tracking._records import make_begin, make_end

SEARCH = "0123456789abcdef" * 2
BEGIN = make_begin(SEARCH, "http://h", "edml", None, 1.0)
END = make_end("FINISHED")


@pytest.fixture
def log(outbox):
    return SearchLog(outbox, SEARCH)


def test_records_come_back_in_order(log, outbox):
    log.append(BEGIN)
    records, offset = log.read()
    assert records == [BEGIN]
    log.append(END, END)
    assert log.read(offset)[0] == [END, END]
    assert log.begin() == BEGIN
    SearchLog(outbox, "f" * 32).append(BEGIN)
    assert [one.search for one in find_pending(outbox)] == [SEARCH, "f" * 32]
    log.remove()
    assert log.read(offset) == ([], offset)
    assert [one.search for one in find_pending(outbox)] == ["f" * 32]


def test_an_empty_outbox_is_not_created(outbox):
    assert find_pending(outbox) == []
    assert not outbox.exists()


def test_file_is_private(log, outbox):
    log.append(BEGIN)
    assert stat.S_IMODE(outbox.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"key"', "[" * 100_000, "{}", '{"target": 1}']
)
def test_a_file_with_a_damaged_beginning_is_kept_and_not_sent(log, outbox, text):
    log.path.parent.mkdir()
    log.path.write_text(f"{text}\n")
    assert log.begin() is None
    assert find_pending(outbox) == []
    assert log.path.exists()


def test_a_damaged_line_is_marked_and_the_rest_is_read(log):
    log.append(BEGIN)
    with log.path.open("ab") as file:
        file.write(b"\xff\xfe{\n[1]\n")
    log.append(END)
    records, _ = log.read()
    assert records[0] == BEGIN
    assert [set(one) for one in records[1:3]] == [{"damaged"}, {"damaged"}]
    assert records[3] == END


def test_an_unfinished_line_is_left_for_later(log):
    log.append(BEGIN)
    with log.path.open("a") as file:
        file.write('{"key": ')
    records, offset = log.read()
    assert records == [BEGIN]
    assert offset < log.path.stat().st_size


def test_other_files_are_ignored(log, outbox):
    log.append(BEGIN)
    for name in ("notes.txt", "1.jsonl", f"{SEARCH.upper()}.jsonl"):
        (outbox / name).write_text("{")
    assert len(find_pending(outbox)) == 1


def test_number_outside_json_raises(log):
    with pytest.raises(ValueError, match="JSON"):
        log.append(BEGIN, {"score": math.nan})
    assert log.read()[0] == []


def test_full_disk_keeps_the_earlier_records(log, monkeypatch):
    log.append(BEGIN)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            log.append(END)
    log.append(END)
    assert log.read()[0] == [BEGIN, END]


def test_rejected_records_are_kept_with_the_reason(log):
    log.set_aside(END, "too long")
    kept = json.loads(log.path.with_suffix(".rejected").read_text())
    assert kept == {"reason": "too long", "record": END}


def test_a_search_is_written_while_its_lock_is_held(log):
    assert not log.is_written()
    with log.writer_lock():
        assert log.is_written()
        assert not SearchLog(log.folder, "f" * 32).is_written()
    assert not log.is_written()


def test_one_process_sends_at_a_time(log):
    with log.sender_lock():
        other = SearchLog(log.folder, SEARCH).sender_lock()
        with pytest.raises(Timeout, match="sender"), other.acquire(timeout=0):
            pass


_HOLDS = """
import sys, time
from edml.tracking._outbox import SearchLog
with SearchLog(sys.argv[1], sys.argv[2]).writer_lock():
    print("holds", flush=True)
    time.sleep(600)
"""


def test_killed_writer_releases_the_lock(log):
    log.append(BEGIN)
    command = [sys.executable, "-c", _HOLDS, str(log.folder), SEARCH]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        process.stdout.readline()
        assert log.is_written()
        os.kill(process.pid, signal.SIGKILL)
    assert not log.is_written()
