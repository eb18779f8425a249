"""Charts match their texts, and none relies only on colour."""

import numpy as np
import pandas as pd
import pytest

from edml.app._models_curves import make_curves
from edml.app._models_figures import (
    draw_curve,
    draw_found,
    draw_importance,
    draw_points,
    draw_versions,
)
from edml.app._models_names import METRICS
from edml.app._models_scored import importance_of, points_of, score_latest
from edml.app._models_view import list_versions
from edml.app._words import Words
from edml.explanation import LANGUAGES
from evaluated_models import evaluation_of, make_evaluated_registry, model, running

ENGLISH = Words("en")


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    registry = make_evaluated_registry(tmp_path_factory.mktemp("registry"))
    return list_versions(registry.records())


@pytest.mark.parametrize("figure", METRICS)
def test_bars_are_the_figures_and_the_champion_is_hatched_and_starred(versions, figure):
    (bars,) = draw_versions(versions, figure, ENGLISH).data
    # from the bottom up: 2, 3 (not evaluated), and the champion
    assert bars.x[[0, 2]].tolist() == versions[figure].iloc[[2, 0]].tolist()
    assert bars.y[1] == "3 · development<br>not evaluated"
    assert list(bars.marker.pattern.shape) == ["", "", "/"]
    low, high = evaluation_of().intervals[figure]
    value = evaluation_of().metrics[figure]
    assert bars.error_x.array[2] == pytest.approx(high - value)
    assert bars.error_x.arrayminus[2] == pytest.approx(value - low)
    said = f"{ENGLISH.number(value, 3)} {ENGLISH.interval(low, high, 3)}"
    assert bars.y[2] == f"★ 1 · production<br>{said}"


def test_bars_of_a_version_that_an_earlier_edml_evaluated(versions):
    early = versions.assign(intervals=None)
    (bars,) = draw_versions(early, "roc_auc", ENGLISH).data
    assert set(bars.error_x.array) == {0}
    assert bars.y[2].endswith(f"{evaluation_of().metrics['roc_auc']:.3f}")


def test_bars_of_a_registry_without_evaluations(versions):
    unjudged = versions[~versions["evaluated"]]
    for figure in METRICS:
        (bars,) = draw_versions(unjudged, figure, ENGLISH).data
        assert list(bars.y) == ["3 · development<br>not evaluated"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_curve_is_drawn_with_numbers_as_its_readers_write_them(language):
    for name, curve in make_curves(evaluation_of()).items():
        figure = draw_curve({"one": curve}, Words(language))
        assert figure.layout.separators == {"en": ".,", "es": ",."}[language]
        named = [one.name for one in figure.data if one.showlegend is not False]
        assert len(named) == len(set(named)), name
        (line,) = [one for one in figure.data if one.name == named[0]][:1]
        assert len(line.x) > 1


def test_the_line_is_the_stored_curve_and_the_diamond_the_threshold():
    curve = make_curves(evaluation_of())["roc"]
    line, _, own = draw_curve({"one": curve}, ENGLISH).data
    assert np.array_equal(line.y, evaluation_of().curves["roc"]["tpr"])
    assert own.y[0] == pytest.approx(evaluation_of().metrics["recall"])
    assert own.marker.symbol == "diamond"


def test_two_versions_differ_in_their_dashes():
    one, other = (
        make_curves(evaluation_of(name)) for name in ("lightgbm", "random_forest")
    )
    for name in ("roc", "precision_recall", "calibration", "earliness"):
        pair = {"version 1": one[name], "version 2": other[name]}
        figure = draw_curve(pair, ENGLISH)
        lines = {
            line.name: line.line.dash
            for line in figure.data
            if line.name in pair and line.showlegend is not False
        }
        assert lines == {"version 1": "solid", "version 2": "dash"}, name


def test_lines_of_the_thresholds_differ_in_their_dashes():
    curve = make_curves(evaluation_of())["thresholds"]
    figure = draw_curve({"one": curve}, ENGLISH)
    assert len({one.line.dash for one in figure.data}) == 3
    (own,) = figure.layout.shapes
    assert own.x0 == evaluation_of().threshold


def test_the_share_found_has_its_interval_and_the_diamond_the_choice():
    table = pd.DataFrame(
        {
            "per_course": [1, 2, 3],
            "share_found": [0.2, 0.5, 1.0],
            "low": [0.1, 0.3, 0.8],
            "high": [0.3, 0.7, 1.0],
            "by_lot": [0.1, 0.2, 0.3],
        }
    )
    low, high, line, lots, own = draw_found({"version 1": table}, 2, ENGLISH).data
    assert line.name == "version 1"
    assert [list(one.y) for one in (low, high, line, lots)] == [
        table[name].tolist() for name in ("low", "high", "share_found", "by_lot")
    ]
    assert (own.x[0], own.y[0], own.marker.symbol) == (2, 0.5, "diamond")


def test_the_heaviest_feature_is_at_the_top():
    (bars,) = draw_importance(["heavy", "light"], np.array([2.0, 1.0]), ENGLISH).data
    assert list(bars.y) == ["light", "heavy"]
    assert bars.x.tolist() == [1.0, 2.0]


def test_flagged_points_are_diamonds_and_others_circles():
    scored = score_latest(model(), running())
    found = importance_of(model(), running(), scored.rows, 20)
    points = points_of(model(), running(), scored, found)
    threshold = float(np.median(scored.probability))
    names = {name: name for name in points.features}
    others, flagged = draw_points(points, threshold, names, ENGLISH).data
    known = points.table.dropna()
    assert (others.marker.symbol, flagged.marker.symbol) == ("circle", "diamond")
    assert len(flagged.x) == int((known["probability"] >= threshold).sum()) > 0
    assert len(others.x) + len(flagged.x) == len(known)
    assert min(flagged.customdata) >= threshold > max(others.customdata)
