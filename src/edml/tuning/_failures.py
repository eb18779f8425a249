"""What is said of candidates that failed."""

import warnings

from edml.tuning._trial import Trial


def check_any(trials: list[Trial]) -> None:
    """Refuse to go on where no candidate could be evaluated.

    Parameters
    ----------
    trials : list of Trial
        All of them.

    Raises
    ------
    ValueError
        With the first error.
    """
    if any(trial.status == "evaluated" for trial in trials):
        return
    failed = [trial for trial in trials if trial.status == "failed"]
    if failed:
        first = failed[0]
        message = (
            f"All {len(trials)} candidates failed or were stopped. The first error, of "
            f"{first.algorithm.name!r}: {first.error}"
        )
        raise ValueError(message)
    message = (
        f"No candidate could be evaluated in the time given ({len(trials)} were "
        "stopped). Raise timeout, or name faster algorithms."
    )
    raise ValueError(message)


def warn_failures(trials: list[Trial]) -> None:
    """Warn where candidates failed, and quote the first error."""
    failed = [trial for trial in trials if trial.status == "failed"]
    if failed:
        warnings.warn(
            f"{len(failed)} of {len(trials)} candidates failed; history_ holds their "
            f"errors. The first, of {failed[0].algorithm.name!r}: {failed[0].error}",
            UserWarning,
            stacklevel=3,
        )
