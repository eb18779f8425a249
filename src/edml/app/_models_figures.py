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
_VERSIONS = (
    {"color": BLUE, "dash": "solid"},
    {"color": VERMILLION, "dash": "dash"},
)
_LINES = {
    "precision": {"color": BLUE, "dash": "solid"},
    "recall": {"color": VERMILLION, "dash": "dash"},
    "f1": {"color": GREEN, "dash": "dashdot"},
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
        words.estimate(value, low, high) if evaluated else words("not evaluated")
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
    hover = "%{x}: %{y:.0%}<extra></extra>"
    x, y = "per_course", "share_found"
    _add_lines(drawn, lines, x, y, band=("low", "high"), hovertemplate=hover)
    table = next(iter(lines.values()))
    _add_dotted(drawn, table[x], table["by_lot"], words("by lot"))
    at = table[table[x] == capacity]
    _add_mark(drawn, at[x], at[y], words("your choice"))
    shares = {"title": words(AXES[y]), "range": [0, 1.02], "tickformat": ".0%"}
    capacities = {"title": words(AXES[x]), "rangemode": "tozero"}
    return _finish(drawn, words, xaxis=capacities, yaxis=shares)


def draw_curve(curves: Mapping[str, Curve], words: Words) -> Any:
    """Draw a curve of one version, or of two, by their names."""
    first = next(iter(curves.values()))
    return _CURVES[first.name](curves, words)


def _draw_roc(curves: Mapping[str, Curve], words: Words) -> Any:
    drawn = go.Figure()
    _add_lines(drawn, _tables(curves), "fpr", "tpr")
    _add_dotted(drawn, [0, 1], [0, 1], words("chance"))
    return _finish_shares(drawn, curves, "fpr", "tpr", words)


def _draw_precision_recall(curves: Mapping[str, Curve], words: Words) -> Any:
    drawn = go.Figure()
    # precision is constant between two thresholds: steps, not slopes
    _add_lines(drawn, _tables(curves), "recall", "precision", shape="hv")
    chance = next(iter(curves.values())).summary["chance"]
    _add_dotted(drawn, [0, 1], [chance, chance], words("chance"))
    return _finish_shares(drawn, curves, "recall", "precision", words)


def _draw_calibration(curves: Mapping[str, Curve], words: Words) -> Any:
    drawn, tables = go.Figure(), _tables(curves)
    names = ["mean_predicted", "high", "share_positive"]
    highest = (table[names].max().max() for table in tables.values())
    most = float(np.nanmax([0.01, *highest]))
    _add_dotted(drawn, [0, most], [0, most], words("perfectly calibrated"))
    for (name, table), style in zip(tables.items(), _VERSIONS, strict=False):
        found = table["share_positive"]
        drawn.add_scatter(
            x=table["mean_predicted"],
            y=found,
            mode="lines+markers",
            name=name,
            line=style,
            marker={"size": 8},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": (table["high"] - found).fillna(0),
                "arrayminus": (found - table["low"]).fillna(0),
                "color": style["color"],
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
    drawn, tables = go.Figure(), _tables(curves)
    ends = ("roc_auc_low", "roc_auc_high")
    _add_lines(drawn, tables, "particion", "roc_auc", band=ends)
    day = next(iter(tables.values()))["particion"]
    _add_dotted(drawn, [day.min(), day.max()], [0.5, 0.5], words("chance"))
    titles = {"title": words("course day")}, {"title": words("ROC AUC")}
    return _finish(drawn, words, xaxis=titles[0], yaxis=titles[1])


def _draw_thresholds(curves: Mapping[str, Curve], words: Words) -> Any:
    """Draw precision, recall and F1 of the first version at each threshold."""
    curve, drawn = next(iter(curves.values())), go.Figure()
    for name, style in _LINES.items():
        drawn.add_scatter(
            x=curve.table["threshold"],
            y=curve.table[name],
            mode="lines",
            name=words(AXES[name]),
            line={**style, "width": 2.5, "shape": "vh"},
        )
    own = curve.summary["threshold"]
    if np.isfinite(own):
        drawn.add_vline(own, line={"color": GREY, "dash": "dot", "width": 2})
    shares = {"title": words("share"), "range": [0, 1.02]}
    return _finish(drawn, words, xaxis={"title": words("threshold")}, yaxis=shares)


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


def _tables(curves: Mapping[str, Curve]) -> dict[str, pd.DataFrame]:
    return {name: curve.table for name, curve in curves.items()}


def _add_lines(
    drawn: Any,
    tables: Mapping[str, pd.DataFrame],
    x: str,
    y: str,
    *,
    band: tuple[str, str] | None = None,
    shape: str = "linear",
    **style: Any,
) -> None:
    """Draw a line for each version, over the ``band`` of its intervals."""
    quiet: dict[str, Any] = {
        "mode": "lines",
        "line": {"width": 0},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    for (name, table), of_version in zip(tables.items(), _VERSIONS, strict=False):
        at, common = table[x], {**quiet, "name": name}
        if band is not None and table[band[0]].notna().any():
            color = of_version["color"]
            rgb = ", ".join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))
            fill = {"fill": "tonexty", "fillcolor": f"rgba({rgb}, 0.18)"}
            drawn.add_scatter(x=at, y=table[band[0]], **common)
            drawn.add_scatter(x=at, y=table[band[1]], **common, **fill)
        line = {**of_version, "width": 2.5, "shape": shape}
        lines = {"mode": "lines", "name": name, "line": line, **style}
        drawn.add_scatter(x=at, y=table[y], **lines)


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
