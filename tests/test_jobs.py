"""Jobs: each done once, by either thread, and the first failure is told."""

import threading
import time
from itertools import count

import pytest

from edml._jobs import Jobs

FEW, MANY = 10, 10**6
both = pytest.mark.parametrize("n_rows", [FEW, MANY])


@both
def test_results_are_those_of_the_jobs(n_rows):
    with Jobs(n_rows) as jobs:
        results = [jobs(pow, base, 2) for base in range(50)]
    assert [result() for result in results] == [base**2 for base in range(50)]


@both
def test_a_result_can_be_asked_for_before_the_end(n_rows):
    done = []
    with Jobs(n_rows) as jobs:
        jobs(done.append, "first")
        last = jobs(lambda: 7)
        assert last() == 7
        assert last() == 7
    assert done == ["first"]


def test_each_job_is_done_once():
    calls = count()
    for _ in range(200):  # the two threads meet in the middle
        with Jobs(MANY) as jobs:
            results = [jobs(next, calls) for _ in range(7)]
            early = results[3]()
        assert results[3]() == early
        assert len({result() for result in results}) == 7
    assert next(calls) == 200 * 7


def test_few_rows_need_no_thread():
    threads = []
    with Jobs(FEW) as jobs:
        jobs(lambda: threads.append(threading.current_thread()))
        assert threads == [threading.current_thread()]


def test_the_other_thread_begins_at_once_and_this_one_helps():
    threads, begun, go = [], threading.Event(), threading.Event()

    def wait():
        begun.set()
        assert go.wait(60)
        threads.append(threading.current_thread())

    with Jobs(MANY) as jobs:
        jobs(wait)
        assert begun.wait(60)  # no one has asked for it
        jobs(lambda: threads.append(threading.current_thread()))
        jobs(go.set)  # the other thread waits for what this one does at the end
    here, there = threads
    assert here is threading.current_thread()
    assert there is not here
    assert not there.is_alive()


@both
def test_the_first_failure_is_raised(n_rows):
    def fail(number):
        time.sleep(0.01 * (number == 1))  # the later one fails first
        raise ValueError(number)

    def run():
        with Jobs(n_rows) as jobs:
            for number in (1, 2, 3):
                jobs(fail, number)

    with pytest.raises(ValueError, match="1"):
        run()


@both
def test_a_failure_is_raised_where_its_result_is_asked_for(n_rows):
    def ask():
        with Jobs(n_rows) as jobs:
            jobs(int, "none")()

    with pytest.raises(ValueError, match="none"):
        ask()


def test_what_is_not_begun_is_dropped_when_this_thread_fails():
    done, begun, go = [], threading.Event(), threading.Event()

    def wait():
        begun.set()
        assert go.wait(60)

    def fail():
        with Jobs(MANY) as jobs:
            jobs(wait)
            assert begun.wait(60)
            jobs(done.append, "late")
            threading.Timer(0.05, go.set).start()
            raise RuntimeError("here")

    with pytest.raises(RuntimeError, match="here"):
        fail()
    assert done == []
