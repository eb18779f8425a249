"""Every public docstring agrees with the code."""

import ast
import inspect
import re
import textwrap
from typing import Any

import pytest

from public_api import public_methods, public_objects

OBJECTS = {
    path: obj
    for path, obj in public_objects().items()
    if callable(obj) and not (isinstance(obj, type) and issubclass(obj, Exception))
}
CLASSES = {path: obj for path, obj in OBJECTS.items() if isinstance(obj, type)}
FUNCTIONS = {path: obj for path, obj in OBJECTS.items() if inspect.isfunction(obj)} | {
    f"{path}.{name}": method
    for path, cls in CLASSES.items()
    for name, method in public_methods(cls).items()
}
DOCUMENTED = CLASSES | FUNCTIONS


def parametrize(objects: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("obj", objects.values(), ids=objects)


def sections(obj: object) -> dict[str, list[str]]:
    """Split a numpydoc docstring into its sections; "" is the first part."""
    found: dict[str, list[str]] = {"": []}
    title = ""
    lines = (inspect.getdoc(obj) or "").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line and re.fullmatch(r"-{3,}", following) and len(line) == len(following):
            title = line
            found[title] = []
        elif not re.fullmatch(r"-{3,}", line):
            found[title].append(line)
    return found


def entries(lines: list[str]) -> dict[str, str]:
    """Read `name, name : type` lines as {name: type}."""
    found = {}
    for line in lines:
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            found.update(dict.fromkeys(re.split(r",\s*", names), kind))
    return found


def parameters(obj: Any) -> dict[str, inspect.Parameter]:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {
        stars.get(parameter.kind, "") + name: parameter
        for name, parameter in inspect.signature(obj).parameters.items()
        if name not in {"self", "cls"}
    }


def documented_parameters(obj: object) -> dict[str, str]:
    text = sections(obj)
    lines = text.get("Parameters", [])
    if isinstance(obj, type) and "__init__" not in vars(obj) and parameters(obj):
        lines = lines or text.get("Attributes", [])  # a record: its fields
    return entries(lines)


def raised_names(obj: Any) -> set[str]:
    """Return the errors that a function's body raises by name."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(obj)))
    return {
        node.exc.func.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id[0].isupper()
    }


@parametrize(DOCUMENTED)
def test_summary_is_one_line(obj):
    summary = sections(obj)[""]
    assert summary, "no docstring"
    assert summary[0].endswith(".")
    assert len(summary) == 1 or not summary[1]


@parametrize(DOCUMENTED)
def test_every_parameter_is_documented_in_order(obj):
    assert list(documented_parameters(obj)) == list(parameters(obj))


@parametrize(DOCUMENTED)
def test_documented_defaults_are_those_of_the_signature(obj):
    documented = documented_parameters(obj)
    for name, parameter in parameters(obj).items():
        stated = re.search(r"\bdefault=(.+)$", documented.get(name, ""))
        if parameter.default is inspect.Parameter.empty:
            assert stated is None, f"{name} has no default"
            continue
        assert stated is not None, f"{name} has the default {parameter.default!r}"
        try:
            value = ast.literal_eval(stated[1])
        except (ValueError, SyntaxError):  # not a literal: as written
            assert stated[1] == repr(parameter.default), name
            continue
        assert value == parameter.default, name
        assert type(value) is type(parameter.default), name


@parametrize(FUNCTIONS)
def test_returned_value_is_documented(obj):
    returned = inspect.signature(obj).return_annotation
    if returned not in {None, "None"}:
        assert {"Returns", "Yields"} & set(sections(obj))


@parametrize(FUNCTIONS)
def test_errors_are_documented(obj):
    assert raised_names(obj) <= set(entries(sections(obj).get("Raises", [])))


@parametrize(OBJECTS)
def test_has_an_example(obj):
    assert any(">>> " in line for line in sections(obj).get("Examples", []))


@parametrize(CLASSES)
def test_fitted_attributes_are_documented(obj):
    source = "".join(  # method by method: a class that names its public package
        inspect.getsource(inspect.unwrap(method))  # has no source
        for method in vars(obj).values()
        if inspect.isfunction(method)
        # neither do a dataclass's generated methods
        and inspect.unwrap(method).__code__.co_filename != "<string>"
    )
    fitted = set(re.findall(r"\bself\.([a-z]\w*[a-z]_)\s*(?::[^=\n]+)?=[^=]", source))
    assert fitted <= set(entries(sections(obj).get("Attributes", [])))


def wrong(a: int, b: int = 3, *, c: str = "x") -> int:
    """Return a wrong docstring.

    Parameters
    ----------
    a : int
        One.
    b : int, default=4
        Other.
    """
    if a > b:
        raise ValueError(c)
    return a


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (test_every_parameter_is_documented_in_order, "'c'"),
        (test_documented_defaults_are_those_of_the_signature, "4 == 3"),
        (test_returned_value_is_documented, "Returns"),
        (test_errors_are_documented, "ValueError"),
        (test_has_an_example, "Examples|False"),
    ],
)
def test_the_check_can_fail(check, says):
    with pytest.raises(AssertionError, match=says):
        check(wrong)
