"""What to write on a server where others write too: a comparison of three.

What the registry says now, what was written last, and what is there. A value that is
there, and that nobody but us wrote, may be replaced. One that somebody else wrote is
told, and left alone.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Values = dict[str, str]


@dataclass(frozen=True)
class Memory:
    """What was written last.

    Attributes
    ----------
    written : dict of str to str
        By name.
    before : dict of str to (str or None)
        What was there of the names that were about to be written, until all of them
        are: whoever is killed in between does not take its own writes for another's.
    """

    written: Values = field(default_factory=dict)
    before: dict[str, str | None] = field(default_factory=dict)

    def to_text(self) -> str:
        """Give the memory as one text.

        Returns
        -------
        text : str
            JSON.
        """
        parts = {"written": self.written, "before": self.before}
        return json.dumps({name: part for name, part in parts.items() if part})

    @classmethod
    def from_text(cls, text: str | None) -> "Memory":
        """Read what `to_text` gave.

        Parameters
        ----------
        text : str or None
            What is there.

        Returns
        -------
        memory : Memory
            An empty one if it is nothing of the kind: then all that differs is told.
        """
        try:
            found = json.loads(text or "{}")
            return cls(_texts(found.get("written")), _texts(found.get("before")))
        except (AttributeError, ValueError):
            return cls()


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes
    ----------
    writes : dict of str to (str or None)
        What to write; None is to remove it.
    conflicts : dict of str to (str or None)
        What somebody else wrote, by name; None where it was removed.
    during, after : Memory
        What to remember before the first write, and after the last.
    """

    writes: dict[str, str | None]
    conflicts: dict[str, str | None]
    during: Memory
    after: Memory


def compare(desired: Values, memory: Memory, there: Mapping[str, str]) -> Plan:
    """Find what to write, and what others have changed.

    Parameters
    ----------
    desired : dict of str to str
        All that shall be there.
    memory : Memory
        What was written last.
    there : mapping of str to str
        What is there; names that are neither desired nor remembered are not ours.

    Returns
    -------
    plan : Plan
        One without writes where nothing has to be done.
    """
    written, before = memory.written, memory.before
    writes: dict[str, str | None] = {}
    conflicts: dict[str, str | None] = {}
    after: Values = {}
    for name in sorted({*desired, *written, *before}):
        wanted, found = desired.get(name), there.get(name)
        last = written.get(name)
        if found != wanted and found not in (last, before.get(name, last)):
            conflicts[name] = found
            wanted = last  # told again until somebody settles it
        elif found != wanted:
            writes[name] = wanted
        if wanted is not None:
            after[name] = wanted
    replaced = {name: there.get(name) for name in writes}
    return Plan(writes, conflicts, Memory(after, replaced), Memory(after))


@dataclass(frozen=True)
class Target:
    """Something on the server that is brought in step.

    Attributes
    ----------
    write, remove : callable
        Of a name, with its value or without.
    remember : callable
        Of a text.
    """

    write: Callable[[str, str], Any]
    remove: Callable[[str], Any]
    remember: Callable[[str], Any]

    def carry_out(self, plan: Plan, remembered: str | None) -> None:
        """Write what a plan says, so that it can be killed at any moment.

        Parameters
        ----------
        plan : Plan
            What to write.
        remembered : str or None
            What is remembered now.
        """
        if plan.writes:
            self.remember(plan.during.to_text())
            for name, value in plan.writes.items():
                if value is None:
                    self.remove(name)
                else:
                    self.write(name, value)
        if plan.writes or plan.after.to_text() != remembered:
            self.remember(plan.after.to_text())


def _texts(found: Any) -> dict[str, Any]:
    if found is None:
        return {}
    if not all(one is None or isinstance(one, str) for one in found.values()):
        raise ValueError
    return dict(found)
