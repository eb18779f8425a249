"""Count what an import reads and which rules apply, for its report."""

from dataclasses import dataclass, field, replace

from edml.sources._import_report import ImportReport


@dataclass
class Tally:
    """What the report will say."""

    tables: dict[str, int] = field(default_factory=dict)  # rows read
    rules: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)  # what the source does not record
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)  # of the rules and notes

    def add(self, rule: str, count: int, *, doubt: bool = False) -> None:
        """Count the cases of a rule, if there are any.

        It is a ``doubt`` where figures may differ from what the user expects.
        """
        if count:
            self.rules[rule] = self.rules.get(rule, 0) + int(count)
            if doubt and rule not in self.doubts:
                self.doubts.append(rule)

    def guess(self, note: str) -> None:
        """Note what was guessed, and may change figures."""
        self.notes.append(note)
        self.doubts.append(note)

    def complete(self, report: ImportReport, source: str) -> ImportReport:
        """Return the report of an event table with what was read before it was made."""
        return replace(
            report,
            source=source,
            read=self.tables,
            rules={**self.rules, **report.rules},
            unknown=tuple(self.unknown),
            notes=(*self.notes, *report.notes),
            doubts=(*self.doubts, *report.doubts),
        )
