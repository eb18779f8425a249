"""The pictures of the scores page; each has an equivalent text."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from edml.app._palette import (
    BLUE,
    FLAGGED,
    GREEN,
    GREY,
    LAYOUT,
    NOT_FLAGGED,
    ORANGE,
    PURPLE,
)
from edml.app._scores_view import Counts
from edml.app._student_view import KINDS, Event
from edml.app._words import Words

_MARKS = {  # shape as well as colour
    "exam": {"symbol": "diamond", "color": PURPLE},
    "submission": {"symbol": "circle", "color": GREEN},
    "missed": {"symbol": "x", "color": ORANGE},
}


def draw_donut(counts: Counts, words: Words) -> Any:
    """Draw how many are flagged."""
    others = counts.rows - counts.flagged
    figure = go.Figure(
        go.Pie(
            labels=[words("flagged"), words("not flagged")],
            values=[counts.flagged, others],
            hole=0.62,
            sort=False,
            direction="clockwise",
            text=[words.number(counts.flagged), words.number(others)],
            textinfo="text",
            textposition="inside",
            insidetextorientation="horizontal",
            hoverinfo="label+text+percent",
            marker={
                "colors": [FLAGGED, NOT_FLAGGED],
                "pattern": {"shape": ["/", ""], "fillmode": "overlay", "solidity": 0.2},
            },
        )
    )
    figure.update_layout(
        LAYOUT,
        height=130,
        margin=dict.fromkeys("lrtb", 4),
        showlegend=False,
        annotations=[
            {
                "text": f"<b>{words.number(counts.students)}</b><br>"
                + words.ngettext("student", "students", counts.students),
                "showarrow": False,
                "font": {"size": 13},
            }
        ],
    )
    return figure


def say_counts(counts: Counts, words: Words) -> str:
    """Describe the donut."""
    share = counts.flagged / counts.rows if counts.rows else 0.0
    values = {
        "students": words.number(counts.students),
        "rows": words.number(counts.rows),
        "flagged": words.number(counts.flagged),
        "others": words.number(counts.rows - counts.flagged),
        "share": words.percent(share, 1),
    }
    if counts.rows == counts.students:
        return words(
            "{flagged} of {students} students are flagged ({share}), {others} are not.",
            **values,
        )
    return words(
        "{flagged} of {rows} are flagged ({share}), {others} are not: {students} "
        "students, some of them in several courses.",
        **values,
    )


def draw_trajectory(
    trajectory: pd.DataFrame, events: list[Event], threshold: float, words: Words
) -> Any:
    """Draw a student's risk over the partitions, and the events above it."""
    days, risk = trajectory["partition"], trajectory["probability"]
    figure = go.Figure()
    figure.add_scatter(
        x=days,
        y=risk,
        mode="lines+markers" if len(days) == 1 else "lines",
        line={"shape": "hv", "color": BLUE, "width": 2.5},
        name=words("probability of failing"),
        hovertemplate=words("day {day}", day="%{x}") + ": %{y:.1%}<extra></extra>",
    )
    flagged = np.where(trajectory["flagged"], risk, np.nan)
    if np.isfinite(flagged).any():
        figure.add_scatter(
            x=days,
            y=flagged,
            mode="markers",
            marker={"color": FLAGGED, "size": 6, "symbol": "square"},
            name=words("flagged"),
            hoverinfo="skip",
        )
    ends = [int(days.min()), max(int(days.max()), int(days.min()) + 1)]
    figure.add_scatter(
        x=ends,
        y=[threshold, threshold],
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 1.5},
        name=words("flagged from {value}", value=words.percent(threshold, 1)),
        hoverinfo="skip",
    )
    top = max(float(risk.max()), threshold) * 1.15
    for lane, kind in enumerate(reversed(KINDS)):
        some = [event for event in events if event.kind == kind]
        figure.add_scatter(
            x=[event.partition for event in some],
            y=[top * (1.06 + 0.09 * lane)] * len(some),
            mode="markers",
            marker={**_MARKS[kind], "size": 10},
            name=words(KINDS[kind][0]),
            text=[_describe(event, words) for event in some],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_layout(
        LAYOUT,
        height=380,
        legend={"orientation": "h", "y": -0.25, "x": 0},
        hovermode="closest",
    )
    figure.update_xaxes(title=words("course day"), zeroline=False)
    figure.update_yaxes(
        title=words("probability of failing"),
        tickformat=".0%",
        range=[0, top * (1.12 + 0.09 * (len(KINDS) - 1))],
        tickvals=_ticks(top),
    )
    return figure


def say_trajectory(trajectory: pd.DataFrame, words: Words) -> str:
    """Describe the curve: its start, end and maximum."""
    highest = trajectory.iloc[int(trajectory["probability"].to_numpy().argmax())]
    first, last = trajectory.iloc[0], trajectory.iloc[-1]
    return words(
        "The risk was {first} on day {first_day} and is {last} on day {last_day}; "
        "it was highest on day {highest_day}, {highest}. Flagged on {n_flagged} of"
        " {n_days} days.",
        first_day=int(first["partition"]),
        first=words.percent(first["probability"], 1),
        last_day=int(last["partition"]),
        last=words.percent(last["probability"], 1),
        highest_day=int(highest["partition"]),
        highest=words.percent(highest["probability"], 1),
        n_flagged=int(trajectory["flagged"].sum()),
        n_days=len(trajectory),
    )


def tabulate_events(events: list[Event], words: Words) -> pd.DataFrame:
    """Return the marks of the curve as a table."""
    return pd.DataFrame(
        {
            words("Day"): [event.partition for event in events],
            words("What"): [words(KINDS[event.kind][1]) for event in events],
            words("Which"): [event.name for event in events],
            words("Grade or score"): [event.grade for event in events],
        }
    )


def _describe(event: Event, words: Words) -> str:
    grade = "" if event.grade != event.grade else f": {words.number(event.grade, 1)}"
    name = event.name.replace("<", "&lt;")
    day = words("day {day}", day=event.partition)
    return f"{words(KINDS[event.kind][1])}, {day}<br>{name}{grade}"


def _ticks(top: float) -> list[float]:
    step = next((one for one in (0.01, 0.02, 0.05, 0.1, 0.2) if top / one <= 6), 0.25)
    return np.arange(0, min(top, 1.0) + 1e-9, step).tolist()
