"""Reconcile values on a server that others also edit, by a three-way comparison.

It compares the registry's values, the values last written, and those on the server. A
value that only we have written may be replaced. A value that somebody else wrote is
kept and reported. The values last written are stored on the server as JSON.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Values = dict[str, str]
Changes = dict[str, str | None]  # None: removed


class Target(NamedTuple):
    """How to write a value to the server, remove it, and store the JSON."""

    write: Callable[[str, str], Any]
    remove: Callable[[str], Any]
    remember: Callable[[str], Any]


def reconcile(
    desired: Values, there: Mapping[str, str], remembered: str | None, target: Target
) -> tuple[Changes, Changes]:
    """Make ``there`` equal to ``desired``, and return writes and conflicts.

    Names that are neither desired nor remembered are not ours. A kill at any point is
    safe: during the writes, the JSON also holds the previous values, so that the next
    run does not mistake them for somebody else's.
    """
    written, before = read_memory(remembered)
    writes: Changes = {}
    conflicts: Changes = {}
    after: Values = {}
    for name in sorted({*desired, *written, *before}):
        wanted, found = desired.get(name), there.get(name)
        last = written.get(name)
        if found != wanted and found not in (last, before.get(name, last)):
            conflicts[name] = found
            wanted = last  # reported again until it is resolved
        elif found != wanted:
            writes[name] = wanted
        if wanted is not None:
            after[name] = wanted
    if writes:
        replaced = {name: there.get(name) for name in writes}
        target.remember(write_memory(after, replaced))
    for name, value in writes.items():
        if value is None:
            target.remove(name)
        else:
            target.write(name, value)
    text = write_memory(after, {})
    if writes or text != remembered:
        target.remember(text)
    return writes, conflicts


def write_memory(written: Values, before: Changes) -> str:
    """Return the JSON of the written values, and of those about to be replaced."""
    parts = {"written": written, "before": before}
    return json.dumps({name: part for name, part in parts.items() if part})


def read_memory(text: str | None) -> tuple[Values, Changes]:
    """Read the JSON; if damaged, it is empty, so every difference is a conflict."""
    try:
        found = json.loads(text or "{}")
        parts = [dict(found.get(name) or {}) for name in ("written", "before")]
    except (AttributeError, TypeError, ValueError):
        return {}, {}
    values = [value for part in parts for value in part.values()]
    if not all(value is None or isinstance(value, str) for value in values):
        return {}, {}
    return parts[0], parts[1]
