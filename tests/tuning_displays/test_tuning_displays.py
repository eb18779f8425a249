import importlib
import inspect

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from skopt.space import Categorical

from edml.exceptions import MissingExtraError
from edml.tuning import ConvergenceDisplay, ModelTuner, ParameterImportanceDisplay

DISPLAYS = (ConvergenceDisplay, ParameterImportanceDisplay)
SEARCH = {
    "score": [0.4, np.nan, 0.5, 0.45, np.nan, 0.6],
    "algorithm": ["a", "b", "a", "b", "a", "b"],
    "status": ["evaluated", "stopped", "evaluated", "evaluated", "failed", "evaluated"],
    "seconds": [1.0, 1.5, 2.5, 4.0, 4.5, 7.0],
}


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tuner():
    """Return a search over two algorithms, one of which fails."""
    X, y = make_classification(300, flip_y=0.3, random_state=0)
    space = {"C": (1e-4, 100.0, "log-uniform")}
    logistic = ("logistic", LogisticRegression(), space)
    solvers = Categorical(["none such", "nor this", "nor that"])
    failing = ("failing", LogisticRegression(), {"solver": solvers})
    with pytest.warns(UserWarning, match="candidates failed"):
        return ModelTuner(
            [failing, logistic], n_iter=24, n_candidates=1, random_state=0
        ).fit(X, y)


def draw(cls, ax=None):
    """Draw any display from arrays."""
    if cls is ConvergenceDisplay:
        return ConvergenceDisplay(**SEARCH, scoring="roc_auc").plot(ax)
    return ParameterImportanceDisplay(
        [0.1, -0.1, 0.6], ["a", "b", "c"], algorithm="x", n_candidates=9, r2=0.5
    ).plot(ax)


def make_tuner(score, params, *, algorithms=("lightgbm",), status=None):
    """Return a tuner with a made-up history."""
    found = ModelTuner(algorithms)
    names = [point.get("algorithm", "lightgbm") for point in params]
    found.history_ = pd.DataFrame(
        {
            "algorithm": names,
            "status": status or ["evaluated"] * len(score),
            "score": score,
            "started": np.arange(len(score)),
            "wall_time": 0.5,
            "params": params,
        }
    )
    found.best_params_ = {**params[0], "algorithm": names[0]}
    return found


each_display = pytest.mark.parametrize("cls", DISPLAYS)


# -- what both displays do -----------------------------------------------------


@each_display
def test_plot_draws_only_on_the_given_axes(cls):
    other = plt.figure()
    before = other.get_children()
    figure = Figure(layout="constrained")
    ax, second = figure.subplots(1, 2)
    display = draw(cls, ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert not second.has_data()
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
def test_array_of_axes_raises(cls):
    with pytest.raises(TypeError, match=r"ax takes one matplotlib Axes, found ndarray"):
        draw(cls, Figure().subplots(2))


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
def test_names_are_not_read_as_formulas(cls):
    name = "$x^$"  # which matplotlib cannot read as one
    if cls is ConvergenceDisplay:
        display = cls([0.1, 0.2], [name, "_hidden"]).plot()
        labels = [t.get_text() for t in display.ax_.get_legend().get_texts()]
        assert len(labels) == 3
    else:
        display = cls([0.1], [name], algorithm=name, n_candidates=9).plot()
    display.figure_.canvas.draw()


@each_display
def test_without_matplotlib(cls, monkeypatch):
    def refuse(name, *args):
        raise ModuleNotFoundError(name, name="matplotlib")

    monkeypatch.setattr(importlib, "import_module", refuse)
    says = r"Plotting needs matplotlib\. Run: pip install 'edml\[plot\]'"
    with pytest.raises(MissingExtraError, match=says):
        draw(cls)
    with pytest.raises(MissingExtraError, match=says):
        cls.from_tuner(None)  # before anything is computed


@each_display
def test_unfitted_tuner_raises(cls):
    with pytest.raises(NotFittedError, match="ModelTuner instance is not fitted"):
        cls.from_tuner(ModelTuner())


# -- ConvergenceDisplay --------------------------------------------------------


def test_every_candidate_of_a_search_is_drawn_once(tuner):
    history = tuner.history_
    assert {"evaluated", "failed"} <= set(history["status"])
    display = ConvergenceDisplay.from_tuner(tuner)
    place = history["started"] + history["wall_time"]
    drawn = {}
    for name, line in display.points_.items():
        for at, height in zip(*line.get_data(), strict=True):
            drawn[at] = (name, "evaluated", height)
    for line in display.strip_ax_.lines:
        lanes = [text.get_text() for text in display.strip_ax_.get_yticklabels()]
        for at, height in zip(*line.get_data(), strict=True):
            drawn[at] = (line.get_marker(), lanes[int(height)].split()[0], None)
    markers = {line.get_marker(): name for name, line in display.points_.items()}
    assert len(drawn) == len(history)
    for at, row in zip(place, history.itertuples(), strict=True):
        name, status, score = drawn[at]
        assert markers.get(name, name) == row.algorithm
        assert status == row.status
        assert score is None or score == row.score


def test_label_distinguishes_score_from_performance(tuner):
    label = ConvergenceDisplay.from_tuner(tuner).ax_.get_ylabel()
    assert "score in the search: average_precision" in label
    assert "(not the model's performance)" in label
    tuner.scoring, kept = (lambda *_: 0.0), tuner.scoring
    label = ConvergenceDisplay.from_tuner(tuner).ax_.get_ylabel()
    tuner.scoring = kept
    assert label == "score in the search\n(not the model's performance)"


def test_best_so_far_is_that_of_the_history(tuner):
    display = ConvergenceDisplay.from_tuner(tuner)
    np.testing.assert_array_equal(
        display.best_line_.get_ydata(), tuner.history_["best_score"]
    )
    best = tuner.history_.loc[tuner.best_index_]
    assert display.best_point_.get_xdata() == [best["started"] + best["wall_time"]]
    assert display.best_point_.get_ydata() == [tuner.best_score_]


def test_mark_is_at_the_chosen_or_highest_candidate():
    for chosen, marked in ((0, 0), (None, 2)):
        display = ConvergenceDisplay([0.4, 0.3, 0.5], list("aab"), chosen=chosen).plot()
        assert display.best_point_.get_xdata() == [marked]
        assert display.best_point_.get_ydata() == [[0.4, 0.3, 0.5][marked]]


@pytest.mark.parametrize("chosen", [-1, 1, 3])
def test_candidate_without_score_cannot_be_chosen(chosen):
    display = ConvergenceDisplay([0.4, np.nan, 0.5], list("aab"), chosen=chosen)
    with pytest.raises(ValueError, match=f"chosen={chosen} is no candidate"):
        display.plot()


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.floats(-1, 1),
            st.sampled_from("abc"),
            st.sampled_from(["evaluated", "x"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_best_so_far_of_any_search(candidates):
    score, algorithm, status = map(list, zip(*candidates, strict=True))
    display = ConvergenceDisplay(score, algorithm, status).plot(Figure().subplots())
    best = np.nan
    for number, (value, _, state) in enumerate(candidates):
        if state == "evaluated":
            best = value if np.isnan(best) else max(best, value)
        drawn = display.best_line_.get_ydata()[number]
        assert drawn == best or (np.isnan(drawn) and np.isnan(best))
    assert (display.best_point_ is None) == np.isnan(best)


def test_lanes_count_those_without_a_score():
    display = ConvergenceDisplay(**SEARCH).plot()
    labels = [text.get_text() for text in display.strip_ax_.get_yticklabels()]
    assert labels == ["stopped 1", "failed 1"]
    scored = {**SEARCH, "score": np.arange(6.0), "status": None}
    assert ConvergenceDisplay(**scored).plot().strip_ax_ is None


def test_without_status_those_without_a_score_have_failed():
    display = ConvergenceDisplay([0.1, np.nan], ["a", "a"]).plot()
    labels = [text.get_text() for text in display.strip_ax_.get_yticklabels()]
    assert labels == ["failed 1"]
    assert display.ax_.get_xlabel() == "candidate (row of history_)"


def test_many_algorithms_differ_in_colour_or_marker():
    names = [f"algorithm {number}" for number in range(20)]
    display = ConvergenceDisplay(np.arange(20.0), names).plot()
    looks = {(p.get_color(), p.get_marker()) for p in display.points_.values()}
    assert len(looks) == 20


def test_unreadable_searches_raise():
    with pytest.raises(ValueError, match=r"their lengths are \[2, 1, 2, 2\]"):
        ConvergenceDisplay([0.1, 0.2], ["a"]).plot()


# -- ParameterImportanceDisplay -------------------------------------------------


def some_params(n, seed=0):
    """Return points of three parameters, a choice and a constant."""
    rng = np.random.RandomState(seed)
    return [
        {
            "algorithm": "lightgbm",
            "classify__learning_rate": float(rng.uniform(0.01, 0.3)),
            "classify__num_leaves": int(rng.randint(3, 90)),
            "balance": [None, "smote", "over"][rng.randint(3)],
            "classify__constant": 1,
            "classify__n_estimators": int(rng.randint(20, 600)),
        }
        for _ in range(n)
    ]


def shown(display):
    """Return what the bars show, from the top down."""
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    widths = [bar.get_width() for bar in display.bars_]
    return dict(zip(labels, widths, strict=True))


@pytest.mark.parametrize(
    ("decides", "effect"),
    [
        ("learning_rate", lambda point: point["classify__learning_rate"]),
        ("num_leaves", lambda point: -point["classify__num_leaves"] / 100),
        ("balance", lambda point: 0.3 * (point["balance"] is None)),
    ],
)
def test_most_important_parameter_comes_first(decides, effect):
    params = some_params(80)
    score = [0.5 + effect(point) for point in params]
    display = ParameterImportanceDisplay.from_tuner(make_tuner(score, params))
    bars = shown(display)
    assert list(bars) == sorted(bars, key=bars.get, reverse=True)
    assert next(iter(bars)) == decides
    assert set(bars) == {"learning_rate", "num_leaves", "balance", "n_estimators"}
    others = [width for name, width in bars.items() if name != decides]
    assert bars[decides] > 10 * max(map(abs, others))
    assert display.r2 > 0.8
    assert "few" not in display.note_
    assert "parameters of 80 candidates of lightgbm" in display.ax_.get_title("left")


def test_note_warns_about_random_scores():
    params = some_params(60)
    score = np.random.RandomState(1).uniform(size=60)
    display = ParameterImportanceDisplay.from_tuner(make_tuner(score, params))
    assert display.r2 < 0.2
    assert "read nothing into the order" in display.note_


def test_note_warns_about_few_candidates():
    params = some_params(20)
    score = [point["classify__learning_rate"] for point in params]
    display = ParameterImportanceDisplay.from_tuner(make_tuner(score, params))
    assert display.r2 > 0.2
    assert "few candidates: the order is uncertain" in display.note_


def test_scale_and_sign_of_the_score_do_not_matter():
    params = some_params(40)
    score = np.array([point["classify__num_leaves"] for point in params])
    one = ParameterImportanceDisplay.from_tuner(make_tuner(score, params))
    other = ParameterImportanceDisplay.from_tuner(make_tuner(-8.0 * score, params))
    assert shown(one) == pytest.approx(shown(other))


def test_the_same_seed_gives_the_same_bars(tuner):
    one, other, third = (
        ParameterImportanceDisplay.from_tuner(
            tuner, algorithm="logistic", random_state=seed
        )
        for seed in (3, 3, 4)
    )
    assert shown(one) == shown(other)
    assert shown(one) != shown(third)


def test_candidates_without_a_score_and_of_others_are_left_out():
    params = [*some_params(30), *some_params(10, seed=1), *some_params(9, seed=2)]
    for point in params[30:40]:
        point["algorithm"] = "xgboost"
    score = [point["classify__num_leaves"] for point in params[:40]] + [np.nan] * 9
    status = ["evaluated"] * 40 + ["stopped"] * 9
    tuner = make_tuner(score, params, algorithms=("lightgbm", "xgboost"), status=status)
    single = make_tuner(score[:30], params[:30])
    display = ParameterImportanceDisplay.from_tuner(tuner)
    assert display.n_candidates == 30
    assert shown(display) == shown(ParameterImportanceDisplay.from_tuner(single))
    assert (
        ParameterImportanceDisplay.from_tuner(tuner, algorithm="xgboost").n_candidates
        == 10
    )


def test_number_of_trees_is_a_parameter_where_a_user_searches_it():
    params = some_params(30)
    score = [point["classify__n_estimators"] for point in params]
    own = make_tuner(score, params, algorithms=[("lightgbm", None, {})])
    assert next(iter(shown(ParameterImportanceDisplay.from_tuner(own)))) == (
        "n_estimators"
    )


def test_values_of_any_kind_are_read():
    rng = np.random.RandomState(0)
    choices = {"a": [None, 3, "auto"], "b": [True, False], "c": [{0: 1}, [1, 2], (3,)]}
    params = [
        {name: values[rng.randint(len(values))] for name, values in choices.items()}
        for _ in range(30)
    ]
    score = [float(point["c"] == [1, 2]) for point in params]
    bars = shown(ParameterImportanceDisplay.from_tuner(make_tuner(score, params)))
    assert set(bars) == {"a", "b", "c"}
    assert next(iter(bars)) == "c"


def test_the_best_algorithm_is_the_default(tuner):
    display = ParameterImportanceDisplay.from_tuner(tuner)
    assert display.algorithm == tuner.best_params_["algorithm"] == "logistic"
    history = tuner.history_
    scored = (history["algorithm"] == "logistic") & history["score"].notna()
    assert display.n_candidates == scored.sum()
    assert set(shown(display)) == {"C"}


def test_n_parameters_limits_the_bars():
    display = ParameterImportanceDisplay([0.1, 0.3, 0.2], ["a", "b", "c"])
    assert list(shown(display.plot(n_parameters=2))) == ["b", "c"]
    assert display.note_ == ""


def test_searches_that_cannot_be_ranked_raise():
    params = some_params(30)
    score = [point["classify__num_leaves"] for point in params]
    full = make_tuner(score, params)
    draw_from = ParameterImportanceDisplay.from_tuner
    with pytest.raises(ValueError, match=r"'lightgbm' needs at least 8 .* found 7"):
        draw_from(make_tuner(score[:7], params[:7]))
    with pytest.raises(ValueError, match=r"algorithm='xgb' was not searched; pass one"):
        draw_from(full, algorithm="xgb")
    with pytest.raises(ValueError, match=r"do not differ in their scores"):
        draw_from(make_tuner([0.5] * 30, params))
    with pytest.raises(ValueError, match=r"do not differ in their parameters"):
        draw_from(make_tuner(score, [{"a": 1}] * 30))
    with pytest.raises(ValueError, match=r"shape is \(1,\), and there are 2"):
        ParameterImportanceDisplay([0.1], ["a", "b"]).plot()
    with pytest.raises(ValueError, match="n_parameters == 0"):
        draw_from(full, n_parameters=0)
