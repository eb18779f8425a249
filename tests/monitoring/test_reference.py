"""The reference of a model: what it keeps, what it hides, and damaged files."""

import json
import zlib

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from edml import RiskClassifier
from edml.datasets import make_student_activity, make_target
from edml.exceptions import MonitoringError, RegistryError
from edml.monitoring import Reference, make_reference, monitor
from edml.monitoring._feed import describe_feed
from edml.registry import ModelRegistry
from edml.schema import resolve_columns


@pytest.fixture(scope="module")
def table():
    return make_student_activity(400, n_courses=4, fail_rate=0.2, random_state=0)


@pytest.fixture(scope="module")
def model(table):
    return RiskClassifier(cv=2).fit(table, make_target(table))


def read(reference):
    return json.loads(zlib.decompress(reference.to_bytes()))


def test_bytes_round_trip(model):
    data = model.reference_.to_bytes()
    assert len(data) < 300_000
    assert Reference.from_bytes(data).to_bytes() == data


def test_no_student_in_the_bytes(model, table):
    text = zlib.decompress(model.reference_.to_bytes()).decode()
    for name in ("user_uuid", "legajo", "sub_uuid"):
        for value in table[name].dropna().unique():
            assert f'"{value}"' not in text
    for name in ("score", "nota_parcial"):
        odd = {v for v in table[name].dropna().unique() if v != round(v, 1)}
        numbers = set(_numbers(json.loads(text)["weeks"]))
        assert not odd & numbers


def test_odd_student_leaves_no_trace(table):
    """The value of one student is in no cut, range or mean."""
    strange = table.copy()
    student = strange["user_uuid"].iloc[0]
    strange.loc[strange["user_uuid"] == student, "score"] = 99.87654
    reference = RiskClassifier(cv=2).fit(strange, make_target(strange)).reference_
    assert "99.87654" not in zlib.decompress(reference.to_bytes()).decode()


def _numbers(found):
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        for one in found:
            yield from _numbers(one)
    elif isinstance(found, (int, float)):
        yield found


def test_no_cell_of_few_students(model):
    for week in read(model.reference_)["weeks"]:
        for cells in week["cells"].values():
            assert min(min(counts) for _, counts in cells) >= 10
        assert min(count for *_, count in week["bins"]) >= 10


def test_order_of_rows_does_not_matter(model, table):
    y = make_target(table)
    order = np.random.default_rng(0).permutation(len(table))
    one = make_reference(model, table, y)
    other = make_reference(model, table.iloc[order], y.iloc[order])
    assert one.to_bytes() == other.to_bytes()


def test_weights_follow_the_booster(model):
    reference = model.reference_
    assert reference.weights.sum() == pytest.approx(1)
    unused = dict(zip(reference.features, reference.weights, strict=True))
    gain = model.pipeline_.steps[-1][1].booster_.feature_importance("gain")
    assert np.count_nonzero(list(unused.values())) == np.count_nonzero(gain)


def test_plain_tables_have_one_week():
    X = np.random.default_rng(0).normal(size=(200, 3))
    model = RiskClassifier(LogisticRegression()).fit(X, X[:, 0] > 0)
    (week,) = model.reference_.weeks
    assert week.day is None
    report = monitor(model, X + np.array([2, 0, 0]))
    assert set(report.drift["feature"]) == {"x0", "x1", "x2", "score"}
    assert report.parts["drift"].verdict == "act"
    assert "input" not in report.parts


DAMAGES = {
    "short": (lambda data: data[:-4], "damaged"),
    "long": (lambda data: data + b"x", "another length"),
    "other": (lambda _: b"no zlib", "damaged"),
    "nested": (lambda _: zlib.compress(b"[" * 10_000), "damaged"),
    "newer": (lambda _: zlib.compress(b'{"format": 99}'), "newer edml"),
    "empty": (lambda _: zlib.compress(b'{"format": 1}'), "damaged"),
    "bomb": (lambda _: zlib.compress(b" " * 30_000_000), "another length"),
    "features": (lambda data: _with(data, features=["a"]), "differ in number"),
    "step": (lambda data: _with(data, step=0), "damaged"),
    "weights": (lambda data: _with(data, weights="no"), "damaged"),
    "categories": (lambda data: _with(data, categories={"a": []}), "differ in number"),
    "category": (lambda data: _with(data, categories={"a": [1]}), "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_bytes_are_found(model, damage):
    change, match = DAMAGES[damage]
    data = change(model.reference_.to_bytes())
    with pytest.raises(MonitoringError, match=match):
        Reference.from_bytes(data)


def _with(data, **fields):
    return zlib.compress(
        json.dumps({**json.loads(zlib.decompress(data)), **fields}).encode()
    )


def test_cell_of_few_students_is_rejected(model):
    found = json.loads(zlib.decompress(model.reference_.to_bytes()))
    found["weeks"][0]["cells"][""][0][1][0] = 3
    with pytest.raises(MonitoringError, match="damaged"):
        Reference.from_bytes(zlib.compress(json.dumps(found).encode()))


# -- in the registry -----------------------------------------------------------


def test_registry_keeps_it(model, table, tmp_path):
    registry = ModelRegistry(tmp_path)
    record = registry.register(model)
    assert "reference.json.z" in record.files
    kept = registry.reference(record.version)
    assert kept.to_bytes() == model.reference_.to_bytes()
    assert registry.verify() == []
    report = monitor(registry.load(1), table, reference=kept)
    assert report.parts["drift"].verdict == "fine"


def test_import_and_retune_carry_it(model, tmp_path):
    registry = ModelRegistry(tmp_path, "one")
    registry.register(model)
    other = make_student_activity(150, n_courses=4, fail_rate=0.3, random_state=5)
    record = registry.retune_threshold(1, other, make_target(other), 0.123)
    registry.export(record.version, tmp_path / "version.zip")
    elsewhere = ModelRegistry(tmp_path, "two")
    imported = elsewhere.import_(tmp_path / "version.zip")
    kept = elsewhere.reference(imported.version).to_bytes()
    assert kept == model.reference_.to_bytes()


def test_refit_makes_a_new_one(model, table, tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model)
    other = make_student_activity(300, n_courses=4, fail_rate=0.2, random_state=6)
    record = registry.refit(1, other, make_target(other))
    assert registry.reference(record.version).n_students == other["user_uuid"].nunique()


def test_same_model_without_reference_is_the_same_version(model, tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model)
    with pytest.warns(UserWarning, match="This model is version 1"):
        registry.register(model.deployable())
    assert registry.reference(1).n_students


def test_version_without_reference_says_so(model, table, tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model.deployable())
    with pytest.raises(RegistryError, match="Expected a reference in version 1"):
        registry.reference(1)
    report = monitor(registry.load(1), table.assign(s_graded_at=1.7e12))
    assert report.parts["drift"].signs[0].code == "no-reference"
    assert report.parts["input"].verdict == "act"


def test_changed_file_is_found(model, tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model)
    path = tmp_path / "risk" / "versions" / "1" / "reference.json.z"
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    with pytest.raises(RegistryError, match="Expected the bytes"):
        registry.reference(1)
    registry.load(1)  # does not read it
    assert registry.verify()


def test_something_else_is_no_reference(model, tmp_path):
    with pytest.raises(RegistryError, match="make_reference"):
        ModelRegistry(tmp_path).register(model, reference={"weeks": []})


# -- whatever a RiskClassifier can be fitted on -------------------------------------


def test_steps_that_do_not_name_their_columns():
    X = np.random.default_rng(0).normal(size=(200, 3))
    step = FunctionTransformer(np.abs)
    model = RiskClassifier(make_pipeline(step, LogisticRegression())).fit(
        X, X[:, 0] > 0
    )
    assert model.reference_.weights.sum() == pytest.approx(1)


def test_sparse_features_are_left_out():
    X = csr_matrix(np.random.default_rng(0).normal(size=(200, 3)))
    y = X[:, 0].toarray().ravel() > 0
    model = RiskClassifier(LogisticRegression()).fit(X, y)
    assert model.reference_.features == ()
    assert set(monitor(model, X).drift["feature"]) == {"score"}


# -- categories ---------------------------------------------------------------------


def make_schools(shares, n_students=600, random_state=0):
    random = np.random.default_rng(random_state)
    names = list(shares)
    school = random.choice(names, n_students, p=list(shares.values())).astype(object)
    school[: n_students // 20] = None
    age = random.normal(20, 2, n_students)
    notes = [f"note {number}" for number in range(n_students)]
    return pd.DataFrame({"age": age, "school": school, "note": notes})


@pytest.fixture(scope="module")
def schools():
    X = make_schools({"North": 0.5, "South": 0.3, "West": 0.19, "Tiny": 0.01})
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["school"]), ("passthrough", ["age"])
    )
    y = (X["school"] == "South") | (X["age"] > 22)
    return RiskClassifier(
        make_pipeline(encoder, LogisticRegression(max_iter=5000))
    ).fit(X, y)


def test_categories_of_few_students_are_not_named(schools):
    reference = schools.reference_
    assert reference.categories == {"school": ("North", "South", "West")}
    text = zlib.decompress(reference.to_bytes()).decode()
    assert "Tiny" not in text
    assert "note" not in text
    assert Reference.from_bytes(reference.to_bytes()).categories == reference.categories


def test_weights_of_encoded_categories_add_up(schools):
    reference = schools.reference_
    uses = np.abs(schools.pipeline_.steps[-1][1].coef_.ravel())
    expected = [
        uses[-1],
        uses[:-1].sum(),
    ] / uses.sum()  # the age is passed through last
    assert reference.features == ("age", "school")
    np.testing.assert_allclose(reference.weights, expected)


@pytest.mark.parametrize(
    "shares",
    [
        {"North": 0.2, "South": 0.6, "West": 0.2},
        {"North": 0.25, "South": 0.15, "West": 0.1, "New": 0.5},
        {" North": 0.2, "South ": 0.6, "West": 0.2},
    ],
)
def test_shares_of_categories_are_compared(schools, shares):
    table = monitor(schools, make_schools(shares, random_state=1)).drift
    school = table.set_index("feature").loc["school"]
    assert school["adjusted"] < 1e-6
    assert school["size"] > 0.4
    assert np.isnan(school["direction"])


def test_same_shares_of_categories_have_not_moved(schools):
    shares = {"North": 0.5, "South": 0.3, "West": 0.19, "Tiny": 0.01}
    report = monitor(schools, make_schools(shares, random_state=1))
    assert report.parts["drift"].verdict == "fine"
    assert report.to_dict()["drift"][1]["direction"] is None
    assert report.shifts("es").shape == (3, 6)


def test_numbers_need_no_newer_format(model, schools):
    assert read(model.reference_)["format"] == 1
    assert read(schools.reference_)["format"] == 2


def test_feed_of_datetimes_and_categories(table):
    dates = ["s_graded_at", "s_submitted_at", "ass_due_at"]
    changed = table.assign(
        **{name: pd.to_datetime(table[name], unit="s", utc=True) for name in dates},
        nombre_examen=table["nombre_examen"].astype("category"),
        score=table["score"].astype(object),
    )
    names = resolve_columns(None)
    expected, found = (describe_feed(X, names, 7) for X in (table, changed))
    assert found["units"].pop("ass_due_at") == "seconds"
    del expected["units"]["ass_due_at"]
    assert found == expected


def test_short_courses_have_no_week():
    X = make_student_activity(100, fail_rate=0.4, partitions=5, random_state=0)
    reference = RiskClassifier(cv=2).fit(X, make_target(X)).reference_
    assert reference.weeks == ()
    assert Reference.from_bytes(reference.to_bytes()).weeks == ()
