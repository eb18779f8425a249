"""Limits: the limits of one request to the endpoint."""

from dataclasses import dataclass
from numbers import Integral, Real


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one request to the endpoint.

    Parameters
    ----------
    max_body_bytes : int, default=67108864
        Largest body, in bytes. Reading JSON takes up to about fifteen times as much
        memory.
    max_rows : int, default=500000
        Maximum number of events in one request.
    max_depth : int, default=16
        Maximum nesting depth of a JSON body, at most 1000. A table of events has 2
        levels.
    timeout_seconds : float, default=30.0
        Longest time from the first byte of the body to the answer, in seconds. The
        endpoint checks it between the steps of its work.

    Raises
    ------
    ValueError
        If a value is not a number, or out of range.

    See Also
    --------
    create_app : Create an app with these limits.

    Examples
    --------
    >>> from edml.serving import Limits
    >>> Limits(max_rows=10_000).timeout_seconds
    30.0
    """

    __module__ = "edml.serving"

    max_body_bytes: int = 64 * 2**20
    max_rows: int = 500_000
    max_depth: int = 16
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Check the values."""
        for name, largest in (
            ("max_body_bytes", 2**31),
            ("max_rows", 2**31),
            ("max_depth", 1000),
        ):
            _check(name, getattr(self, name), Integral, largest)
        _check("timeout_seconds", self.timeout_seconds, Real, 86_400)


def _check(name: str, value: object, kind: type, largest: float) -> None:
    right = isinstance(value, kind) and not isinstance(value, bool)
    if not right or not 0 < value <= largest:  # type: ignore[operator]
        number = "a whole number" if kind is Integral else "a number"
        raise ValueError(
            f"Expected {name} as {number} above 0 and up to {largest:,}; found "
            f"{value!r:.40}. Choose a value in that range."
        )
