"""How much time there is, and who stops when it is over."""

from dataclasses import dataclass, field
from time import perf_counter


class OutOfTimeError(Exception):
    """A fit was stopped, for its time was over."""


@dataclass(frozen=True)
class Clock:
    """The time of a search, in seconds.

    Attributes
    ----------
    timeout : float or None
        How long it may take; None is as long as it needs.
    start : float
        When it began.
    """

    timeout: float | None
    start: float = field(default_factory=perf_counter)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return perf_counter() - self.start

    @property
    def left(self) -> float:
        """Seconds that are left; infinite without a timeout."""
        return float("inf") if self.timeout is None else self.timeout - self.spent

    def limit(self, seconds: float) -> "Limit":
        """Give the moment at which a piece of work ends that has so long."""
        return Limit(perf_counter() + seconds)


@dataclass
class Limit:
    """A moment after which a fit is stopped."""

    moment: float = float("inf")

    def cancel(self) -> None:
        """Stop the work at its next look at the clock, in other threads too."""
        self.moment = float("-inf")

    def check(self) -> None:
        """Stop the work if its time is over.

        Raises
        ------
        OutOfTimeError
            If it is.
        """
        if perf_counter() > self.moment:
            message = "stopped"
            raise OutOfTimeError(message)
