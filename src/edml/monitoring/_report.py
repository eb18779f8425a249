"""MonitoringReport: verdicts with their reasons, as text, HTML, data and picture."""

from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edml._files import replace_file
from edml._page import CSS, make_page, make_row, make_table
from edml._translation import N_, translator
from edml.monitoring._signs import (
    ACT,
    CANNOT_TELL,
    FINE,
    LOOK,
    PARTS,
    Part,
    name_verdict,
)

_TITLE = N_("Monitoring")
_SHOWN = 15  # features in the table


@dataclass(frozen=True, eq=False, repr=False)
class MonitoringReport:
    """What `monitor` found: a verdict for each part, with its reasons and next steps.

    It holds no student ids.

    Parameters
    ----------
    parts : dict of str to Part
        By "input" (of event tables), "drift", "expected" and "realised".
    drift : DataFrame of shape (n_tests, 9) or None
        A row for each week and feature, and for the score: week, day, feature, weight
        (how much the model uses it), n_students, p_value, adjusted (for all tests),
        size (Cohen's w, 0 to about 1; its square is about the population stability
        index) and direction (in [-0.5, 0.5], positive if values are higher).
    performance : DataFrame of shape (n_figures, 10) or None
        A row for each week and figure: week, day, n_students, figure, reference (in
        training), expected, low and high (its interval), realised and p_value (NaN).
    realised : DataFrame or None
        The same for the students whose outcomes are known, with the realised figure
        and how rarely it would be so far from the expected one.
    counts : dict of str to int
        n_rows, n_students, n_courses and last_week.
    threshold : float
        The probability at and above which a student is flagged.
    confidence : float
        Of the intervals, a fraction in (0, 1).

    Examples
    --------
    >>> from edml import RiskClassifier, load_activity
    >>> from edml.monitoring import monitor
    >>> X, y = load_activity(return_X_y=True)
    >>> report = monitor(RiskClassifier(cv=3).fit(X, y), X)
    >>> list(report.parts)
    ['input', 'drift', 'expected', 'realised']
    """

    __module__ = "edml.monitoring"

    parts: dict[str, Part]
    drift: pd.DataFrame | None
    performance: pd.DataFrame | None
    realised: pd.DataFrame | None
    counts: dict[str, int]
    threshold: float
    confidence: float

    @property
    def verdict(self) -> str:
        """The verdict for all parts.

        The worst of "look" and "act". Without either, "cannot tell" if the input or
        the drift cannot be told, else "fine".
        """
        found = {part.verdict for part in self.parts.values()}
        for verdict in (ACT, LOOK):
            if verdict in found:
                return verdict
        first = [
            self.parts[one].verdict for one in ("input", "drift") if one in self.parts
        ]
        return CANNOT_TELL if CANNOT_TELL in first else FINE

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The keys verdict, counts, threshold, confidence, parts (each with verdict
            and signs), drift, performance and realised (lists of records).
        """
        return {
            "verdict": self.verdict,
            "counts": dict(self.counts),
            "threshold": self.threshold,
            "confidence": self.confidence,
            "parts": {
                name: {
                    "verdict": part.verdict,
                    "signs": [_write_sign(sign) for sign in part.signs],
                }
                for name, part in self.parts.items()
            },
            "drift": _records(self.drift),
            "performance": _records(self.performance),
            "realised": _records(self.realised),
        }

    def to_text(self, language: str = "en") -> str:
        """Return the verdicts, reasons and next steps as text.

        Parameters
        ----------
        language : {"en", "es"}, default="en"
            Of the text.

        Returns
        -------
        text : str
        """
        gettext = translator(language).gettext
        lines = [f"{gettext(_TITLE)}: {name_verdict(self.verdict, language)}"]
        for name, part in self.parts.items():
            verdict = name_verdict(part.verdict, language)
            lines += ["", f"{gettext(PARTS[name])}: {verdict}"]
            for sign in part.signs:
                lines += [f"  {text}" for text in sign.tell(language) if text]
        return "\n".join(lines)

    def to_html(self, path: str | PathLike[str], language: str = "en") -> None:
        """Write the report as one HTML page that loads nothing from elsewhere.

        Parameters
        ----------
        path : path-like
            The file to write, atomically.
        language : {"en", "es"}, default="en"
            Of the page.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        title = translator(language).gettext(_TITLE)
        replace_file(path, make_page(title, self._make_html(language)))

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self._make_html("en")

    def _make_html(self, language: str) -> str:
        gettext = translator(language).gettext
        verdict = name_verdict(self.verdict, language)
        title = gettext(_TITLE)
        headline = f"<strong>{escape(title)}: {escape(verdict)}</strong>"
        parts = [f"<style>{CSS}</style><p>{headline}</p>"]
        head = [
            gettext(N_("verdict")),
            gettext(N_("what was found")),
            gettext(N_("next step")),
        ]
        for name, part in self.parts.items():
            rows = [
                _text_row(name_verdict(sign.verdict, language), *sign.tell(language))
                for sign in part.signs
            ]
            parts.append(make_table(gettext(PARTS[name]), head, rows))
        parts.append(self._drift_html(gettext))
        parts.append(self._performance_html(gettext))
        return f'<div class="edml-evaluation">{"".join(parts)}</div>'

    def _drift_html(self, gettext: Any) -> str:
        if self.drift is None or not len(self.drift):
            return ""
        largest = self.drift.sort_values("size", ascending=False, kind="stable")
        shown = largest.drop_duplicates("feature").head(_SHOWN)
        rows = [
            make_row(
                one.feature,
                str(one.week),
                "" if np.isnan(one.weight) else f"{one.weight:.3f}",
                f"{one.size:.2f}",
                f"{one.direction:+.2f}",
                f"{one.adjusted:.3g}",
            )
            for one in shown.itertuples()
        ]
        head = [
            *(gettext(N_("feature")), gettext(N_("week")), gettext(N_("use"))),
            *(gettext(N_("size")), gettext(N_("direction"))),
            gettext(N_("p-value, adjusted")),
        ]
        return make_table(gettext(N_("Largest shifts")), head, rows)

    def _performance_html(self, gettext: Any) -> str:
        table = self.realised if self.realised is not None else self.performance
        if table is None or not len(table):
            return ""
        last = table[table["week"] == table["week"].max()]
        rows = [
            make_row(
                one.figure,
                f"{one.expected:.3f}",
                f"{one.low:.3f} to {one.high:.3f}",
                "" if np.isnan(one.realised) else f"{one.realised:.3f}",
            )
            for one in last.itertuples()
        ]
        head = [
            *(gettext(N_("figure")), gettext(N_("expected"))),
            *(gettext(N_("interval")), gettext(N_("realised"))),
        ]
        return make_table(gettext(N_("Performance in the last week")), head, rows)


def _write_sign(sign: Any) -> dict[str, Any]:
    found, remedy = sign.tell()
    return {
        "code": sign.code,
        "verdict": sign.verdict,
        "found": found,
        "remedy": remedy,
        "details": dict(sign.details or {}),
    }


def _records(table: pd.DataFrame | None) -> list[dict[str, Any]] | None:
    if table is None:
        return None
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _text_row(label: str, *texts: str) -> str:
    cells = "".join(f'<td class="text">{escape(text)}</td>' for text in texts)
    return make_row(label, more=cells)
