"""Which names count as exams by default."""

import pandas as pd
import pytest

from edml.sources._exam_rule import find_exams

EXAMS = (
    "Exam",
    "Final exam",
    "EXAMINATION 2",
    "Midterm",
    "Mid-term (rooms 1 to 4)",
    "mid term",
    "Final",
    "Exámenes de julio",
    "examen final",
    "PRIMER PARCIAL(20)",
    "Segundo parcial",
    "RECUPERATORIO PRIMER PARCIAL(20)",
    "INTEGRADOR(30)",
)
ASSIGNMENTS = (
    "Essay 1",
    "Quiz 3",
    "Test of chapter 2",
    "Final project",
    "Final Paper",
    "Example 4",
    "Finalists of the contest",
    "Trabajo práctico",
    "Informe final",
    "Partial derivatives",
)


@pytest.mark.parametrize(
    ("name", "is_exam"),
    [*((name, True) for name in EXAMS), *((name, False) for name in ASSIGNMENTS)],
)
def test_default_pattern(name, is_exam):
    work = pd.DataFrame({"course": ["1"], "name": [name], "category": [None]})
    assert list(find_exams(work, None)) == [is_exam]
