"""Contest: whether a new model is better than the champion, and how certainly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from edml.exceptions import RegistryError
from edml.registry._decision import Contestant, Rules, decide
from edml.registry._evaluations import CHOOSING, Headline
from edml.registry._record import ModelRecord
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
        The development versions that took part, the best by validation first.
    left_out : dict of int to str
        The development versions that could not take part, and why.
    validation : dict of int to float
        The metric of each candidate on its own validation rows.
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
    entered, left_out = _enter(store, state, rules)
    contestants: dict[int, Contestant] = {}
    for version, (record, headline) in entered.items():
        if len(contestants) == n_candidates:
            break
        one = Contestant(store.load(version), X, y, rules)
        reason = _reason_to_leave_out(one, record, headline)
        if reason is None:
            contestants[version] = one
        else:
            left_out[version] = reason
    if not contestants:
        reasons = "; ".join(f"{v}: {why}" for v, why in sorted(left_out.items())[:5])
        raise RegistryError(
            "Expected a development version that was validated, on other rows than "
            f"these; found none ({reasons or 'nothing is in development'}). Register "
            "one with evaluation=edml.evaluate(...)."
        )
    candidates = tuple(contestants)
    if state.champion is not None:
        one = Contestant(store.load(state.champion), X, y, rules)
        champion = store.record_in(state.champion, PRODUCTION)
        check_unseen(champion.to_dict(), one.evaluation.data_fingerprint)
        contestants[state.champion] = one
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
        validation={v: entered[v][1].metrics[rules.metric] for v in candidates},
        promoted=bool(update_champion) and decision["winner"] != state.champion,
        **decision,
    )
    # Before the decision, so that no report shows them if the process ends in between.
    for version, one in contestants.items():
        store.store_evaluation(version, one.evaluation, CHOOSING)
    store.change(
        "compete", contest.why, lambda now: _settle(now, contest), contest.to_dict()
    )
    return contest


def _enter(
    store: ModelStore, state: State, rules: Rules
) -> tuple[dict[int, tuple[ModelRecord, Headline]], dict[int, str]]:
    """Return the versions that may take part, the best by validation first."""
    entered, left_out = {}, {}
    for version, stage in state.stages.items():
        if stage != DEVELOPMENT:
            continue
        record = store.record_in(version, stage)
        headline = store.validation(record)
        if headline is None:
            left_out[version] = "it was not validated"
        elif np.isnan(headline.metrics.get(rules.metric, np.nan)):
            left_out[version] = f"its validation has no {rules.metric}"
        else:
            entered[version] = (record, headline)

    def merit(version: int) -> tuple[float, int]:  # ties go to the newest
        return rules.sign * entered[version][1].metrics[rules.metric], version

    best = sorted(entered, key=merit, reverse=True)
    return {version: entered[version] for version in best}, left_out


def _reason_to_leave_out(
    one: Contestant, record: ModelRecord, headline: Headline
) -> str | None:
    data = one.evaluation.data_fingerprint
    if data == headline.data_fingerprint:
        return "it was validated on these rows"
    return seen_as(record.to_dict(), data)


def _settle(state: State, contest: Contest) -> State:
    """Return the state after a contest; raise if they have changed meanwhile."""
    moved = [v for v in contest.candidates if state.stages.get(v) != DEVELOPMENT]
    if moved or state.champion != contest.champion:
        raise RegistryError(
            f"Expected the champion {contest.champion} and the candidates "
            f"{list(contest.candidates)} as they were when the contest began; found "
            f"the champion {state.champion}, and {moved or 'none'} of the candidates "
            "moved. Nothing was changed; hold the contest again."
        )
    for version in contest.candidates:
        state = state.move(version, STAGING)
    return state.move(contest.winner, PRODUCTION) if contest.promoted else state


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _written(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_written(one) for one in value]
    return None if isinstance(value, float) and np.isnan(value) else value
