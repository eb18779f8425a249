"""The kinds of exams, by their names: the original platform's, English, or your own."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from edml.schema._columns import unknown_name

#: The exam names of each kind; the kind "overall" is every exam.
EXAM_KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "parciales": ("PRIMER PARCIAL(20)", "SEGUNDO PARCIAL(20)"),
        "integradores": ("INTEGRADOR(30)",),
        "recuperatorios": (
            "RECUPERATORIO PRIMER PARCIAL(20)",
            "RECUPERATORIO SEGUNDO PARCIAL(20)",
        ),
    }
)

_MIDTERMS = [
    *("midterm", "mid-term", "midterm exam", "mid-term exam"),
    *(f"{name} {n}" for name in ("midterm", "mid-term", "test") for n in "123"),
    *(f"{n} {name}" for n in ("first", "second") for name in ("midterm", "test")),
]
_FINALS = ["final", "final exam", "exam", "comprehensive exam"]
_AGAIN = ["resit", "retake", "make-up", "makeup"]
_RESITS = [
    *(*_AGAIN, "make-up exam", "makeup exam"),
    *(f"{name} {again}" for name in (*_MIDTERMS, *_FINALS) for again in _AGAIN),
]


def _any_case(names: Iterable[str]) -> tuple[str, ...]:
    """Return names in small letters, capitals, and with a capital each or first."""
    cases = (str.lower, str.upper, str.title, str.capitalize)
    return tuple(dict.fromkeys(case(name) for name in names for case in cases))


#: The sets of names that have a name, for ``exam_kinds="english"``.
EXAM_KIND_PRESETS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "original": EXAM_KINDS,
        "english": MappingProxyType(
            {
                "parciales": _any_case(_MIDTERMS),
                "integradores": _any_case(_FINALS),
                "recuperatorios": _any_case(_RESITS),
            }
        ),
    }
)


def resolve_exam_kinds(
    exam_kinds: str | Mapping[str, Iterable[str]] | None,
) -> dict[str, tuple[str, ...]]:
    """Return the exam names of every kind, stripped.

    ``exam_kinds`` is the name of a preset, or a mapping, in which a missing kind keeps
    the original platform's names; an unknown preset or kind, or a name in two kinds, is
    an error.
    """
    if isinstance(exam_kinds, str):
        if exam_kinds not in EXAM_KIND_PRESETS:
            message = unknown_name(
                exam_kinds, EXAM_KIND_PRESETS, "exam_kinds", "preset"
            )
            raise ValueError(message)
        return dict(EXAM_KIND_PRESETS[exam_kinds])
    kinds = dict(EXAM_KINDS)
    for kind, names in (exam_kinds or {}).items():
        if kind not in EXAM_KINDS:
            raise ValueError(unknown_name(kind, EXAM_KINDS, "exam_kinds", "exam kind"))
        if isinstance(names, str):
            message = f"exam_kinds[{kind!r}] is one string; pass a list of names."
            raise ValueError(message)
        kinds[kind] = tuple(name.strip() for name in names)
    every = [name for names in kinds.values() for name in set(names)]
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        message = f"exam_kinds names {twice} in two kinds; an exam has one kind."
        raise ValueError(message)
    return kinds
