"""Folds side by side: order, errors, and processes that die."""

import os
import threading
import warnings
from functools import partial
from operator import mul

import pytest

from edml.exceptions import TableError
from edml.tuning import ModelTuner
from edml.tuning._clock import Limit, OutOfTimeError
from edml.tuning._workers import FoldError, Workers

PLACES = ["in_threads", "in_processes"]


# The processes do not find the modules of tests: what is sent to them is either in a
# library, or made in a function, and so sent whole.


def make_tasks():
    class AwkwardError(Exception):
        """An error that another process cannot send: it asks for two arguments."""

        def __init__(self, what, where):
            super().__init__(f"{what} of {where}")

    def fail(kind):
        if kind == "awkward":
            raise AwkwardError("loss", "memory")
        raise {"table": TableError, "value": ValueError}[kind]("what it said")

    def stop(limit):
        limit.check()

    def die():
        os._exit(1)

    return fail, stop, die


FAIL, STOP, DIE = make_tasks()
DOUBLE = partial(mul, 2)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_results_come_in_order(place, n_jobs):
    with Workers(n_jobs) as workers:
        run = getattr(workers, place)
        assert run((DOUBLE, (x,)) for x in range(9)) == list(range(0, 18, 2))
        assert run([]) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("kind", "name", "text", "own"),
    [
        ("table", "TableError", "what it said", True),
        ("value", "ValueError", "what it said", False),
        ("awkward", "AwkwardError", "loss of memory", False),
    ],
)
def test_the_first_error_comes_as_text(place, kind, name, text, own):
    tasks = [(DOUBLE, (1,)), (FAIL, (kind,)), (FAIL, ("value",))]
    with Workers(2) as workers, pytest.raises(FoldError) as caught:
        getattr(workers, place)(tasks)
    assert (caught.value.kind, caught.value.text, caught.value.own) == (name, text, own)


@pytest.mark.parametrize("place", PLACES)
def test_time_that_is_over_stays_so(place):
    with Workers(2) as workers, pytest.raises(OutOfTimeError):
        getattr(workers, place)([(STOP, (Limit(0.0),)), (DOUBLE, (1,))])


def test_processes_are_started_once():
    with Workers(2) as workers:
        first = {
            pid for _ in range(3) for pid in workers.in_processes([(os.getpid, ())])
        }
        again = set(workers.in_processes([(os.getpid, ())] * 4))
    assert os.getpid() not in first | again
    assert len(first | again) <= 2


def test_one_job_stays_here():
    with Workers(None) as workers:
        assert workers.in_processes([(os.getpid, ())]) == [os.getpid()]


def test_after_a_process_died_there_are_new_ones():
    with Workers(2) as workers:
        with pytest.raises(Exception, match=r"(?i)terminated|abrupt|died|exit"):
            workers.in_processes([(DIE, ()), (DOUBLE, (1,))])
        assert workers.in_processes([(DOUBLE, (4,))]) == [8]


def test_what_cannot_be_sent_does_not_end_the_others():
    with Workers(2) as workers:
        with pytest.raises(Exception, match=r"(?i)pickle"):
            workers.in_processes([(id, (threading.Lock(),))])
        assert workers.in_processes([(DOUBLE, (4,))]) == [8]


def test_forests_leave_the_filters_of_warnings_alone(plain):
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        here = list(warnings.filters)
        ModelTuner(
            ["random_forest"], n_iter=3, cv=4, n_candidates=1, n_jobs=2, random_state=0
        ).fit(*plain)
        assert warnings.filters == here
    assert not told
    assert warnings.filters == before
