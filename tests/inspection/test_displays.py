import builtins
import importlib
import inspect

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from edml._words import Words
from edml.datasets import make_student_activity, make_target
from edml.exceptions import EdmlError, MissingExtraError, TableError
from edml.explanation import explain
from edml.inspection import (
    EarlinessDisplay,
    ImportanceDisplay,
    ReasonsDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
    TrajectoryDisplay,
)
from edml.pipeline import make_risk_pipeline

DISPLAYS = (
    EarlinessDisplay,
    ImportanceDisplay,
    ReasonsDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
    TrajectoryDisplay,
)
KEYS = ["user_uuid", "course_uuid", "particion"]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def table():
    X = make_student_activity(
        120, n_courses=3, fail_rate=0.3, partitions=20, random_state=0
    )
    return X, make_target(X)


@pytest.fixture(scope="module")
def model(table):
    return make_risk_pipeline("lightgbm").fit(*table)


@pytest.fixture(scope="module")
def one(table):
    """Return a student with only one course, and the course."""
    X, _ = table
    n_courses = X.groupby("user_uuid")["course_uuid"].nunique()
    student = n_courses.index[n_courses == 1][0]
    return student, X.loc[X["user_uuid"] == student, "course_uuid"].iloc[0]


def snapshots(X, y, risk):
    """Return one row per snapshot, the slow way."""
    every = X[KEYS].fillna({"particion": 0}).assign(y=y, risk=risk)
    return every.drop_duplicates(KEYS)


def draw(cls, ax=None):
    """Draw any display from arrays."""
    drawn = {
        EarlinessDisplay: lambda: EarlinessDisplay(
            [0, 1, 2],
            [0.5, 0.7, 0.8],
            low=[0.4, 0.6, 0.7],
            high=[0.6, 0.8, 0.9],
            n_snapshots=[9, 9, 9],
            n_failing=[3, 3, 2],
        ),
        ImportanceDisplay: lambda: ImportanceDisplay([0.1, 0.3], ["a", "b"]),
        ReasonsDisplay: lambda: ReasonsDisplay([0.1, -0.3], ["a", "b"], base=0.2),
        ReliabilityDisplay: lambda: ReliabilityDisplay(
            [0.1, 0.5], [0.2, 0.4], low=[0.1, 0.3], high=[0.3, 0.5], y_prob=[0.1, 0.5]
        ),
        ThresholdDisplay: lambda: ThresholdDisplay(
            *([0.1, 0.5], [0.2, 0.6], [1.0, 0.5], [0.3, 0.5], [4.0, 1.0]), chosen=0.5
        ),
        TrajectoryDisplay: lambda: TrajectoryDisplay(
            *([0, 1, 2], [0.1, 0.6, 0.7]), threshold=0.5, exams=[1], submissions=[0, 2]
        ),
    }[cls]()
    return drawn.plot(ax)


each_display = pytest.mark.parametrize("cls", DISPLAYS)


# -- all displays --------------------------------------------------------------


@each_display
def test_plot_draws_only_on_the_given_axes(cls):
    other = plt.figure()
    before = other.get_children()
    figure = Figure(layout="constrained")
    ax, beside = figure.subplots(1, 2)
    display = draw(cls, ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert not beside.has_data()
    assert plt.get_fignums() == [other.number]
    assert other.get_children() == before
    figure.canvas.draw()


@each_display
def test_plot_makes_one_figure_and_returns_itself(cls):
    display = draw(cls)
    assert isinstance(display, cls)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_ in display.figure_.axes


@each_display
def test_second_plot_does_not_change_the_display(cls):
    display = draw(cls)
    first = display.ax_
    stored = dict(vars(display))
    assert display.plot().ax_ is not first
    for name in inspect.signature(cls).parameters:
        assert vars(display)[name] is stored[name]


@each_display
def test_an_array_of_axes_is_an_error(cls):
    with pytest.raises(TypeError, match=r"ax takes one matplotlib Axes, found ndarray"):
        draw(cls, Figure().subplots(2))


@each_display
def test_names_its_public_package(cls):
    assert cls.__module__ == "edml.inspection"


@each_display
def test_texts_keep_the_colour_of_the_style(cls):
    with plt.style.context("dark_background"):
        display = draw(cls)
        texts = display.figure_.findobj(mpl.text.Text)
        assert {to_hex(text.get_color()) for text in texts} == {"#ffffff"}


@each_display
def test_title_does_not_lie_on_the_strip(cls):
    display = draw(cls)
    display.ax_.set_title("A title")
    display.figure_.canvas.draw()
    title = display.ax_.title.get_window_extent()
    for strip in display.ax_.child_axes:
        assert title.y0 >= strip.get_window_extent().y1
    assert title.y1 <= display.figure_.bbox.y1


@each_display
def test_without_matplotlib(cls, monkeypatch):
    real = importlib.import_module

    def refuse(name, *args):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name, name="matplotlib")
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", refuse)
    says = r"Plotting needs matplotlib\. Run: pip install 'edml\[plot\]'"
    with pytest.raises(MissingExtraError, match=says):
        draw(cls)


def test_without_matplotlib_nothing_is_computed_first(monkeypatch):
    def refuse(name, *args):
        raise ModuleNotFoundError(name, name="matplotlib")

    monkeypatch.setattr(importlib, "import_module", refuse)
    calls = (
        lambda: EarlinessDisplay.from_estimator(None, None, None),
        lambda: ReliabilityDisplay.from_estimator(None, None, None),
        lambda: ThresholdDisplay.from_estimator(None, None, None),
        lambda: ImportanceDisplay.from_estimator(None, None),
        lambda: ReasonsDisplay.from_estimator(None, None),
        lambda: TrajectoryDisplay.from_estimator(None, None, student="a"),
    )
    for call in calls:
        with pytest.raises(MissingExtraError, match="Plotting needs matplotlib"):
            call()


def test_importing_the_package_imports_no_matplotlib(monkeypatch):
    real = builtins.__import__

    def watch(name, *args, **kwargs):
        assert not name.startswith("matplotlib")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", watch)
    for cls in DISPLAYS:
        importlib.reload(importlib.import_module(inspect.getmodule(cls.plot).__name__))


@pytest.mark.parametrize(
    "cls", [EarlinessDisplay, ReliabilityDisplay], ids=lambda cls: cls.__name__
)
def test_second_curve_takes_another_colour_and_no_second_strip(cls):
    ax = Figure().subplots()
    first, second = draw(cls, ax), draw(cls, ax)
    assert first.line_.get_color() != second.line_.get_color()
    assert len(ax.child_axes) == 1


@pytest.mark.parametrize(
    ("y_true", "y_prob", "says"),
    [
        ([0, 2], [0.1, 0.2], r"y_true needs the values 0 and 1"),
        ([0, 1], [0.1, np.nan], r"1 of 2 are NaN"),
        ([0, 1], [0.1, 1.2], r"fractions in \[0, 1\]; 1 of 2 lie outside"),
        ([], [], r"y_true needs at least one row"),
        ([0, 1, 1], [0.1, 0.2], r"need the same rows"),
    ],
)
@pytest.mark.parametrize(
    "cls", [EarlinessDisplay, ReliabilityDisplay, ThresholdDisplay]
)
def test_bad_predictions(cls, y_true, y_prob, says):
    more = [[0, 0]] if cls is EarlinessDisplay else []
    with pytest.raises(ValueError, match=says):
        cls.from_predictions(y_true, y_prob, *more)
    assert plt.get_fignums() == []


# -- by partition --------------------------------------------------------------


def test_earliness_is_the_metric_of_each_partition(model, table):
    X, y = table
    display = EarlinessDisplay.from_estimator(model, X, y, n_resamples=20)
    found = snapshots(X, y, model.predict_proba(X)[:, 1])
    for day, value, n, n_failing in zip(
        display.partition,
        display.value,
        display.n_snapshots,
        display.n_failing,
        strict=True,
    ):
        at = found[found["particion"] == day]
        assert value == pytest.approx(roc_auc_score(at["y"], at["risk"]))
        assert (n, n_failing) == (len(at), at["y"].sum())
    assert list(display.partition) == sorted(found["particion"].unique())
    assert (np.asarray(display.low) <= display.value).all()
    assert (display.value <= np.asarray(display.high)).all()
    assert display.strip_ax_ is not None
    assert display.chance_line_.get_ydata().tolist() == [0.5] * len(display.partition)


def test_earliness_every_and_too_few():
    rng = np.random.default_rng(0)
    days = np.repeat([0, 1, 2, 3, 4], 20)
    y = rng.random(100) < 0.5
    y[days == 2] = np.arange(20) < 4
    display = EarlinessDisplay.from_predictions(y, rng.random(100), days, every=2)
    assert list(display.partition) == [0, 2, 4]
    assert np.isnan(display.value).tolist() == [False, True, False]
    assert display.low is None
    assert display.band_ is None


def test_earliness_uses_the_threshold_of_the_model(model, table):
    X, y = table
    found = snapshots(X, y, model.predict_proba(X)[:, 1])
    last = found[found["particion"] == found["particion"].max()]
    for threshold in (0.2, None):
        display = EarlinessDisplay.from_estimator(
            *(Thresholded(model, threshold), X, y), metric="recall", n_resamples=0
        )
        flagged = last["risk"] >= (threshold or 0.5)
        assert display.value[-1] == pytest.approx(recall_score(last["y"], flagged))
        assert display.ax_.get_ylabel() == "recall"


def test_earliness_chance_of_average_precision_is_the_share():
    display = EarlinessDisplay(
        *([0, 1], [0.5, 0.6]),
        n_snapshots=[10, 5],
        n_failing=[2, 2],
        metric="average_precision",
    )
    display.plot()
    assert display.chance_line_.get_ydata().tolist() == [0.2, 0.4]


def test_earliness_errors():
    with pytest.raises(ValueError, match=r"metric='auc' is unknown: pass one of"):
        EarlinessDisplay.from_predictions([0, 1], [0.1, 0.2], [0, 0], metric="auc")
    with pytest.raises(ValueError, match=r"No partition is a multiple of every=7"):
        EarlinessDisplay.from_predictions([0, 1], [0.1, 0.2], [1, 2], every=7)
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    plain = LogisticRegression().fit(X, [0, 0, 1, 1])
    with pytest.raises(ValueError, match=r"by partition needs an event table"):
        EarlinessDisplay.from_estimator(plain, X, [0, 0, 1, 1])


class Thresholded:
    """A fitted model with a threshold."""

    def __init__(self, model, threshold):
        self.pipeline_ = model
        self.classes_ = model.classes_
        if threshold is not None:
            self.threshold_ = threshold

    def predict_proba(self, X):
        return self.pipeline_.predict_proba(X)


# -- reliability ---------------------------------------------------------------


def test_reliability_of_an_estimator_counts_snapshots(model, table):
    X, y = table
    display = ReliabilityDisplay.from_estimator(model, X, y, n_bins=5, n_resamples=50)
    found = snapshots(X, y, model.predict_proba(X)[:, 1])
    assert display.n.sum() == len(found) < len(X)
    share = (display.n * display.share_positive).sum() / display.n.sum()
    assert share == pytest.approx(found["y"].mean())
    assert (display.low <= display.share_positive).all()
    assert (display.share_positive <= display.high).all()
    counts = [patch.get_height() for patch in display.strip_ax_.patches]
    assert sum(counts) <= len(found)


def test_reliability_intervals_are_those_of_drawn_students():
    rng = np.random.default_rng(0)
    students = rng.integers(0, 15, 300)
    risk = rng.random(15)[students].round(1)
    y = rng.random(300) < risk
    display = ReliabilityDisplay.from_predictions(
        y, risk, students=students, n_bins=3, n_resamples=40, random_state=3
    )
    # the same draws, row by row
    present, code = np.unique(students, return_inverse=True)
    n = len(present)
    edges = np.sort(risk)[np.cumsum(display.n) - 1]  # highest of each bin
    bins = np.searchsorted(edges, risk)
    random = np.random.RandomState(3)
    counts = [np.bincount(random.randint(n, size=n), minlength=n) for _ in range(40)]
    for place in range(len(display.n)):
        shares = []
        for drawn in counts:
            rows = np.repeat(np.arange(300), drawn[code])
            rows = rows[bins[rows] == place]
            if len(rows):
                shares.append(y[rows].mean())
        assert bins.tolist().count(place) == display.n[place]
        assert display.low[place] == pytest.approx(np.quantile(shares, 0.025))
        assert display.high[place] == pytest.approx(np.quantile(shares, 0.975))


def test_reliability_bin_of_one_outcome_is_not_certain():
    display = ReliabilityDisplay.from_predictions(
        [0, 0, 0, 0, 1, 1],
        [0.1, 0.1, 0.1, 0.1, 0.9, 0.9],
        students=list("aabcde"),
        n_bins=2,
    )
    # exact limits for 0 of 3 students, and for 2 of 2
    assert display.low.tolist() == pytest.approx([0, 0.025 ** (1 / 2)])
    assert display.high.tolist() == pytest.approx([1 - 0.025 ** (1 / 3), 1])


def test_reliability_without_students_has_no_intervals():
    display = ReliabilityDisplay.from_predictions([0, 1], [0.2, 0.8], n_bins=2)
    assert display.low is display.high is display.bars_ is None


def test_reliability_of_any_table():
    X = pd.DataFrame({"a": np.arange(20.0)})
    y = np.array(["pass", "zfail"])[(np.arange(20) > 12).astype(int)]
    model = LogisticRegression().fit(X, y)
    for label in ("zfail", "pass"):
        display = ReliabilityDisplay.from_estimator(
            model, X, y, fail_label=label, n_bins=2
        )
        assert (display.n * display.share_positive).sum() == (y == label).sum()


# -- thresholds ----------------------------------------------------------------


class Undrawn(ThresholdDisplay):
    """Return only the curves, for many examples."""

    def plot(self, ax=None):
        return self


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0]),
            st.integers(0, 3),  # student
            st.integers(0, 1),  # course
            st.integers(0, 6),  # partition
        ),
        min_size=1,
        max_size=25,
        unique_by=lambda row: row[2:],
    ),
    st.sampled_from([0.0, 0.25, 0.7]),
)
def test_threshold_curves_are_those_of_each_threshold(rows, chosen):
    y, risk, students, courses, days = map(np.array, zip(*rows, strict=True))
    display = Undrawn.from_predictions(
        *(y, risk),
        students=students,
        courses=courses,
        partitions=days,
        chosen=chosen,
    )
    grid = np.asarray(display.threshold)
    assert chosen in grid
    for place in {0, len(grid) // 2, len(grid) - 1, int(np.searchsorted(grid, chosen))}:
        flagged = risk >= grid[place]
        how = {"zero_division": np.nan}
        for curve, score in (
            (display.precision, precision_score),
            (display.recall, recall_score),
        ):
            assert curve[place] == pytest.approx(score(y, flagged, **how), nan_ok=True)
        if y.any():
            assert display.f1[place] == pytest.approx(f1_score(y, flagged))
        # each day of each course, with the latest snapshot of each student so far
        lists = []
        for course in set(courses):
            span = days[courses == course]
            for day in range(span.min(), span.max() + 1):
                there = (courses == course) & (days <= day)
                names = set()
                for student in set(students[there]):
                    mine = there & (students == student)
                    ended = days[(courses == course) & (students == student)].max()
                    latest = np.flatnonzero(mine)[days[mine].argmax()]
                    if day <= ended and flagged[latest]:
                        names.add(student)
                lists.append(len(names))
        assert display.flagged_per_course[place] == pytest.approx(np.mean(lists))


def test_threshold_of_the_model_is_marked(model, table):
    X, y = table
    display = ThresholdDisplay.from_estimator(Thresholded(model, 0.25), X, y)
    assert display.chosen == 0.25
    assert display.chosen_line_.get_xdata()[0] == 0.25
    found = snapshots(X, y, model.predict_proba(X)[:, 1])
    recall = recall_score(found["y"], found["risk"] >= 0.25)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"recall {recall:.2f}" in texts
    per_day = (
        (found["risk"] >= 0.25)
        .groupby([found["course_uuid"], found["particion"]])
        .sum()
    )
    at = np.searchsorted(display.threshold, 0.25)
    assert display.flagged_per_course[at] == pytest.approx(per_day.mean())
    assert display.strip_ax_ is not None


def test_threshold_is_that_of_the_best_estimator(model, table):
    class Search:
        best_estimator_ = Thresholded(model, 0.125)
        classes_ = model.classes_
        predict_proba = staticmethod(model.predict_proba)

    assert ThresholdDisplay.from_estimator(Search(), *table).chosen == 0.125


def test_threshold_without_keys_has_no_strip():
    display = ThresholdDisplay.from_predictions([0, 1], [0.2, 0.8])
    assert display.flagged_per_course is display.strip_ax_ is display.chosen_line_
    assert display.strip_ax_ is None
    unknown = ThresholdDisplay([0.1], [0.5], [0.5], [0.5], [np.nan])
    assert unknown.plot().strip_ax_ is None


def test_threshold_above_all_probabilities():
    display = ThresholdDisplay.from_predictions([0, 1], [0.2, 0.3], chosen=0.5)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[:2] == ["precision \N{EN DASH}", "recall 0.00"]


# -- importance and reasons ------------------------------------------------------


def test_importance_counts_each_snapshot_once(model, table):
    X, y = table
    display = ImportanceDisplay.from_estimator(model, X, n_features=5)
    rows = snapshots(X, y, 0.0).index
    found = explain(model, X).contributions.loc[rows].abs().mean()
    shown = dict(zip(display.features, display.importance, strict=True))
    assert shown == pytest.approx(found.to_dict())
    widths = [bar.get_width() for bar in display.bars_]
    assert widths[:5] == pytest.approx(sorted(found, reverse=True)[:5])
    assert sum(widths) == pytest.approx(found.sum())  # nothing is hidden
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels[-1] == f"{len(found) - 5} others, added up"


def test_importance_of_a_bare_forest():
    X = pd.DataFrame({"a": np.arange(40.0), "b$_1$": 1.0})
    forest = RandomForestClassifier(5, random_state=0).fit(X, X["a"] > 20)
    display = ImportanceDisplay.from_estimator(forest, X)
    assert "probability" in display.ax_.get_xlabel()
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["a", r"b\$_1\$"]
    display.figure_.canvas.draw()


@pytest.mark.parametrize("language", [None, "en", "es"])
def test_reasons_add_up_to_the_score(model, table, one, language):
    X, _ = table
    display = ReasonsDisplay.from_estimator(
        model, X, student=one[0], partition=9, language=language, n_features=4
    )
    of_student = X[(X["user_uuid"] == one[0]) & (X["particion"].fillna(0) <= 9)]
    raw = model.predict_proba(X)[X.index.get_loc(of_student["particion"].idxmax()), 1]
    total = display.base + sum(bar.get_width() for bar in display.bars_)
    assert total == pytest.approx(np.log(raw / (1 - raw)))
    assert len(display.labels) == len(set(display.labels))
    words = Words(language or "en")
    assert display.ax_.get_title().endswith(f" {words.number(total, 2)}")
    assert ("puntaje" in display.ax_.get_title()) == (language == "es")
    for bar in list(display.bars_)[:4]:
        colour = "#d55e00" if bar.get_width() > 0 else "#0072b2"
        assert to_hex(bar.get_facecolor()) == colour


def test_reasons_are_of_the_latest_row_by_default(model, table, one):
    X, _ = table
    late = ReasonsDisplay.from_estimator(model, X, student=one[0], course=one[1])
    row = int(np.flatnonzero((X["user_uuid"] == one[0]).to_numpy())[-1])
    again = ReasonsDisplay.from_estimator(model, X, row=row)
    assert list(late.labels) == list(again.labels)
    assert late.contributions == pytest.approx(again.contributions)


def test_reasons_of_any_table():
    X = pd.DataFrame({"a": np.arange(40.0), "b": np.tile([0.0, np.nan], 20)})
    forest = RandomForestClassifier(5, random_state=0).fit(X, X["a"] > 20)
    display = ReasonsDisplay.from_estimator(forest, X, row=1, language=None)
    assert list(display.labels) == ["a = 1", "b: unknown"]


def test_reasons_errors(model, table, one):
    X, _ = table
    with pytest.raises(ValueError, match=r"pass either student= .* or row="):
        ReasonsDisplay.from_estimator(model, X)
    with pytest.raises(ValueError, match=r"pass either student= .* or row="):
        ReasonsDisplay.from_estimator(model, X, student=one[0], row=1)
    with pytest.raises(ValueError, match=r"language='fr' is unknown"):
        ReasonsDisplay.from_estimator(model, X, student=one[0], language="fr")
    late = X[X["particion"] > 5]
    with pytest.raises(ValueError, match=r"no row up to partition=5\. Pass a later"):
        ReasonsDisplay.from_estimator(model, late, student=one[0], partition=5)
    explanation = explain(model, X, rows=[0, 1])
    for row in (-1, 2):
        says = rf"row={row} is not a position .* 2 rows"
        with pytest.raises(ValueError, match=says):
            ReasonsDisplay.from_explanation(explanation, row=row)
    for cls in (ReasonsDisplay, ImportanceDisplay):
        with pytest.raises(ValueError, match=r"found the shape \(2,\) and 1 names"):
            cls([1.0, 2.0], ["a"]).plot()


def test_reasons_of_a_constant_model():
    display = ReasonsDisplay([0.0, 0.0], ["a", "b"], base=-1.0).plot()
    low, high = display.ax_.get_xlim()
    assert low <= 0 < high


# -- one student's course ----------------------------------------------------------


def test_trajectory_is_the_model_s_day_by_day(model, table, one):
    X, y = table
    risk = model.predict_proba(X)[:, 1]
    found = snapshots(X, y, risk)
    mine = found[found["user_uuid"] == one[0]].sort_values("particion")
    threshold = float(mine["risk"].median())
    for shown in (X, X.sample(frac=1, random_state=0)):
        display = TrajectoryDisplay.from_estimator(
            model, shown, student=one[0], course=one[1], threshold=threshold
        )
        assert list(display.partitions) == mine["particion"].tolist()
        assert display.y_prob == pytest.approx(mine["risk"].to_numpy())
        events = X[X["user_uuid"] == one[0]]
        for column, days in (
            ("nombre_examen", display.exams),
            ("ass_name_sub", display.submissions),
        ):
            held = events.loc[events[column].notna(), "particion"].fillna(0)
            assert list(days) == sorted(held.unique())
    flagged = display.flagged_.get_data().values  # noqa: PD011 - of a StepPatch
    assert (~np.isnan(flagged) == (display.y_prob >= threshold)).all()
    assert display.threshold_line_.get_ydata()[0] == threshold


def test_trajectory_uses_the_model_s_threshold(model, table, one):
    X, _ = table
    for threshold in (0.25, None):
        display = TrajectoryDisplay.from_estimator(
            Thresholded(model, threshold), X, student=one[0]
        )
        assert display.threshold == (threshold or 0.5)


class OfText:
    """A model whose labels are text, the failing one first."""

    classes_ = np.array(["fail", "pass"])

    def __init__(self, model):
        self.model = model

    def predict_proba(self, X):
        return self.model.predict_proba(X)[:, ::-1]


def test_trajectory_needs_the_failing_label_of_text(model, table, one):
    with pytest.raises(ValueError, match="which one means failing"):
        TrajectoryDisplay.from_estimator(OfText(model), table[0], student=one[0])
    expected = TrajectoryDisplay.from_estimator(model, table[0], student=one[0])
    display = TrajectoryDisplay.from_estimator(
        OfText(model), table[0], student=one[0], fail_label="fail"
    )
    np.testing.assert_array_equal(display.y_prob, expected.y_prob)


def test_trajectory_reads_renamed_columns(table, one):
    X, y = table
    names = {"user_uuid": "student", "particion": "day", "nombre_examen": "exam"}
    renamed = X.rename(columns=names)
    model = make_risk_pipeline("lightgbm", columns=names).fit(renamed, y)
    display = TrajectoryDisplay.from_estimator(model, renamed, student=one[0])
    assert len(display.exams)
    with pytest.raises(TableError, match=r"lacks \['student', 'day'\]"):
        TrajectoryDisplay.from_estimator(model, X, student=one[0])


def test_trajectory_without_events_leaves_room_for_its_neighbours():
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for ax in axes:
        display = TrajectoryDisplay.from_predictions(
            *([0.1, 0.3], [0, 5]), exams=[], submissions=[], ax=ax
        )
        lanes = display.strip_ax_.get_yticklabels()
        assert [lane.get_text() for lane in lanes] == ["exams", "submissions"]
    figure.canvas.draw()
    assert all(ax.get_position().width > 0.3 for ax in axes)


def test_trajectory_shows_events_after_the_last_partition():
    display = TrajectoryDisplay.from_predictions([0.1, 0.3], [0, 5], exams=[9])
    assert display.ax_.get_xlim() == (-0.5, 9.5)


def test_trajectory_of_predictions_is_sorted_and_checked():
    display = TrajectoryDisplay.from_predictions([0.3, 0.1], [5, 0])
    assert list(display.partitions) == [0, 5]
    assert list(display.y_prob) == [0.1, 0.3]
    assert display.strip_ax_ is display.threshold_line_ is None
    with pytest.raises(
        ValueError, match=r"2 probabilities and 2 partitions, 1 of them"
    ):
        TrajectoryDisplay.from_predictions([0.3, 0.1], [5, 5])
    with pytest.raises(ValueError, match=r"2 probabilities and 1 partitions"):
        TrajectoryDisplay.from_predictions([0.3, 0.1], [5])


@pytest.mark.parametrize("cls", [ReasonsDisplay, TrajectoryDisplay])
def test_unknown_history_is_an_error_without_ids(cls, model, table, one):
    X, _ = table
    ids = {str(value) for key in KEYS[:2] for value in X[key].unique()}
    other = next(course for course in X["course_uuid"].unique() if course != one[1])
    for keys in ({"student": "nobody"}, {"student": one[0], "course": other}):
        with pytest.raises(ValueError, match=r"no history of this student") as error:
            cls.from_estimator(model, X, **keys)
        assert not [one_id for one_id in ids if one_id in str(error.value)]
        assert plt.get_fignums() == []


@pytest.mark.parametrize("cls", [ReasonsDisplay, TrajectoryDisplay])
def test_student_of_two_courses_needs_the_course(cls, model, table, one):
    X, _ = table
    twice = pd.concat([X, X[X["user_uuid"] == one[0]].assign(course_uuid="other")])
    twice = twice.reset_index(drop=True)
    with pytest.raises(
        ValueError, match=r"is in 2 courses of the table\. Pass course="
    ):
        cls.from_estimator(model, twice, student=one[0])
    assert cls.from_estimator(model, twice, student=one[0], course="other").ax_


def test_a_model_without_probabilities_is_an_error(model, table, one):
    X, _ = table

    class Silent:
        pipeline_ = model

    with pytest.raises(TypeError, match=r"needs predict_proba; Silent has none"):
        TrajectoryDisplay.from_estimator(Silent(), X, student=one[0])

    class Three(Silent):
        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)

    with pytest.raises(ValueError, match=r"needs the shape \(\d+, 2\).*\d+, 3\)"):
        TrajectoryDisplay.from_estimator(Three(), X, student=one[0])


def test_labels_that_differ_within_a_snapshot_are_an_error(model, table):
    X, y = table
    double = pd.concat([X, X.iloc[[0]]])
    labels = np.append(y.to_numpy(), 1 - y.iloc[0])
    for cls in (EarlinessDisplay, ReliabilityDisplay, ThresholdDisplay):
        with pytest.raises(EdmlError, match=r"course and a? ?partition"):
            cls.from_estimator(model, double, labels)
