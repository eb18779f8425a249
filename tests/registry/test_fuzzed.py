"""Every changed file is rejected, or its model answers with probabilities.

Boosters' texts, schemas and arrays are changed at random. The default tests draw a few
files of each. The slow one draws 2,500 in a process with limits, and `nox -s fuzz`
100,000: the number is read from EDML_FUZZED_FILES.
"""

import json
import os
import re
import resource
import subprocess
import sys
import time
from functools import cache

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lightgbm import Booster as LightGBMBooster
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from xgboost import Booster as XGBoostBooster

from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.exceptions import RegistryError
from edml.registry import _lightgbm, _xgboost
from edml.registry._arrays import read_array
from edml.registry._budget import Budget
from edml.registry._model_file import dumps, loads
from model_files import MAKERS, X, fitted, members_of, npy, with_schema, y, zip_of
from model_files import file_of as plain_file

EVENTS = make_student_activity(30, fail_rate=0.3, random_state=1)
MADE = {
    "gauss": lambda: make_pipeline(SimpleImputer(), StandardScaler(), GaussianNB()),
    "bernoulli": lambda: make_pipeline(MinMaxScaler(), BernoulliNB()),
}
DEPLOYED = {"risk, lightgbm": "sigmoid", "risk, xgboost": "isotonic"}
NAMES = [*MAKERS, *MADE, *DEPLOYED]
SECONDS = 2
PIECES = ["", "0", "-1", "1", "9" * 9, "9" * 30, "1e308", "-0.0", "nan", "inf", "٣"]
LEAVES = [None, 0, -1, True, 10**30, "", "x", '"x"', "[]", "1e999", [], {}]
NUMBERS = [0, -1, 1, 7, 2**31 - 1, -(2**31), 1e308, np.nan, np.inf, 0.5]
few = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@cache
def file_of(name):
    if name in MAKERS:
        return plain_file(name)
    if name in MADE:
        return dumps(MADE[name]().fit(X, y))
    pipe = make_risk_pipeline(name.split(" ")[1], every=10)
    pipe.set_params(classify__n_estimators=3)
    model = RiskClassifier(pipe, cv=2, calibration=DEPLOYED[name], random_state=0)
    return dumps(model.fit(EVENTS, make_target(EVENTS)).deployable())


def schema_of(name):
    return json.loads(members_of(file_of(name))["schema.json"])


@cache
def places(name):
    """Return the path of every value in a schema."""
    found, waiting = [], [((), schema_of(name))]
    while waiting:
        path, part = waiting.pop()
        items = part.items() if isinstance(part, dict) else enumerate(part)
        for key, value in items:
            found.append((*path, key))
            if isinstance(value, dict | list):
                waiting.append(((*path, key), value))
    return found


def at(part, path):
    for key in path:
        part = part[key]
    return part


@st.composite
def schemas(draw):
    """Draw a schema's file, a place in it, and the value or the place to put there."""
    name = draw(st.sampled_from(NAMES))
    place = st.sampled_from(places(name))
    return name, draw(place), draw(st.one_of(st.sampled_from(LEAVES), place))


def check_schema(name, path, new):
    schema = schema_of(name)
    value = at(schema_of(name), new) if isinstance(new, tuple) else new
    at(schema, path[:-1])[path[-1]] = value
    check_file(name, with_schema(file_of(name), schema))


@st.composite
def arrays(draw):
    """Draw an array's file, its member, and what to change in it."""
    name = draw(st.sampled_from([one for one in NAMES if one != "xgboost"]))
    members = [one for one in members_of(file_of(name)) if one.endswith(".npy")]
    kinds = st.sampled_from(["f8", ">f8", "f4", "i8", "i4", "u1", "?", "U3", "c16"])
    place = st.integers(0, 10**6)
    change = st.one_of(
        kinds,
        st.tuples(place, st.sampled_from(NUMBERS)),
        st.tuples(place, place.map(lambda one: ("of", one))),
        st.sampled_from(["transpose", "shorter", "longer", "scalar", "reverse"]),
    )
    return name, draw(st.sampled_from(members)), draw(change)


def check_array(name, member, change):
    members = members_of(file_of(name))
    values = read_array(members[member]).copy()
    try:
        with np.errstate(all="ignore"):
            members[member] = npy(changed(values, change))
    except (ArithmeticError, ValueError, TypeError, IndexError):
        return  # the array cannot be changed so
    check_file(name, zip_of(members))


def changed(values, change):
    if isinstance(change, tuple):
        place, new = change
        flat = values.reshape(-1)
        if values.dtype.names:
            field = values.dtype.names[place % len(values.dtype.names)]
            flat = flat[field]
        copied = isinstance(new, tuple)
        flat[place % len(flat)] = flat[new[1] % len(flat)] if copied else new
        return values
    ways = {
        "transpose": lambda: values.T,
        "shorter": lambda: values[:-1],
        "longer": lambda: np.concatenate([values, values[:1]]),
        "scalar": lambda: values.reshape(-1)[:1],
        "reverse": lambda: values[::-1],
    }
    return ways[change]() if change in ways else values.astype(change)


def check_file(name, data):
    start = time.process_time()
    try:
        model = loads(data)
    except RegistryError:
        model = None
    assert time.process_time() - start < SECONDS
    if model is not None:
        with np.errstate(all="ignore"):
            found = model.predict_proba(EVENTS if name in DEPLOYED else X)
        assert ((found >= 0) & (found <= 1)).all()


@st.composite
def forms(draw):
    """Draw a booster's text with some numbers or pieces of text replaced."""
    name = draw(st.sampled_from(["lightgbm", "xgboost"]))
    members = members_of(plain_file(name))
    (content,) = [one for key, one in members.items() if key.endswith(".bin")]
    text = content.decode()
    for _ in range(draw(st.integers(1, 3))):
        words = list(re.finditer(r"-?[\d.]+(?:[eE][+-]?\d+)?|\w+|[^\w\s]|\s", text))
        word = draw(st.sampled_from(words))
        other = draw(st.sampled_from(words))
        piece = draw(st.sampled_from([*PIECES, other.group()]))
        text = text[: word.start()] + piece + text[word.end() :]
    return name, text


def check_form(name, text):
    module = {"lightgbm": _lightgbm, "xgboost": _xgboost}[name]
    start, content = time.process_time(), text.encode()
    try:
        written = module.write(module.read(content, Budget(len(content))))
    except (RegistryError, UnicodeError):  # `loads` reports the latter
        return
    if name == "lightgbm":
        booster = LightGBMBooster(model_str=written.decode())
        assert np.isfinite(booster.predict(X)).all()
    else:
        XGBoostBooster(model_file=bytearray(written)).inplace_predict(X)
    assert time.process_time() - start < SECONDS


@few
@given(forms())
def test_any_changed_booster_is_rejected_or_read(drawn):
    check_form(*drawn)


@few
@given(schemas())
def test_any_changed_schema_is_rejected_or_read(drawn):
    check_schema(*drawn)


@few
@given(arrays())
def test_any_changed_array_is_rejected_or_read(drawn):
    check_array(*drawn)


def run_many(n_files):
    """Draw many files, with limits on memory and time, as a process of its own."""
    for name in NAMES:  # the limit is on what comes on top
        check_file(name, file_of(name))
    largest = max(len(file_of(name)) for name in NAMES)
    memory = psutil.Process().memory_info().vms + 50 * largest + 100 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    many = settings(
        max_examples=n_files // 3,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    checks = ((forms, check_form), (schemas, check_schema), (arrays, check_array))
    for draw, check in checks:
        run_one(many, draw, check)
        print(draw.__name__, many.max_examples, flush=True)  # noqa: T201


def run_one(many, draw, check):
    many(given(draw())(lambda drawn: check(*drawn)))()


@pytest.mark.slow
def test_thousands_of_changed_files_in_a_process_with_limits():
    paths = [os.path.dirname(__file__), *sys.path]  # noqa: PTH120
    n_files = int(os.environ.get("EDML_FUZZED_FILES", "2500"))
    code = f"import sys; sys.path[:0] = {paths!r}\nimport test_fuzzed as tests\n"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", f"{code}tests.run_many({n_files})"],
        check=False,
        capture_output=True,
        timeout=600 + n_files,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_unchanged_files_are_read():
    for name in NAMES:
        check_file(name, file_of(name))
    assert np.isfinite(fitted("forest").predict_proba(X)).all()
