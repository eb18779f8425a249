"""`ProgressFeatures` computed literally from its docstring: plain, and slow.

It imports nothing from ``src``. The rows are read and shown as in `oracle`.
"""

import math
from fractions import Fraction

import pandas as pd

from oracle import KEYS, creation_order, mean, read_rows, shown_at, submission_score

DAY = 86_400
FEATURES = [
    "particion",
    *("missed_n", "missed_streak", "ahead_n"),
    *("submitted_share", "submitted_weight_share", "on_time_share"),
    *("due_score_mean", "due_score_weighted_mean", "weight_due", "marks_in_hand"),
    *("score_last", "score_last_3_mean", "score_trend"),
    "days_before_due_last",
    *("days_since_submission", "days_since_due"),
]


def progress_oracle(X, *, columns=None, partition_days=1.0, fill_value=0.0):
    """Compute the keys and the features of every row, one snapshot at a time."""
    names = columns or {}
    rows = read_rows(X, columns)
    weights = [None] * len(rows)
    if names.get("ass_weight", "ass_weight") in X:
        column = X[names.get("ass_weight", "ass_weight")]
        weights = [None if pd.isna(w) else Fraction(float(w)) for w in column]
    keys = list(zip(*(X[names.get(key, key)] for key in KEYS), strict=True))
    histories = {}
    for key, row, weight in zip(keys, rows, weights, strict=True):
        histories.setdefault(key, []).append((row, weight))
    found = {}
    for key, history in histories.items():
        for p in {row.partition for row, _ in history}:
            known = [(r, w) for r, w in history if r.partition <= p]
            shown = shown_at([r for r, _ in known], p, partition_days)
            seen = list(zip(shown, [w for _, w in known], strict=True))
            values = {"particion": p, **features_of(seen, p, partition_days)}
            empty = math.nan if fill_value is None else fill_value
            found[key, p] = [
                empty if values[name] is None else float(values[name])
                for name in FEATURES
            ]
    out = pd.DataFrame(
        [found[key, row.partition] for key, row in zip(keys, rows, strict=True)],
        columns=FEATURES,
        dtype=float,
    )
    out.insert(0, KEYS[0], [user for user, _ in keys])
    out.insert(1, KEYS[1], [course for _, course in keys])
    return out.set_axis(X.index)


# -- the calendar ------------------------------------------------------------------


def day_zero(rows, length):
    """Return the epoch day of course day 0, or None."""
    first = min(row.partition for row in rows)
    later = [row for row in rows if row.partition > first]
    from_submissions = [
        row.submitted // DAY - (math.ceil((row.partition + 1) * length) - 1)
        for row in later
        if row.sent is not None and row.submitted is not None
    ]
    if from_submissions:
        return max(from_submissions)
    from_due_dates = [
        row.due // DAY - math.floor(row.partition * length)
        for row in later
        if row.created is not None and row.due is not None
    ]
    if from_due_dates:
        return min(from_due_dates)
    from_unlock_dates = [
        row.unlock // DAY - (math.ceil((row.partition + 1) * length) - 1)
        for row in rows
        if row.partition == first and row.created is not None and row.unlock is not None
    ]
    return max(from_unlock_dates, default=None)


def last_past_day(rows, p, length):
    """Return the last epoch day that is past by the end of p, or None."""
    days = []
    for q in {row.partition for row in rows if row.partition <= p}:
        zero = day_zero([row for row in rows if row.partition <= q], length)
        if zero is not None:
            days.append(zero + math.floor((q + 1) * length) - 1)
    return max(days, default=None)


# -- the features of the shown rows --------------------------------------------------


class Assignment:
    """What is known of one assignment at the end of partition p."""

    def __init__(self, name, seen, p, length):
        rows = [row for row, _ in seen]
        self.name = name
        self.due_date = None
        self.due_from = None  # a partition
        self.due_day = None  # only if the calendar made it due
        created = [row for row in rows if row.created == name]
        if created:
            first = min(created, key=creation_order)
            self.due_date = first.due
            self._find_due(first, rows, p, length)
        parts = [row for row in rows if row.sent == name]
        real = [r for r in parts if r.score is not None or r.submitted is not None]
        self.arrived = min((row.partition for row in real), default=None)
        dates = [
            row.submitted
            for row in real
            if row.partition == self.arrived and row.submitted is not None
        ]
        self.date = min(dates, default=None)
        self.score = submission_score(parts, "missing") if real else None
        self.late = None
        if self.date is not None and self.due_date is not None:
            self.late = (self.date - self.due_date) / DAY
        self.weight = self._weight(name, seen)

    def _find_due(self, first, rows, p, length):
        zero = day_zero([r for r in rows if r.partition <= first.partition], length)
        if first.due is None or zero is None:
            self.due_from = first.partition
            return
        for q in sorted({row.partition for row in rows}):
            past = last_past_day(rows, q, length)
            if first.partition <= q <= p and past >= first.due // DAY:
                self.due_from, self.due_day = q, first.due // DAY
                return

    @staticmethod
    def _weight(name, seen):
        stated = [
            (row.partition, weight)
            for row, weight in seen
            if weight is not None
            and (row.created == name or (row.created is None and row.sent == name))
        ]
        return min(stated)[1] if stated else 10

    @property
    def on_time(self):
        if self.late is not None:
            return self.late <= 0
        return self.arrived <= self.due_from

    @property
    def order(self):
        return (self.arrived, *_missing_last(self.date), self.name)

    @property
    def due_order(self):
        return (self.due_from, *_missing_last(self.due_date), self.name)


def _missing_last(date):
    return (1, 0) if date is None else (0, date)


def features_of(seen, p, length):
    rows = [row for row, _ in seen]
    names = {row.created for row in rows} | {row.sent for row in rows}
    work = [Assignment(name, seen, p, length) for name in names if name is not None]
    due = [one for one in work if one.due_from is not None]
    due.sort(key=lambda one: one.due_order)
    sent = [one for one in work if one.arrived is not None]
    sent.sort(key=lambda one: one.order)
    missed = [one for one in due if one.arrived is None]
    streak = 0
    while streak < len(due) and due[-1 - streak].arrived is None:
        streak += 1
    counted = [one for one in due if one.arrived is None or one.score is not None]
    marks = {one.name: 0 if one.arrived is None else one.score for one in counted}
    graded = [one for one in sent if one.score is not None]
    scores = [one.score for one in graded]
    dated = [one for one in sent if one.late is not None]
    weight_due = sum(one.weight for one in due)
    weight_counted = sum(one.weight for one in counted)
    since_due = None
    if due and due[-1].due_day is None:
        since_due = (p - due[-1].due_from) * length
    elif due:
        since_due = last_past_day(rows, p, length) - due[-1].due_day
    return {
        "missed_n": len(missed),
        "missed_streak": streak,
        "ahead_n": sum(one.due_from is None for one in sent),
        "submitted_share": 1 - Fraction(len(missed), len(due)) if due else None,
        "submitted_weight_share": 1 - sum(one.weight for one in missed) / weight_due
        if weight_due
        else None,
        "on_time_share": Fraction(
            sum(one.arrived is not None and one.on_time for one in due), len(due)
        )
        if due
        else None,
        "due_score_mean": mean(list(marks.values())) if marks else None,
        "due_score_weighted_mean": sum(one.weight * marks[one.name] for one in counted)
        / weight_counted
        if weight_counted
        else None,
        "weight_due": weight_due,
        "marks_in_hand": sum(one.weight * one.score / 100 for one in graded),
        "score_last": scores[-1] if scores else None,
        "score_last_3_mean": mean(scores[-3:]) if scores else None,
        "score_trend": scores[-1] - mean(scores[:-1]) if len(scores) > 1 else None,
        "days_before_due_last": -dated[-1].late if dated else None,
        "days_since_submission": (p - sent[-1].arrived) * length if sent else None,
        "days_since_due": since_due,
    }
