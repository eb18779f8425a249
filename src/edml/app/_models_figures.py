"""The charts of the models page; each has an equivalent text."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from edml.app._models_curves import Curve
from edml.app._models_names import AXES, STAGES
from edml.app._models_scored import Points
from edml.app._palette import (
    BLUE,
    FLAGGED,
    GREEN,
    GREY,
    LAYOUT,
    NOT_FLAGGED,
    SKY,
    VERMILLION,
)
from edml.app._words import Words
from edml.metrics import LOSSES
from edml.schema import FloatArray

_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
_ROW = 30  # pixels of a bar
_LABEL = 26  # characters per line of a label, so that a phone has room for the bar
_BAND = "rgba(86, 180, 233, 0.3)"  # SKY
_LINES = {
    "precision": (BLUE, "solid"),
    "recall": (VERMILLION, "dash"),
    "f1": (GREEN, "dashdot"),
}


def label_version(row: Any, words: Words) -> str:
    """Return the number and stage of a version, with a star for the champion."""
    star = "★ " if row.champion else ""
    return f"{star}{row.version} · {words(STAGES[row.stage])}"


def draw_versions(versions: pd.DataFrame, metric: str, words: Words) -> Any:
    """Draw one metric of all versions as bars, the champion's hatched."""
    shown = versions[::-1]  # the first version at the top
    champion = shown["champion"].to_numpy(dtype=bool)
    values = shown[metric].to_numpy(dtype=np.float64)
    texts = [
        words.number(value, 3) if evaluated else words("not evaluated")
        for value, evaluated in zip(values, shown["evaluated"], strict=True)
    ]
    bars = go.Bar(
        x=np.nan_to_num(values),
        y=[label_version(row, words) for row in shown.itertuples()],
        orientation="h",
        text=texts,
        textposition="outside",
        cliponaxis=False,
        customdata=shown["algorithm"],
        hovertemplate="%{y}<br>%{customdata}<br>%{text}<extra></extra>",
        marker={
            "color": np.where(champion, VERMILLION, BLUE).tolist(),
            "pattern": {
                "shape": np.where(champion, "/", "").tolist(),
                "solidity": 0.25,
                "fillmode": "overlay",
                "fgcolor": "white",
            },
        },
    )
    most = max(1.0 if metric not in LOSSES else 0.0, float(np.nanmax([*values, 0.0])))
    return _finish(
        go.Figure(bars),
        words,
        height=110 + _ROW * len(shown),
        xaxis={"range": [0, 1.15 * most or 1.0]},  # with room for the number
        yaxis={"type": "category", "showgrid": False},
        bargap=0.25,
    )


def draw_thresholds(table: pd.DataFrame, at: float, own: float, words: Words) -> Any:
    """Draw precision, recall and F1 at each threshold."""
    drawn = go.Figure()
    for name, (color, dash) in _LINES.items():
        drawn.add_scatter(
            x=table["threshold"],
            y=table[name],
            mode="lines",
            name=words(AXES[name]),
            line={"color": color, "dash": dash, "width": 2.5, "shape": "vh"},
        )
    for threshold, dash in ((own, "dot"), (at, "dash")):
        if np.isfinite(threshold):
            drawn.add_vline(threshold, line={"color": GREY, "dash": dash, "width": 2})
    return _finish(
        drawn,
        words,
        xaxis={"title": words("threshold")},
        yaxis={"title": words("share"), "range": [0, 1.02]},
    )


def draw_curve(curve: Curve, words: Words) -> Any:
    """Draw a curve."""
    return _CURVES[curve.name](curve, words)


def _draw_roc(curve: Curve, words: Words) -> Any:
    drawn = _open_line(curve, "fpr", "tpr", words)
    _add_dotted(drawn, [0, 1], [0, 1], words("chance"))
    return _finish_shares(drawn, curve, "fpr", "tpr", words)


def _draw_precision_recall(curve: Curve, words: Words) -> Any:
    # precision is constant between two thresholds: steps, not slopes
    drawn = _open_line(curve, "recall", "precision", words, shape="hv")
    chance = curve.summary["chance"]
    _add_dotted(drawn, [0, 1], [chance, chance], words("chance"))
    return _finish_shares(drawn, curve, "recall", "precision", words)


def _draw_calibration(curve: Curve, words: Words) -> Any:
    table = curve.table
    given, found = table["mean_predicted"], table["share_positive"]
    drawn = go.Figure()
    most = float(np.nanmax([0.01, given.max(), table["high"].max(), found.max()]))
    _add_dotted(drawn, [0, most], [0, most], words("perfectly calibrated"))
    drawn.add_scatter(
        x=given,
        y=found,
        mode="lines+markers",
        name=words("model"),
        line={"color": BLUE},
        marker={"size": 8},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": (table["high"] - found).fillna(0),
            "arrayminus": (found - table["low"]).fillna(0),
            "color": SKY,
        },
    )
    return _finish(
        drawn,
        words,
        xaxis={"title": words("mean predicted probability"), "rangemode": "tozero"},
        yaxis={"title": words("share that fails"), "rangemode": "tozero"},
    )


def _draw_earliness(curve: Curve, words: Words) -> Any:
    table = curve.table
    day = table["particion"]
    drawn = go.Figure()
    if table["roc_auc_low"].notna().any():
        quiet: dict[str, Any] = {"mode": "lines", "line": {"width": 0}}
        drawn.add_scatter(x=day, y=table["roc_auc_low"], showlegend=False, **quiet)
        drawn.add_scatter(
            x=day,
            y=table["roc_auc_high"],
            fill="tonexty",
            fillcolor=_BAND,
            name=words("interval"),
            **quiet,
        )
    drawn.add_scatter(
        x=day,
        y=table["roc_auc"],
        mode="lines+markers",
        name=words("model"),
        line={"color": BLUE},
        marker={"size": 5},
    )
    ends = [day.min(), day.max()]
    _add_dotted(drawn, ends, [0.5, 0.5], words("chance"))
    return _finish(
        drawn,
        words,
        xaxis={"title": words("course day")},
        yaxis={"title": words("ROC AUC")},
    )


_CURVES = {
    "roc": _draw_roc,
    "precision_recall": _draw_precision_recall,
    "calibration": _draw_calibration,
    "earliness": _draw_earliness,
}


def draw_importance(names: Sequence[str], weights: FloatArray, words: Words) -> Any:
    """Draw the weights of features as bars, the heaviest at the top."""
    bars = go.Bar(
        x=weights[::-1],
        y=["<br>".join(wrap(name, _LABEL)) for name in names][::-1],
        orientation="h",
        marker={"color": BLUE},
        hovertemplate="%{y}<br>%{x:.4g}<extra></extra>",
    )
    return _finish(
        go.Figure(bars),
        words,
        height=90 + int(1.3 * _ROW) * len(names),
        xaxis={"title": words("Weight")},
        yaxis={"dtick": 1, "showgrid": False},
    )


def draw_points(
    points: Points, threshold: float, names: Mapping[str, str], words: Words
) -> Any:
    """Draw predictions over three features, flagged ones as diamonds."""
    known = points.table.dropna()
    drawn = go.Figure()
    highest = float(max(known["probability"].max(), threshold, 0.01))
    for flagged, symbol, edge in (
        (False, "circle", NOT_FLAGGED),
        (True, "diamond", FLAGGED),
    ):
        group = known[(known["probability"] >= threshold) == flagged]
        x, y, z = (group[name] for name in points.features)
        drawn.add_scatter3d(
            x=x,
            y=y,
            z=z,
            mode="markers",
            name=words("flagged") if flagged else words("not flagged"),
            marker={
                "symbol": symbol,
                "size": 5 if flagged else 4,
                "color": group["probability"],
                "cmin": 0,
                "cmax": highest,
                "colorscale": "Cividis",
                "showscale": flagged,
                "colorbar": {  # below the plot, where a phone has room
                    "title": {"text": words("Probability"), "side": "top"},
                    "orientation": "h",
                    "thickness": 12,
                    "y": -0.02,
                    "yanchor": "top",
                },
                "line": {"width": 1, "color": edge},
            },
            customdata=group["probability"],
            hovertemplate="%{customdata:.3f}<extra></extra>",
        )
    axes = {
        f"{axis}axis": {"title": {"text": "<br>".join(wrap(names[name], 18))}}
        for axis, name in zip("xyz", points.features, strict=True)
    }
    scene = {
        **axes,
        "aspectmode": "cube",
        "camera": {  # far enough that a phone shows the axes
            "eye": {"x": 1.7, "y": 1.7, "z": 0.9},
            "center": {"x": 0, "y": 0, "z": -0.15},
        },
    }
    # keep the view after the user has rotated it
    return _finish(drawn, words, 520, scene=scene, uirevision="kept")


def _open_line(
    curve: Curve, x: str, y: str, words: Words, shape: str = "linear"
) -> Any:
    drawn = go.Figure()
    drawn.add_scatter(
        x=curve.table[x],
        y=curve.table[y],
        mode="lines",
        name=words("model"),
        line={"color": BLUE, "width": 2.5, "shape": shape},
    )
    return drawn


def _add_dotted(drawn: Any, x: Sequence[float], y: Sequence[float], name: str) -> None:
    drawn.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": GREY, "dash": "dot"},
        hoverinfo="skip",
    )


def _finish_shares(drawn: Any, curve: Curve, x: str, y: str, words: Words) -> Any:
    drawn.add_scatter(
        x=[curve.summary[x]],
        y=[curve.summary[y]],
        mode="markers",
        name=words("its threshold"),
        marker={"symbol": "diamond", "size": 13, "color": VERMILLION},
    )
    ends = [-0.02, 1.02]
    return _finish(
        drawn,
        words,
        xaxis={"title": words(AXES[x]), "range": ends},
        yaxis={"title": words(AXES[y]), "range": ends},
    )


def _finish(drawn: Any, words: Words, height: int = 340, **layout: Any) -> Any:
    drawn.update_layout(LAYOUT, height=height, legend=_LEGEND)
    drawn.update_layout(separators=words.decimal + words.thousands, **layout)
    return drawn
