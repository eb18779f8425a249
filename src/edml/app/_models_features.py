"""What a version goes by, and where its predictions lie; kept between runs."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from edml.app._events_view import Events
from edml.app._models_figures import draw_importance, draw_points
from edml.app._models_scored import (
    Importance,
    Points,
    Scored,
    explained_rows,
    importance_of,
    own_importance,
    points_of,
    score_latest,
)
from edml.app._source import Source
from edml.app._words import Words
from edml.explanation import feature_name
from edml.registry import ModelRecord


class Basis(NamedTuple):
    """What a version goes by.

    Attributes
    ----------
    importance : Importance or None
        None of a model that tells none.
    points : Points or None
        None where there are no three features, or no table.
    """

    importance: Importance | None
    points: Points | None


def score_events(
    source: Source, record: ModelRecord, events: Events, words: Words
) -> Scored:
    """Score a table by a version, once.

    Parameters
    ----------
    source : Source
        Where the model is.
    record : ModelRecord
        Of the version.
    events : Events
        The app's table.
    words : Words
        The language.

    Returns
    -------
    scored : Scored
        Each student and course, at the latest day.
    """
    with st.spinner(words("m_scoring", version=record.version), show_time=True):
        return _score(_identity(record), events.fingerprint, source, record, events)


def show_importance(
    source: Source, record: ModelRecord, events: Events | None, words: Words
) -> None:
    """Show the heaviest features, and predictions over three of them.

    Parameters
    ----------
    source : Source
        Where the model is.
    record : ModelRecord
        Of the version.
    events : Events or None
        The app's table.
    words : Words
        The language.
    """
    with st.spinner(words("m_explaining"), show_time=True):
        fingerprint = None if events is None else events.fingerprint
        basis = _find(_identity(record), fingerprint, source, record, events)
    importance = basis.importance
    if importance is None:
        st.caption(words("m_importance_none"))
        return
    _show_weights(importance, words)
    st.subheader(words("m_points"))
    if basis.points is None or not len(basis.points.table.dropna()):
        st.caption(words("m_points_none"))
        return
    _show_points(basis.points, record.threshold, words)


# One model's file is one model, whatever registry it is in.
def _identity(record: ModelRecord) -> str:
    return str(sorted((name, file["sha256"]) for name, file in record.files.items()))


@st.cache_resource(max_entries=8, show_spinner=False)
def _score(
    identity: str,
    fingerprint: str,
    _source: Source,
    _record: ModelRecord,
    _events: Events,
) -> Scored:
    courses = _events.of_histories["course"].to_numpy()[_events.histories]
    model = _source.load(_record.version)
    return score_latest(model, _events.X, courses)


@st.cache_resource(max_entries=8, show_spinner=False)
def _find(
    identity: str,
    fingerprint: str | None,
    _source: Source,
    _record: ModelRecord,
    _events: Events | None,
) -> Basis:
    model = _source.load(_record.version)
    if _events is None:
        return Basis(own_importance(model), None)
    scored = _score(identity, str(fingerprint), _source, _record, _events)
    rows = explained_rows(_record)
    importance = importance_of(model, _events.X, scored.rows, rows)
    return Basis(importance, points_of(model, _events.X, scored, importance))


def _show_weights(importance: Importance, words: Words) -> None:
    features = importance.table["feature"].tolist()
    weights = importance.table["weight"].to_numpy(dtype=np.float64)
    names = [feature_name(name, words.language) for name in features]
    st.plotly_chart(draw_importance(names, weights, words), key="models_importance")
    told: dict[str, Any] = {
        "n": words.number(len(names)),
        "n_features": words.number(importance.n_features),
        "first": names[0] if names else words("m_nobody"),
    }
    if importance.n_rows:
        scale = words(f"m_scale_{importance.scale}")
        n_rows = words.number(importance.n_rows)
        st.caption(words("m_importance_caption", scale=scale, n_rows=n_rows, **told))
    else:
        st.caption(words("m_importance_own", **told))
    with st.expander(words("m_as_table")):
        table = pd.DataFrame(
            {
                words("m_feature"): names,
                words("m_column"): features,
                words("m_weight"): weights,
            }
        )
        st.container(key="models_importance_table").dataframe(table, hide_index=True)


def _show_points(points: Points, threshold: float, words: Words) -> None:
    names = {name: feature_name(name, words.language) for name in points.features}
    figure = draw_points(points, threshold, names, words)
    st.plotly_chart(figure, key="models_points")
    known = points.table.dropna()
    flagged = known["probability"] >= threshold
    text = words(
        "m_points_caption",
        n=words.number(len(known)),
        n_all=words.number(points.n_all),
        flagged=words.number(int(flagged.sum())),
        means_flagged=_say_means(known[flagged], names, words),
        means_others=_say_means(known[~flagged], names, words),
    )
    n_missing = len(points.table) - len(known)
    if n_missing:
        text += " " + words("m_points_missing", n=words.number(n_missing))
    st.caption(text)
    with st.expander(words("m_as_table")):
        groups = {words("m_flagged"): flagged, words("m_not_flagged"): ~flagged}
        rows = [
            {
                words("m_group"): name,
                words("m_count"): int(chosen.sum()),
                **{
                    words("m_mean_of", feature=names[one]): known.loc[
                        chosen, one
                    ].mean()
                    for one in points.features
                },
            }
            for name, chosen in groups.items()
        ]
        table = pd.DataFrame(rows)
        st.container(key="models_points_table").dataframe(table, hide_index=True)


def _say_means(group: pd.DataFrame, names: dict[str, str], words: Words) -> str:
    return ", ".join(
        words("m_points_mean", value=words.number(group[one].mean(), 1), feature=name)
        for one, name in names.items()
    )
