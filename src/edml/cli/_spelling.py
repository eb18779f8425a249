"""Spell the parameters that a message of the library names as the command line does."""

import re
from collections.abc import Mapping

from edml._messages import Coded

_VALUE = r"(?:'(?P<text>[^']*)'|(?P<number>\w+(?:\.\w+)*))?"

#: Of the readers of a platform's tables.
IMPORT_OPTIONS = {
    "activity": "--activity",
    "courses": "--course",
    "exams": "--exams",
    "grade_scale": "--grade-scale",
    "passing_grade": "--passing-grade",
    "prefix": "--prefix",
    "student_roles": "--student-role",
    "tick_days": "--tick-days",
    "unknown": "--unknown",
    "until": "--until",
}


def spell(text: str, options: Mapping[str, str]) -> str:
    """Write ``until=`` as ``--until``, and ``unknown='drop'`` as ``--unknown drop``."""
    names = "|".join(options)

    def as_option(found: re.Match[str]) -> str:
        value = found["text"] or found["number"]
        value = None if value == "True" else value
        return f"{options[found['name']]} {value}" if value else options[found["name"]]

    said = re.sub(rf"\b(?P<name>{names})={_VALUE}", as_option, text)
    words = "|".join(name for name in options if "_" in name)
    said = re.sub(rf"\b(?:{words})\b", lambda found: options[found[0]], said)
    return Coded(said, text.parts) if isinstance(text, Coded) else said
