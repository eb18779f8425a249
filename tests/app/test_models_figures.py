"""Charts match their texts, and none relies only on colour."""

import numpy as np
import pytest

from edml.app._models_curves import make_curves
from edml.app._models_figures import (
    draw_curve,
    draw_importance,
    draw_points,
    draw_thresholds,
    draw_versions,
)
from edml.app._models_names import METRICS
from edml.app._models_scored import importance_of, points_of, score_latest
from edml.app._models_thresholds import threshold_table
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
    assert bars.text[1] == "not evaluated"
    assert list(bars.marker.pattern.shape) == ["", "", "/"]
    assert bars.y[2] == "★ 1 · production"


def test_bars_of_a_registry_without_evaluations(versions):
    unjudged = versions[~versions["evaluated"]]
    for figure in METRICS:
        (bars,) = draw_versions(unjudged, figure, ENGLISH).data
        assert bars.text == ("not evaluated",)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_curve_is_drawn_with_numbers_as_its_readers_write_them(language):
    for name, curve in make_curves(evaluation_of()).items():
        figure = draw_curve(curve, Words(language))
        assert figure.layout.separators == {"en": ".,", "es": ",."}[language]
        named = [one.name for one in figure.data if one.showlegend is not False]
        assert len(named) == len(set(named)), name
        (line,) = [one for one in figure.data if one.name == named[0]][:1]
        assert len(line.x) > 1


def test_the_line_is_the_stored_curve_and_the_diamond_the_threshold():
    curve = make_curves(evaluation_of())["roc"]
    line, _, own = draw_curve(curve, ENGLISH).data
    assert np.array_equal(line.y, evaluation_of().curves["roc"]["tpr"])
    assert own.y[0] == pytest.approx(evaluation_of().metrics["recall"])
    assert own.marker.symbol == "diamond"


def test_lines_of_the_thresholds_differ_in_their_dashes():
    table = threshold_table(evaluation_of())
    own = evaluation_of().threshold
    at = table["threshold"].iloc[20]
    figure = draw_thresholds(table, at, own, ENGLISH)
    assert len({one.line.dash for one in figure.data}) == 3
    slider, mine = (shape.x0 for shape in reversed(figure.layout.shapes))
    assert slider == at
    assert mine == own


def test_model_that_flags_nobody_has_no_threshold_line():
    table = threshold_table(evaluation_of())
    at = table["threshold"].iloc[20]
    figure = draw_thresholds(table, at, np.inf, ENGLISH)
    assert len(figure.layout.shapes) == 1


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
