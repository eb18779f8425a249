"""Count what an import reads and which rules apply, for its report."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """What the report will say."""

    tables: dict[str, int] = field(default_factory=dict)  # rows read
    rules: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)  # what the source does not record
    notes: list[str] = field(default_factory=list)

    def add(self, rule: str, count: int) -> None:
        """Count the cases of a rule, if there are any."""
        if count:
            self.rules[rule] = self.rules.get(rule, 0) + int(count)
