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
from edml.app._models_view import read_interval
from edml.app._palette import (
    BLUE,
    FLAGGED,
    GREEN,
    GREY,
    LAYOUT,
    NOT_FLAGGED,
    PURPLE,
    VERMILLION,
)
from edml.app._words import Words
from edml.metrics import LOSSES
from edml.schema import FloatArray

_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
_ROW = 30  # pixels of a bar
_LABEL = 26  # characters per line of a label, so that a phone has room for the bar
_VERSIONS = ((BLUE, "solid"), (VERMILLION, "dash"))
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
    ends = np.array(
        [read_interval(one, metric) for one in shown["intervals"]], dtype=np.float64
    )
    texts = [
        f"{words.number(value, 3)} {words.interval(low, high, 3)}".rstrip()
        if evaluated
        else words("not evaluated")
        for value, evaluated, (low, high) in zip(
            values, shown["evaluated"], ends, strict=True
        )
    ]
    labels = [label_version(row, words) for row in shown.itertuples()]
    bars = go.Bar(
        x=np.nan_to_num(values),
        y=[f"{label}<br>{text}" for label, text in zip(labels, texts, strict=True)],
        orientation="h",
        error_x={
            "type": "data",
            "symmetric": False,
            "array": np.nan_to_num(ends[:, 1] - values),
            "arrayminus": np.nan_to_num(values - ends[:, 0]),
            "color": GREY,
            "thickness": 2,
            "width": 6,
        },
        customdata=shown["algorithm"],
        hovertemplate="%{y}<br>%{customdata}<extra></extra>",
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
    highest = float(np.nanmax([*values, *ends[:, 1], 0.0]))
    most = max(1.0 if metric not in LOSSES else 0.0, highest)
    return _finish(
        go.Figure(bars),
        words,
        height=90 + int(1.5 * _ROW) * len(shown),
        xaxis={"range": [0, 1.02 * most or 1.0]},
        yaxis={"type": "category", "showgrid": False},
        bargap=0.25,
    )


def draw_found(lines: Mapping[str, pd.DataFrame], capacity: int, words: Words) -> Any:
    """Draw the share of the failing that each capacity finds, for each version."""
    drawn = go.Figure()
    for (name, table), (color, dash) in zip(lines.items(), _VERSIONS, strict=False):
        _add_band(drawn, table["per_course"], table["low"], table["high"], color, name)
        drawn.add_scatter(
            x=table["per_course"],
            y=table["share_found"],
            mode="lines",
            name=name,
            line={"color": color, "dash": dash, "width": 2.5},
            hovertemplate="%{x}: %{y:.0%}<extra></extra>",
        )
    table = next(iter(lines.values()))
    _add_dotted(drawn, table["per_course"], table["by_lot"], words("by lot"))
    at = table[table["per_course"] == capacity]
    _add_mark(drawn, at["per_course"], at["share_found"], words("your choice"))
    return _finish(
        drawn,
        words,
        xaxis={"title": words(AXES["per_course"]), "rangemode": "tozero"},
        yaxis={
            "title": words(AXES["share_found"]),
            "range": [0, 1.02],
            "tickformat": ".0%",
        },
    )


def draw_curve(curves: Mapping[str, Curve], words: Words) -> Any:
    """Draw a curve of one version, or of two, by their names."""
    first = next(iter(curves.values()))
    return _CURVES[first.name](curves, words)


def _draw_roc(curves: Mapping[str, Curve], words: Words) -> Any:
    drawn = _open_lines(curves, "fpr", "tpr")
    _add_dotted(drawn, [0, 1], [0, 1], words("chance"))
    return _finish_shares(drawn, curves, "fpr", "tpr", words)


def _draw_precision_recall(curves: Mapping[str, Curve], words: Words) -> Any:
    # precision is constant between two thresholds: steps, not slopes
    drawn = _open_lines(curves, "recall", "precision", shape="hv")
    chance = next(iter(curves.values())).summary["chance"]
    _add_dotted(drawn, [0, 1], [chance, chance], words("chance"))
    return _finish_shares(drawn, curves, "recall", "precision", words)


def _draw_calibration(curves: Mapping[str, Curve], words: Words) -> Any:
    drawn = go.Figure()
    tables = [curve.table for curve in curves.values()]
    names = ["mean_predicted", "high", "share_positive"]
    most = float(np.nanmax([0.01, *(table[names].max().max() for table in tables)]))
    _add_dotted(drawn, [0, most], [0, most], words("perfectly calibrated"))
    for (name, curve), (color, dash) in zip(curves.items(), _VERSIONS, strict=False):
        table = curve.table
        found = table["share_positive"]
        drawn.add_scatter(
            x=table["mean_predicted"],
            y=found,
            mode="lines+markers",
            name=name,
            line={"color": color, "dash": dash},
            marker={"size": 8},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": (table["high"] - found).fillna(0),
                "arrayminus": (found - table["low"]).fillna(0),
                "color": color,
                "thickness": 1,
            },
        )
    return _finish(
        drawn,
        words,
        xaxis={"title": words("mean predicted probability"), "rangemode": "tozero"},
        yaxis={"title": words("share that fails"), "rangemode": "tozero"},
    )


def _draw_earliness(curves: Mapping[str, Curve], words: Words) -> Any:
    drawn = go.Figure()
    for (name, curve), (color, dash) in zip(curves.items(), _VERSIONS, strict=False):
        table = curve.table
        day, ends = table["particion"], (table["roc_auc_low"], table["roc_auc_high"])
        _add_band(drawn, day, *ends, color, name)
        drawn.add_scatter(
            x=day,
            y=table["roc_auc"],
            mode="lines",
            name=name,
            line={"color": color, "dash": dash, "width": 2.5},
        )
    day = next(iter(curves.values())).table["particion"]
    _add_dotted(drawn, [day.min(), day.max()], [0.5, 0.5], words("chance"))
    return _finish(
        drawn,
        words,
        xaxis={"title": words("course day")},
        yaxis={"title": words("ROC AUC")},
    )


def _draw_thresholds(curves: Mapping[str, Curve], words: Words) -> Any:
    """Draw precision, recall and F1 of the first version at each threshold."""
    curve = next(iter(curves.values()))
    drawn = go.Figure()
    for name, (color, dash) in _LINES.items():
        drawn.add_scatter(
            x=curve.table["threshold"],
            y=curve.table[name],
            mode="lines",
            name=words(AXES[name]),
            line={"color": color, "dash": dash, "width": 2.5, "shape": "vh"},
        )
    own = curve.summary["threshold"]
    if np.isfinite(own):
        drawn.add_vline(own, line={"color": GREY, "dash": "dot", "width": 2})
    return _finish(
        drawn,
        words,
        xaxis={"title": words("threshold")},
        yaxis={"title": words("share"), "range": [0, 1.02]},
    )


_CURVES = {
    "roc": _draw_roc,
    "precision_recall": _draw_precision_recall,
    "calibration": _draw_calibration,
    "earliness": _draw_earliness,
    "thresholds": _draw_thresholds,
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
    return _finish(drawn, words, 600, scene=scene, uirevision="kept")


def _open_lines(
    curves: Mapping[str, Curve], x: str, y: str, shape: str = "linear"
) -> Any:
    drawn = go.Figure()
    for (name, curve), (color, dash) in zip(curves.items(), _VERSIONS, strict=False):
        drawn.add_scatter(
            x=curve.table[x],
            y=curve.table[y],
            mode="lines",
            name=name,
            line={"color": color, "dash": dash, "width": 2.5, "shape": shape},
        )
    return drawn


def _add_band(drawn: Any, x: Any, low: Any, high: Any, color: str, group: str) -> None:
    """Fill the intervals around a line, as part of its entry in the legend."""
    if not low.notna().any():
        return
    quiet: dict[str, Any] = {
        "mode": "lines",
        "line": {"width": 0},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    drawn.add_scatter(x=x, y=low, name=group, **quiet)
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    fill = f"rgba({red}, {green}, {blue}, 0.18)"
    drawn.add_scatter(x=x, y=high, name=group, fill="tonexty", fillcolor=fill, **quiet)


def _add_mark(drawn: Any, x: Any, y: Any, name: str) -> None:
    drawn.add_scatter(
        x=x,
        y=y,
        mode="markers",
        name=name,
        marker={"symbol": "diamond", "size": 13, "color": PURPLE},
    )


def _add_dotted(drawn: Any, x: Sequence[float], y: Sequence[float], name: str) -> None:
    drawn.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": GREY, "dash": "dot"},
        hoverinfo="skip",
    )


def _finish_shares(
    drawn: Any, curves: Mapping[str, Curve], x: str, y: str, words: Words
) -> Any:
    own = [curve.summary for curve in curves.values()]
    xs, ys = [one[x] for one in own], [one[y] for one in own]
    _add_mark(drawn, xs, ys, words("its threshold"))
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
