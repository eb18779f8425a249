"""Which candidates become models: the best, refined or far ahead, one of each kind."""

from collections.abc import Callable

import numpy as np

from edml.tuning._trial import Trial

#: The next best, whose differences to the best one tell how far chance goes.
N_COMPARED = 10

_EARNED = 2.0  # standard errors behind the best, from which it earned no model


def lag(trial: Trial, best: Trial) -> float:
    """Give by how many standard errors a candidate is behind the best one.

    Parameters
    ----------
    trial, best : Trial
        Both evaluated on all folds.

    Returns
    -------
    lag : float
        From 0, of the paired differences over the folds.
    """
    behind = np.array(best.scores) - np.array(trial.scores)
    if not behind.any():
        return 0.0
    return max(0.0, float(behind.mean())) / max(_standard_error(behind), 1e-9)


def by_score(trials: list[Trial]) -> list[Trial]:
    """Give the trials with a score, best first; of equal ones the earlier."""
    scored = [trial for trial in trials if trial.status == "evaluated"]
    return sorted(scored, key=lambda trial: (-trial.score, trial.number))


def rank(trials: list[Trial]) -> list[Trial]:
    """Give the trials with a score, in the order in which they are chosen.

    By score; but a trial that could be refined comes after the refined ones of its
    algorithm from which it cannot be told: what it is ahead by is luck rather than
    merit. A blend comes just before the first of its members, so that no algorithm is
    chosen by its blend: that their mean scores higher is more of the same luck.

    Parameters
    ----------
    trials : list of Trial
        All of a search.

    Returns
    -------
    ranked : list of Trial
        First the one that is chosen first.
    """
    scored = by_score([trial for trial in trials if not trial.members])
    is_ahead = _ahead_by_merit(scored)
    refined: dict[str, list[Trial]] = {}
    for trial in scored:
        if trial.refines is not None:
            refined.setdefault(trial.algorithm.name, []).append(trial)

    def place(trial: Trial) -> tuple[float, bool, float, int]:
        least = trial.score
        finer = refined.get(trial.algorithm.name, [])
        coarse = bool(finer) and trial.refined() is not None
        if coarse:
            like = [other.score for other in finer if not is_ahead(trial, other)]
            least = min([trial.score, *like])
        return -least, coarse, -trial.score, trial.number

    done = [t for t in trials if t.members and t.status == "evaluated"]
    blends = {trial.members[0].number: trial for trial in done}
    ranked = []
    for trial in sorted(scored, key=place):
        blend = blends.get(trial.number)
        ranked += [trial] if blend is None else [blend, trial]
    return ranked


def choose(ranked: list[Trial], n: int, min_score: float | None) -> list[Trial]:
    """Give the trials that become models, best first.

    Parameters
    ----------
    ranked : list of Trial
        In the order of `rank`.
    n : int
        How many at most.
    min_score : float or None
        What each must reach.

    Returns
    -------
    chosen : list of Trial
        The first, and of each algorithm that is less than two standard errors behind
        at least one.
    """
    # who was far from being chosen is remembered by its score alone
    ranked = [trial for trial in ranked if trial.probabilities is not None]
    if min_score is not None:
        ranked = [trial for trial in ranked if trial.score >= min_score]
    if not ranked:
        return []
    first: dict[str, Trial] = {}
    for trial in ranked:  # the best of each algorithm
        first.setdefault(trial.algorithm.name, trial)
    earned = [trial for trial in first.values() if lag(trial, ranked[0]) < _EARNED][:n]
    chosen = {trial.number for trial in earned}
    others = [trial.number for trial in ranked if trial.number not in chosen]
    chosen.update(others[: n - len(earned)])
    return [trial for trial in ranked if trial.number in chosen]


def _ahead_by_merit(scored: list[Trial]) -> Callable[[Trial, Trial], bool]:
    """Give what tells whether a trial is ahead of another by more than chance."""
    error = _usual_error(scored)

    def is_ahead(trial: Trial, other: Trial) -> bool:
        # few folds agree by chance at times: their own error alone says little
        far = trial.score - other.score > _EARNED * error
        return far and lag(other, trial) >= _EARNED

    return is_ahead


def _usual_error(scored: list[Trial]) -> float:
    """Give the usual standard error of the difference between two good trials."""
    best = np.array(scored[0].scores) if scored else None
    others = scored[1 : 1 + N_COMPARED]
    errors = [_standard_error(best - np.array(trial.scores)) for trial in others]
    return float(np.median(errors)) if errors else 0.0


def _standard_error(differences: np.ndarray) -> float:
    n = len(differences)
    return float(differences.std(ddof=1)) / np.sqrt(n) if n > 1 else 0.0
