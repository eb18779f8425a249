"""Models load as stored; stages and champion follow the changes."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.datasets import make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edml import evaluate, make_risk_pipeline, make_student_activity, make_target
from edml.classifier import RiskClassifier
from edml.exceptions import RegistryError
from edml.registry import ModelRecord, ModelRegistry
from edml.registry._evaluations import CHOOSING
from edml.registry._state import State
from edml.registry._verify import check_store

X = make_student_activity(60, fail_rate=0.3, random_state=1)
y = make_target(X)
OTHERS = make_student_activity(60, fail_rate=0.3, random_state=2)
OUTCOME = make_target(OTHERS)
PLAIN, LABELS = make_classification(600, flip_y=0.2, random_state=0)
LEARNERS = ("lightgbm", "xgboost", "random_forest")


def risk_model(learner="lightgbm", balance=None, **given):
    pipe = make_risk_pipeline(learner, balance=balance, every=7)
    pipe.set_params(classify__n_estimators=20)
    return RiskClassifier(pipe, **{"cv": 2, **given}).fit(X, y)


def plain_model(C=1.0):
    return LogisticRegression(C=C).fit(PLAIN[:200], LABELS[:200])


def evaluated(model, start=200, stop=400):
    return evaluate(model, PLAIN[start:stop], LABELS[start:stop], n_resamples=20)


@pytest.fixture
def registry(tmp_path):
    return ModelRegistry(tmp_path / "models", who="ada")


@pytest.fixture(scope="module")
def model():
    return risk_model()


# -- in and out ----------------------------------------------------------------


def assert_round_trip(registry, learner, balance, calibration):
    model = risk_model(learner, balance, calibration=calibration)
    record = registry.register(model)
    loaded = registry.load(record.version)
    expected = model.predict_proba(OTHERS)
    np.testing.assert_array_equal(loaded.predict_proba(OTHERS), expected)
    np.testing.assert_array_equal(loaded.predict(OTHERS), model.predict(OTHERS))
    assert loaded.threshold_ == model.threshold_ == record.threshold


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize(
    ("balance", "calibration"), [("smote", "sigmoid"), (None, "isotonic")]
)
def test_round_trip_is_equal_to_the_bit(registry, learner, balance, calibration):
    assert_round_trip(registry, learner, balance, calibration)


@pytest.mark.slow
@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", None])
@pytest.mark.parametrize("balance", ["smote", "over", "under", None])
@pytest.mark.parametrize("learner", LEARNERS)
def test_every_round_trip_is_equal_to_the_bit(registry, learner, balance, calibration):
    assert_round_trip(registry, learner, balance, calibration)


@pytest.mark.slow
def test_another_process_predicts_the_same_bits(registry, tmp_path):
    for learner in LEARNERS:
        registry.register(risk_model(learner, "smote"))
    code = (
        "import sys, numpy as np\n"
        "from edml import make_student_activity\n"
        "from edml.registry import ModelRegistry\n"
        "registry = ModelRegistry(sys.argv[1])\n"
        "X = make_student_activity(60, fail_rate=0.3, random_state=2)\n"
        "for version in (1, 2, 3):\n"
        "    found = registry.load(version).predict_proba(X)\n"
        "    np.save(f'{sys.argv[2]}/{version}.npy', found)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "models"), str(tmp_path)]
    subprocess.run(command, check=True)  # noqa: S603 - the code is above
    for version in (1, 2, 3):
        expected = registry.load(version).predict_proba(OTHERS)
        found = np.load(tmp_path / f"{version}.npy")
        np.testing.assert_array_equal(found, expected)


def test_the_forest_is_listed_by_the_name_that_users_know(registry):
    record = registry.register(risk_model("random_forest"))
    assert record.algorithm == "RandomForestClassifier"
    assert registry.records()["algorithm"].tolist() == ["RandomForestClassifier"]
    earlier = {**record.to_dict(), "algorithm": "SerialForest"}
    assert ModelRecord.from_dict(earlier) == record


def test_plain_classifier_and_pipeline(registry):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    for model in (LogisticRegression(), pipeline):
        model.fit(PLAIN, LABELS)
        record = registry.register(model)
        loaded = registry.load("latest")
        np.testing.assert_array_equal(
            loaded.predict_proba(PLAIN), model.predict_proba(PLAIN)
        )
        assert record.algorithm == "LogisticRegression"
        assert (record.threshold, record.data_fingerprint) == (0.5, None)


def test_deployed_pipeline_has_no_samplers(registry):
    pipeline = make_risk_pipeline(balance="smote", every=7).fit(X, y)
    registry.register(pipeline)
    loaded = registry.load(1)
    assert list(loaded.named_steps) == ["clean", "features", "select", "classify"]
    np.testing.assert_array_equal(
        loaded.predict_proba(OTHERS), pipeline.predict_proba(OTHERS)
    )


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (LogisticRegression(), "fitted"),
        (RiskClassifier(), "fitted"),
        (LinearRegression().fit(PLAIN, LABELS), "classifier"),
        ("model", "classifier"),
        (StandardScaler().fit(PLAIN), "classifier"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_only_fitted_classifiers_are_stored(registry, refused, says):
    with pytest.raises(RegistryError, match=says):
        registry.register(refused)
    assert not registry.records().size


def test_record_describes_the_model(registry, model):
    record = registry.register(model, tags={"term": "1-2024", "n": np.int64(3)})
    assert (record.version, record.stage) == (1, "development")
    assert record.algorithm == "LGBMClassifier"
    assert record.parameters["num_leaves"] == 7
    assert record.feature_names == tuple(X.columns)
    assert record.split_plan_hash == model.split_plan_.hash
    assert record.data_fingerprint == model.data_fingerprint_
    assert record.libraries["numpy"] == np.__version__
    assert record.created_at.endswith("+00:00")
    assert record.tags == {"term": "1-2024", "n": 3}
    assert (record.parent, record.origin, record.validation) == (None, None, None)
    assert set(record.files) == {"model.skops", "reference.json.z"}
    assert registry.record(1) == record


def test_a_record_survives_json(registry, model):
    record = registry.register(model, tags={"a": None})
    stored = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    assert ModelRecord.from_dict(stored) == record
    assert ModelRecord.from_dict({**stored, "of_tomorrow": 1}) == record


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", True),
        ("version", "1"),
        ("threshold", None),
        ("threshold", 10**400),
        ("threshold", -0.1),
        ("tags", []),
        ("created_at", "yesterday"),
        ("created_at", "2024-13-01T00:00:00+00:00"),
        ("created_at", "9" * 5000),
        ("parent", -1),
        ("parent", 10**30),
    ],
)
def test_a_wrong_record_is_rejected(registry, name, value):
    stored = registry.register(plain_model()).to_dict()
    with pytest.raises(RegistryError, match=name):
        ModelRecord.from_dict({**stored, name: value})
    del stored[name]
    with pytest.raises(RegistryError, match=f"no '{name}'"):
        ModelRecord.from_dict(stored)


def test_parameters_outside_json_are_recorded_by_class_name(registry):
    record = registry.register(risk_model("xgboost"))
    assert record.parameters["missing"] == "nan"
    json.dumps(record.to_dict(), allow_nan=False)


@pytest.mark.parametrize("tags", [{1: "a"}, {"a": [1]}, {"a": float("nan")}, ["a"]])
def test_tags_are_plain(registry, tags):
    with pytest.raises(RegistryError, match=r"tags|JSON"):
        registry.register(plain_model(), tags=tags)
    assert not len(registry.records())


# -- choosing a version --------------------------------------------------------


def test_versions_are_selected_by_stage_or_number(registry):
    models = [plain_model(C) for C in (0.1, 1.0, 10.0)]
    for model in models:
        registry.register(model)
    registry.promote(2)
    registry.promote(1, "staging")
    named = {"production": 2, "staging": 1, "latest": 3, 3: 3, np.int64(2): 2}
    for name, version in named.items():
        assert registry.record(name).version == version
        np.testing.assert_array_equal(
            registry.load(name).coef_, models[version - 1].coef_
        )


@pytest.mark.parametrize("name", [0, -1, True, 1.0, None, "champion", "1", "../1", 2])
def test_other_names_are_rejected(registry, name):
    registry.register(plain_model())
    for use in (registry.load, registry.record, registry.promote, registry.demote):
        with pytest.raises(RegistryError, match="Expected"):
            use(name)


@pytest.mark.parametrize("name", ["production", "staging", "latest", 1])
def test_empty_registry_shows_a_message(registry, name):
    with pytest.raises(RegistryError, match=r"[Rr]egister a"):
        registry.load(name)


def test_several_in_staging_need_a_number(registry):
    for C in (0.1, 1.0):
        record = registry.register(plain_model(C))
        registry.promote(record.version, "staging")
    with pytest.raises(RegistryError, match=r"\[1, 2\]"):
        registry.load("staging")


def test_loading_the_champion_reads_no_other_version(registry):
    for C in (0.1, 1.0, 10.0):
        registry.register(plain_model(C))
    registry.promote(2)
    versions = registry._store.folder / "versions"
    for version in (1, 3):
        (versions / str(version) / "model.skops").write_bytes(b"")
        (versions / str(version) / "record.json").write_bytes(b"")
    assert registry.load("production").C == 1.0
    with pytest.raises(RegistryError, match="Expected the record of version 1"):
        registry.load(1)


def test_a_damaged_model_is_neither_loaded_nor_promoted(registry):
    registry.register(plain_model())
    path = registry._store.folder / "versions" / "1" / "model.skops"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for use in (registry.load, registry.promote):
        with pytest.raises(RegistryError, match="bytes that the record"):
            use(1)
    assert any("model.skops" in problem for problem in registry.verify())


def test_trusted_custom_class(tmp_path):
    name = "sklearn.preprocessing._data.PowerTransformer"
    from sklearn.preprocessing import PowerTransformer  # noqa: PLC0415

    model = make_pipeline(PowerTransformer(), LogisticRegression())
    model.fit(PLAIN, LABELS)
    with pytest.raises(RegistryError, match="PowerTransformer"):
        ModelRegistry(tmp_path).register(model)
    ModelRegistry(tmp_path, trusted=[name]).register(model)
    with pytest.raises(RegistryError, match="PowerTransformer"):
        ModelRegistry(tmp_path).load(1)
    loaded = ModelRegistry(tmp_path, trusted=[name]).load(1)
    np.testing.assert_array_equal(loaded.predict(PLAIN), model.predict(PLAIN))


# -- evaluations ---------------------------------------------------------------


def test_the_list_shows_the_latest_fair_figures(registry):
    model = plain_model()
    first = evaluated(model)
    registry.register(model, first, tags={"a": 1})
    registry.register(plain_model(2.0))
    (row, other) = registry.records().to_dict("records")
    assert row["average_precision"] == first.metrics["average_precision"]
    assert (row["purpose"], row["tags"]) == ("validation", {"a": 1})
    assert np.isnan(other["average_precision"])
    assert pd.isna(other["purpose"])
    second = registry.reevaluate(PLAIN[400:500], LABELS[400:500], version=1)
    fresh = ModelRegistry(registry._store.home.root)
    for one in (registry, fresh):
        row = one.records().iloc[0]
        assert (row["brier"], row["purpose"]) == (second.metrics["brier"], "report")


def test_the_list_has_its_columns_and_dtypes(registry):
    for table in (registry.records(), registry.records("staging")):
        assert table.shape == (0, 22)
    registry.register(plain_model())
    registry.promote(1)
    registry.register(plain_model(2.0), parent=1)
    table = registry.records()
    assert table["parent"].tolist() == [pd.NA, 1]
    assert str(table["created_at"].dtype).startswith("datetime64")
    assert registry.records("production")["version"].tolist() == [1]
    with pytest.raises(RegistryError, match="Expected a stage"):
        registry.records("best")


def test_evaluations_load_whole(registry):
    model = plain_model()
    first = evaluated(model)
    registry.register(model, first)
    second = registry.reevaluate(PLAIN[400:], LABELS[400:], 1, purpose="validation")
    table = registry.evaluations(1)
    assert table["evaluation"].tolist() == [first, second]
    assert table["purpose"].tolist() == ["validation", "validation"]
    assert table["fair"].all()
    assert table["roc_auc"].tolist() == [
        first.metrics["roc_auc"],
        second.metrics["roc_auc"],
    ]
    registry.register(plain_model(2.0))
    assert registry.evaluations(2).shape == (0, len(table.columns))


def test_an_evaluation_of_training_rows_is_rejected(registry, model):
    with pytest.raises(RegistryError, match="trained on these rows"):
        registry.register(model, evaluate(model, X, y, n_resamples=0))
    registry.register(model)
    shuffled = X.sample(frac=1, random_state=0)
    with pytest.raises(RegistryError, match="trained on these rows"):
        registry.reevaluate(shuffled, y.loc[shuffled.index], version=1)
    assert not len(registry.evaluations(1))


def test_an_evaluation_of_another_model_is_rejected(registry, model):
    other = evaluate(model.pipeline_, OTHERS, OUTCOME, n_resamples=0)
    with pytest.raises(RegistryError, match=r"one of the threshold 0\.5"):
        registry.register(model, other)
    with pytest.raises(RegistryError, match="found dict"):
        registry.register(model, other.to_dict())
    assert not len(registry.records())


def test_the_purpose_is_one_of_two(registry):
    registry.register(plain_model())
    with pytest.raises(RegistryError, match="purpose"):
        registry.reevaluate(PLAIN, LABELS, 1, purpose=CHOOSING)


# -- stages --------------------------------------------------------------------


def test_promotion_only_moves_up(registry):
    registry.register(plain_model())
    registry.promote(1)
    with pytest.raises(RegistryError, match="Use demote"):
        registry.promote(1, "staging")
    with pytest.raises(RegistryError, match="production, staging"):
        registry.promote(1, "development")
    assert registry.demote("production").stage == "development"
    with pytest.raises(RegistryError, match="in production; found none"):
        registry.load("production")


def test_history_records_author_action_and_reason(registry):
    registry.register(plain_model())
    registry.register(plain_model(2.0))
    registry.promote(1)
    registry.promote(2, why="[x] better")
    registry.rollback("it was not")
    table = registry.history()
    assert table["generation"].tolist() == [1, 2, 3, 4, 5]
    assert table["what"].tolist() == [*["register"] * 2, *["promote"] * 2, "rollback"]
    assert table["why"].tolist()[3:] == ["[x] better", "it was not"]
    assert table["champion"].tolist() == [pd.NA, pd.NA, 1, 2, 1]
    assert set(table["who"]) == {"ada"}
    changes = "1: production to development; 2: development to production"
    assert table["changes"].tolist()[3] == changes
    assert table["moves"].tolist()[3] == [
        (1, "production", "development"),
        (2, "development", "production"),
    ]
    assert table["moves"].tolist()[0] == [(1, "new", "development")]
    assert table["previous_champion"].tolist() == [*[pd.NA] * 3, 1, pd.NA]


def test_empty_history(registry):
    assert registry.history().shape == (0, 10)
    with pytest.raises(RegistryError, match="Expected a previous champion"):
        registry.rollback()


def last_state(*champions):
    """Return the state after ("what", champion) changes; all versions stay."""
    stages = dict.fromkeys(range(1, 10), "development")
    state = State()
    for what, champion in champions:
        now = {**stages, **({champion: "production"} if champion else {})}
        state = State(what=what, stages=now).following(state)
    return state


@pytest.mark.parametrize(
    ("champions", "before"),
    [
        ([], None),
        ([("promote", 1)], None),
        ([("promote", 1), ("promote", 2)], 1),
        ([("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2)], 1),
        ([("promote", 1), ("promote", 2), ("rollback", 1)], None),
        ([("promote", 1), ("promote", 2), ("rollback", 1), ("promote", 3)], 1),
        ([("promote", 1), ("promote", 2), ("promote", 1)], 2),
        ([("promote", 1), ("demote", None)], 1),
        ([("promote", 1), ("promote", 2), ("demote", None)], 2),
        ([("promote", 1), ("register", 1), ("promote", 2), ("register", 2)], 1),
    ],
)
def test_the_previous_champion(champions, before):
    assert last_state(*champions).previous_champion == before


def test_a_state_remembers_the_last_100_champions():
    state = State()
    for number in range(150):
        now = {1: "development", 2: "development", 1 + number % 2: "production"}
        state = State(what="promote", stages=now).following(state)
    assert state.line == (1, 2) * 50


def test_a_second_rollback_goes_back_one_further(registry):
    for C in (0.1, 1.0, 10.0):
        record = registry.register(plain_model(C))
        registry.promote(record.version)
    assert registry.rollback().version == 2
    assert registry.rollback().version == 1
    with pytest.raises(RegistryError, match="none that is still stored"):
        registry.rollback()


def test_rollback_skips_removed_versions(registry):
    for C in (0.1, 1.0, 10.0):
        registry.promote(registry.register(plain_model(C)).version)
    registry._store.remove_versions(lambda state: [2])
    assert registry.rollback().version == 1


def test_rollback_undoes_what_the_promotion_moved(registry):
    for C in (0.1, 1.0, 10.0):
        registry.register(plain_model(C))
    registry.promote(1)
    registry.promote(2, "staging")
    registry.promote(2)
    registry.promote(3, "staging")
    assert registry.rollback().version == 1
    assert registry.records()["stage"].tolist() == ["production", *["staging"] * 2]


def test_rollback_leaves_what_was_moved_again(registry):
    for C in (0.1, 1.0):
        registry.register(plain_model(C))
    registry.promote(1)
    registry.promote(2, "staging")
    registry.promote(2)
    registry.promote(1, "staging")
    registry.rollback()
    assert registry.records()["stage"].tolist() == ["production", "staging"]


def test_rollback_without_the_earlier_states_moves_the_champion_down(registry):
    for C in (0.1, 1.0):
        registry.register(plain_model(C))
    registry.promote(1)
    registry.promote(2, "staging")
    registry.promote(2)
    registry.demote(1)
    for generation in (4, 5):
        (registry._store.home.states / f"{generation}.json").unlink()
    assert registry.rollback().version == 1
    assert registry.records()["stage"].tolist() == ["production", "development"]


class Stages(RuleBasedStateMachine):
    """Every change of the stages, against a plain dict and a pile of promotions."""

    def __init__(self):
        super().__init__()
        from tempfile import TemporaryDirectory  # noqa: PLC0415

        self.folder = TemporaryDirectory()
        self.registry = ModelRegistry(self.folder.name)
        self.stages = {}
        # the champions, each with what its promotion moved; a rollback takes one off
        self.pile = []
        self.count = 0

    def teardown(self):
        self.folder.cleanup()

    def champion(self):
        return next((v for v, s in self.stages.items() if s == "production"), None)

    def crown(self, version):
        if self.champion() is not None:
            self.stages[self.champion()] = "development"
        self.stages[version] = "production"

    def before(self):
        there = [v for v, _ in self.pile if v in self.stages and v != self.champion()]
        return there[-1] if there else None

    @rule()
    def register(self):
        self.count += 1
        model = plain_model(self.count / 10)
        assert self.registry.register(model).version == self.count
        self.stages[self.count] = "development"

    @precondition(lambda self: self.stages)
    @rule(data=st.data())
    def register_again(self, data):
        version = data.draw(st.sampled_from(sorted(self.stages)))
        with pytest.warns(UserWarning, match=f"This model is version {version}, in "):
            record = self.registry.register(plain_model(version / 10))
        assert (record.version, record.stage) == (version, self.stages[version])

    @precondition(lambda self: self.stages)
    @rule(data=st.data(), stage=st.sampled_from(["staging", "production"]))
    def promote(self, data, stage):
        version = data.draw(st.sampled_from(sorted(self.stages)))
        if self.stages[version] == "production" and stage == "staging":
            with pytest.raises(RegistryError, match="Use demote"):
                self.registry.promote(version, stage)
            return
        self.registry.promote(version, stage)
        if stage == "staging":
            self.stages[version] = stage
            return
        if self.champion() == version:
            return
        moved = {version: (self.stages[version], "production")}
        self.crown(version)
        if self.pile and self.pile[-1][0] == version:
            self.pile.pop()
        self.pile.append((version, moved))

    @precondition(lambda self: self.stages)
    @rule(data=st.data())
    def demote(self, data):
        version = data.draw(st.sampled_from(sorted(self.stages)))
        self.registry.demote(version)
        self.stages[version] = "development"

    @rule()
    def rollback(self):
        before = self.before()
        if before is None:
            with pytest.raises(RegistryError, match="previous champion"):
                self.registry.rollback()
            return
        assert self.registry.rollback().version == before
        champion = self.champion()
        if champion is not None:
            _, moved = self.pile[-1]
            self.stages |= {
                v: was for v, (was, now) in moved.items() if self.stages[v] == now
            }
        self.crown(before)
        while self.pile[-1][0] != before:
            self.pile.pop()

    @rule(keep=st.integers(0, 3))
    def clean(self, keep):
        before = self.before()
        old = [v for v, stage in self.stages.items() if stage == "development"]
        gone = [v for v in old[: max(0, len(old) - keep)] if v != before]
        assert self.registry.clean(keep) == gone
        for version in gone:
            del self.stages[version]
        self.pile = [one for one in self.pile if one[0] in self.stages]

    @invariant()
    def agrees(self):
        table = self.registry.records()
        assert dict(zip(table["version"], table["stage"], strict=True)) == self.stages
        assert check_store(self.registry._store) == []


Stages.TestCase.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None
)
TestStages = Stages.TestCase


# -- maintenance ---------------------------------------------------------------


def test_clean_keeps_required_files(registry):
    for C in range(1, 9):
        registry.register(plain_model(C))
    registry.promote(1)
    registry.promote(2)
    registry.promote(3, "staging")
    assert registry.clean(keep_last=2) == [4, 5, 6]
    assert registry.records()["version"].tolist() == [1, 2, 3, 7, 8]
    assert registry.rollback().version == 1
    assert registry.clean(keep_last=0) == [2, 7, 8]
    assert registry.register(plain_model(2)).version == 9  # the first was removed
    with pytest.raises(ValueError, match="keep_last"):
        registry.clean(-1)


def test_clean_removes_leftovers(registry):
    registry.register(plain_model())
    left = registry._store.folder / "versions" / ".tmp-0123456789abcdef"
    left.mkdir()
    assert registry.clean() == []
    assert not left.exists()


def test_verify_loads_every_model(registry):
    registry.register(plain_model())
    registry.register(plain_model(2.0), evaluated(plain_model(2.0)))
    assert registry.verify() == []
    record = registry.register(plain_model(3.0)).to_dict()
    registry._store.add_version({"model.skops": b"no model"}, record)
    registry._store.add_version({"model.skops": b"no model"}, {})
    registry._store.add_evaluation(1, {"a": 1})
    told = [problem.partition(":")[0] for problem in registry.verify()]
    assert told == [f"Version {number}" for number in (1, 4, 5)]


def test_neither_key_nor_students_are_shown(tmp_path):
    registry = ModelRegistry(tmp_path, key=b"secret")
    registry.register(risk_model())
    assert "secret" not in repr(registry) + repr(vars(registry._store))
    assert "ModelRegistry(" in repr(registry)


def test_key_rejects_foreign_signatures(tmp_path):
    ModelRegistry(tmp_path).register(plain_model())
    with pytest.raises(RegistryError, match="signed"):
        ModelRegistry(tmp_path, key=b"k").load(1)


def test_other_major_versions_warn(registry, monkeypatch):
    from edml.registry import _record  # noqa: PLC0415

    versions = {**_record.library_versions(), "scikit-learn": "0.1.0"}
    monkeypatch.setattr(_record, "library_versions", lambda: versions)
    registry.register(plain_model())
    with pytest.warns(UserWarning, match=r"scikit-learn 0\.1\.0"):
        registry.load(1)


def test_a_sampler_as_a_sampling_pipeline_of_plain_rows(registry):
    model = SamplingPipeline(
        [("smote", SMOTE(random_state=0)), ("classify", LogisticRegression())]
    ).fit(PLAIN, LABELS)
    registry.register(model)
    loaded = registry.load(1)
    np.testing.assert_array_equal(loaded.predict(PLAIN), model.predict(PLAIN))
