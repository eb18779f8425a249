"""Contest: whether a new model is better than the champion, and how certainly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from edml._messages import coded
from edml.exceptions import NoChallengerError
from edml.registry._decision import Contestant, Rules, decide
from edml.registry._errors import registry_error
from edml.registry._evaluations import CHOOSING, Headline
from edml.registry._state import DEVELOPMENT, PRODUCTION, STAGING, State
from edml.registry._store import ModelStore, check_unseen, seen_as


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A comparison of new models with the champion; `ModelRegistry.compete` returns it.

    Its figures were used to choose the winner, and therefore flatter it. They are never
    shown as a model's performance.

    Parameters
    ----------
    metric : str
        The metric that decided.
    method : {"bootstrap", "plain"}
        Whether the gain had to be certain, or only positive.
    confidence : float
        Joint coverage of all intervals, a fraction.
    min_gain : float
        The value that the gain had to exceed.
    data_fingerprint : str
        SHA-256 of the rows, with their labels.
    champion : int or None
        The version in production before the contest.
    candidates : tuple of int
        The challengers that took part, the best by validation first.
    left_out : dict of int to str
        The versions that could not take part, and why.
    validation : dict of int to float
        The metric of each candidate on the rows of the last validation, by which they
        were chosen.
    figures : dict of int to float
        The metric of each contestant on the rows of the contest.
    gains : dict of int to float
        The improvement of each candidate over the champion; positive is better, also
        for losses. Empty without a champion.
    intervals : dict of int to (float, float)
        The ends of their intervals; NaN where the method is "plain".
    challenger : int
        The best candidate on the rows of the contest.
    winner : int
        The challenger, or the champion.
    promoted : bool
        Whether the winner replaced the champion.
    why : str
        The decision in a sentence.

    See Also
    --------
    ModelRegistry.compete : Run a contest.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.inspection import evaluate
    >>> from edml.registry import ModelRegistry
    >>> X, y = make_classification(600, random_state=0)
    >>> model = LogisticRegression().fit(X[:200], y[:200])
    >>> with TemporaryDirectory() as folder:
    ...     registry = ModelRegistry(folder)
    ...     record = registry.register(model, evaluate(model, X[200:400], y[200:400]))
    ...     contest = registry.compete(X[400:], y[400:])
    >>> contest.winner, contest.promoted
    (1, True)
    """

    __module__ = "edml.registry"

    metric: str
    method: str
    confidence: float
    min_gain: float
    data_fingerprint: str
    champion: int | None
    candidates: tuple[int, ...]
    left_out: dict[int, str]
    validation: dict[int, float]
    figures: dict[int, float]
    gains: dict[int, float]
    intervals: dict[int, tuple[float, float]]
    challenger: int
    winner: int
    promoted: bool
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Return the contest as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The fields; version keys are strings, and NaN is None.
        """
        return {name: _written(value) for name, value in vars(self).items()}

    def __repr__(self) -> str:
        return (
            f"Contest(metric={self.metric!r}, champion={self.champion}, "
            f"candidates={list(self.candidates)}, winner={self.winner}, "
            f"promoted={self.promoted})"
        )


def hold(
    store: ModelStore,
    X: Any,
    y: ArrayLike,
    n_candidates: int,
    update_champion: bool,
    rules: Rules,
) -> Contest:
    """Run a contest, and record it in the history."""
    state = store.state()
    load = cache(lambda version: Contestant(store.load(version), X, y, rules))
    contestants, validation, left_out = _enter(store, state, load, n_candidates, rules)
    if not validation:
        reasons = "; ".join(f"{v}: {why}" for v, why in sorted(left_out.items())[:5])
        message = coded(
            "no_challenger",
            "Expected a version that was validated on other rows than these, and "
            "predicts otherwise than the champion; found none "
            f"({reasons or 'nothing is in development or staging'}). Register one "
            "with evaluation=edml.evaluate(...).",
        )
        raise NoChallengerError(message)
    candidates = tuple(validation)
    decision = decide(contestants, state.champion, rules)
    contest = Contest(
        metric=rules.metric,
        method=rules.method,
        confidence=float(rules.confidence),
        min_gain=float(rules.min_gain),
        data_fingerprint=contestants[candidates[0]].evaluation.data_fingerprint,
        champion=state.champion,
        candidates=candidates,
        left_out=left_out,
        validation=validation,
        promoted=bool(update_champion) and decision["winner"] != state.champion,
        **decision,
    )
    # Before the decision, so that no report shows them if the process ends in between.
    for version, one in contestants.items():
        store.store_evaluation(version, one.evaluation, CHOOSING)
    detail = contest.to_dict()
    store.change(
        "compete", contest.why, lambda now: _settle(state, now, contest), detail
    )
    return contest


def _enter(
    store: ModelStore,
    state: State,
    load: Callable[[int], Contestant],
    n_candidates: int,
    rules: Rules,
) -> tuple[dict[int, Contestant], dict[int, float], dict[int, str]]:
    """Return the contestants, the candidates' validation, and who is left out."""
    records, validations, left_out = {}, {}, {}
    for version, stage in state.stages.items():
        if stage != PRODUCTION:
            records[version] = store.record_in(version, stage)
            validations[version] = store.validations(records[version])
            if not validations[version]:
                left_out[version] = "it was not validated"
                del validations[version]
    contestants: dict[int, Contestant] = {}
    validation: dict[int, float] = {}
    if not validations:
        return contestants, validation, left_out
    first = next(iter(validations)) if state.champion is None else state.champion
    data = load(first).evaluation.data_fingerprint
    if state.champion is not None:
        champion = store.record_in(state.champion, PRODUCTION)
        check_unseen(champion.to_dict(), data)
        contestants[state.champion] = load(state.champion)
    for version, figure in _rank(validations, data, rules, left_out).items():
        if len(validation) == n_candidates:
            break
        reason = seen_as(records[version].to_dict(), data)
        reason = reason or _like_another(load(version), contestants, rules)
        if reason is None:
            contestants[version] = load(version)
            validation[version] = figure
        else:
            left_out[version] = reason
    return contestants, validation, left_out


def _rank(
    validations: Mapping[int, Sequence[Headline]],
    data: str,
    rules: Rules,
    left_out: dict[int, str],
) -> dict[int, float]:
    """Return the figures on the rows of the last validation, the best first.

    Figures on other rows cannot be compared with these.
    """
    by_rows: dict[int, dict[str, float]] = {}
    last = ("", 0, 0, "")  # its time, version, place among the version's, and rows
    for version, headlines in validations.items():
        by_rows[version] = {
            one.data_fingerprint: one.metrics.get(rules.metric, np.nan)
            for one in headlines
        }
        if data not in by_rows[version]:
            last = max(
                last,
                *(
                    (one.evaluated_at, version, place, one.data_fingerprint)
                    for place, one in enumerate(headlines)
                ),
            )
    figures = {}
    for version, known in by_rows.items():
        figure = known.get(last[-1])
        if data in known:
            left_out[version] = "it was validated on these rows"
        elif figure is None:
            left_out[version] = f"it was not validated on the rows of version {last[1]}"
        elif np.isnan(figure):
            left_out[version] = f"its validation has no {rules.metric}"
        else:
            figures[version] = figure
    # ties go to the newest
    ranked = sorted(figures, key=lambda v: (rules.sign * figures[v], v), reverse=True)
    return {version: figures[version] for version in ranked}


def _like_another(
    one: Contestant, others: Mapping[int, Contestant], rules: Rules
) -> str | None:
    """Return why a model that predicts the same as another one is left out."""
    for version, other in others.items():
        if one.is_like(other, rules):
            return f"it predicts the same as version {version}"
    return None


def _settle(began: State, state: State, contest: Contest) -> State:
    """Return the state after a contest; raise if they have changed meanwhile."""
    moved = [v for v in contest.candidates if state.stages.get(v) != began.stages[v]]
    if moved or state.champion != contest.champion:
        raise registry_error(
            "moved_meanwhile",
            f"Expected the champion {contest.champion} and the candidates "
            f"{list(contest.candidates)} as they were when the contest began; found "
            f"the champion {state.champion}, and {moved or 'none'} of the candidates "
            "moved. Nothing was changed; hold the contest again.",
        )
    for version in contest.candidates:
        state = state.move(version, DEVELOPMENT)
    if contest.winner == state.champion:
        return state
    return state.move(contest.winner, PRODUCTION if contest.promoted else STAGING)


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _written(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_written(one) for one in value]
    return None if isinstance(value, float) and np.isnan(value) else value
