"""What to write on a server where others write too: a three-way comparison.

It compares what the registry says now, what was written last, and what is there. A
value that only we have written may be replaced. A value that somebody else wrote is
reported, and stays. What was written last is kept on the server as JSON.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Values = dict[str, str]
Changes = dict[str, str | None]  # None: removed


class Target(NamedTuple):
    """How to write something on the server, to remove it, and to keep the JSON."""

    write: Callable[[str, str], Any]
    remove: Callable[[str], Any]
    remember: Callable[[str], Any]


def reconcile(
    desired: Values, there: Mapping[str, str], remembered: str | None, target: Target
) -> tuple[Changes, Changes]:
    """Write what makes ``there`` equal to ``desired``, and return writes and conflicts.

    Names that are neither desired nor remembered are not ours. It may be killed at any
    point: while it writes, the JSON also holds the values before, so that the next run
    does not take its writes for another's.
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
            wanted = last  # reported again until somebody settles it
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
    """Return the JSON of what was written, and of what it is about to replace."""
    parts = {"written": written, "before": before}
    return json.dumps({name: part for name, part in parts.items() if part})


def read_memory(text: str | None) -> tuple[Values, Changes]:
    """Read the JSON; damaged, it is empty, and every difference is a conflict."""
    try:
        found = json.loads(text or "{}")
        parts = [dict(found.get(name) or {}) for name in ("written", "before")]
    except (AttributeError, TypeError, ValueError):
        return {}, {}
    values = [value for part in parts for value in part.values()]
    if not all(value is None or isinstance(value, str) for value in values):
        return {}, {}
    return parts[0], parts[1]
