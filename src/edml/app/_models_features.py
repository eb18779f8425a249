"""The importances and predictions of a version, cached between runs."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._events_view import Events
from edml.app._models_figures import draw_importance, draw_points
from edml.app._models_names import SCALES
from edml.app._models_scored import (
    Importance,
    Points,
    explained_rows,
    importance_of,
    points_of,
    score_latest,
    stored_importance,
)
from edml.app._models_sections import show_numbers
from edml.app._source import RegistrySource
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.explanation import feature_name
from edml.registry import ModelRecord

_DRAWN = "models_points_drawn"


@st.fragment
def show(
    source: RegistrySource, record: ModelRecord, events: Events | None, words: Words
) -> None:
    """Show the most important features of a version."""
    with _state.guarded(words, "models_try_again_features"):
        st.header(words("What version {version} relies on", version=record.version))
        try:
            _show_importance(source, record, events, words)
        except EdmlError as error:
            reason = _state.say(error, words)
            text = words(
                "The contributions could not be computed. {reason}", reason=reason
            )
            st.warning(text)


def _show_importance(
    source: RegistrySource, record: ModelRecord, events: Events | None, words: Words
) -> None:
    """Show the heaviest features, and predictions over three of them."""
    with st.spinner(words("Computing what the model relies on …"), show_time=True):
        fingerprint = None if events is None else events.fingerprint
        key = record.model_hash, record.version, fingerprint
        importance, points = _find(key, source, record, events)
    if importance is None:
        text = words(
            "Without a table of events, this model cannot show which features weigh "
            "most. Start the app with --data."
        )
        st.caption(text)
        return
    _show_weights(importance, words)
    drawable = points is not None and len(points.table.dropna()) > 0
    drawn = drawable and st.session_state.get(_DRAWN, False)
    if not drawn:
        st.button(
            words("Draw the predictions in three dimensions"),
            key="models_draw_points",
            icon=":material/view_in_ar:",
            disabled=not drawable,
            on_click=st.session_state.update,
            kwargs={_DRAWN: True},
        )
    if points is None or not drawable:
        text = words(
            "Predictions cannot be drawn: there are not three features with known "
            "names, or there is no table."
        )
        st.caption(text)
    elif drawn:
        st.subheader(words("Predictions over the three heaviest features"))
        _show_points(points, record.threshold, words)


@st.cache_resource(max_entries=8, show_spinner=False)
def _find(
    key: tuple[object, ...],
    _source: RegistrySource,
    _record: ModelRecord,
    _events: Events | None,
) -> tuple[Importance | None, Points | None]:
    """Return what can be computed of a version's importances."""
    model = _source.load(_record.version)
    if _events is None:
        return stored_importance(model), None
    scored = score_latest(model, _events.X)
    rows = explained_rows(_record)
    importance = importance_of(model, _events.X, scored.rows, rows)
    return importance, points_of(model, _events.X, scored, importance)


def _show_weights(importance: Importance, words: Words) -> None:
    features = importance.table["feature"].tolist()
    weights = importance.table["weight"].to_numpy(dtype=np.float64)
    names = [feature_name(name, words.language) for name in features]
    st.plotly_chart(draw_importance(names, weights, words), key="models_importance")
    values: dict[str, Any] = {
        "n": words.number(len(names)),
        "n_features": words.number(importance.n_features),
        "first": names[0] if names else words("none"),
    }
    if importance.n_rows:
        text = words(
            "The {n} of {n_features} features that weigh most: the mean absolute "
            "contribution to the score before calibration, on {n_rows} students of the "
            "app's table ({scale}). The heaviest is: {first}. Contributions show what "
            "the model relies on, not what makes students fail.",
            scale=words(SCALES[importance.scale]),
            n_rows=words.number(importance.n_rows),
            **values,
        )
    else:
        text = words(
            "The {n} of {n_features} features that the model's trees use most, by "
            "their own count, as shares of the total. The heaviest is: {first}. They "
            "show what the model relies on, not what makes students fail. With a table "
            "(--data), contributions to the scores are shown instead.",
            **values,
        )
    st.caption(text)
    with st.expander(words("The same as a table")):
        table = pd.DataFrame(
            {
                words("Feature"): names,
                words("Name in the library"): features,
                words("Weight"): weights,
            }
        )
        show_numbers(table, "models_importance_table", words)


def _show_points(points: Points, threshold: float, words: Words) -> None:
    names = {name: feature_name(name, words.language) for name in points.features}
    figure = draw_points(points, threshold, names, words)
    st.plotly_chart(figure, key="models_points")
    known = points.table.dropna()
    flagged = known["probability"] >= threshold
    text = words(
        "Each mark is a student of the app's table in a course, at the latest day:"
        " {n} of {n_all}. Diamonds are flagged ({flagged}), circles are not. The "
        "flagged average {means_flagged}; the others {means_others}.",
        n=words.number(len(known)),
        n_all=words.number(points.n_all),
        flagged=words.number(int(flagged.sum())),
        means_flagged=_say_means(known[flagged], names, words),
        means_others=_say_means(known[~flagged], names, words),
    )
    n_missing = len(points.table) - len(known)
    if n_missing:
        text += " " + words.ngettext(
            "{n} student is not drawn because one of the three is not known yet.",
            "{n} students are not drawn because one of the three is not known yet.",
            n_missing,
        )
    st.caption(text)
    with st.expander(words("The same as a table")):
        groups = known[flagged], known[~flagged]
        table = pd.DataFrame(
            {
                words("Group"): [words("flagged"), words("not flagged")],
                words("Count"): [len(group) for group in groups],
                **{
                    words("mean of: {feature}", feature=name): [
                        group[one].mean() for group in groups
                    ]
                    for one, name in names.items()
                },
            }
        )
        show_numbers(table, "models_points_table", words)


def _say_means(group: pd.DataFrame, names: dict[str, str], words: Words) -> str:
    return ", ".join(
        f"{words.number(group[one].mean(), 1)} ({name})" for one, name in names.items()
    )
