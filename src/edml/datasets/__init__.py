"""Sample event tables, the target, and the view from an earlier day."""

from edml.datasets._activity import make_student_activity
from edml.datasets._as_of import as_of
from edml.datasets._oulad import load_oulad
from edml.datasets._sample import load_activity
from edml.datasets._target import make_target

__all__ = [
    "as_of",
    "load_activity",
    "load_oulad",
    "make_student_activity",
    "make_target",
]
