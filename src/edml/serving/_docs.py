"""The OpenAPI document as a page that loads nothing and runs nothing."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

from edml._page import Cell, Html, Prose, Table, make_page

_REFERENCE = "#/components/schemas/"


def make_docs(document: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Return the page, and the headers that forbid a browser to load anything."""
    page = make_page("edml endpoint", "\n".join(_sections(document)))
    (style,) = re.findall(rb"<style>(.*?)</style>", page, re.DOTALL)
    policy = {
        "default-src": "'none'",
        "style-src": f"'sha256-{b64encode(sha256(style).digest()).decode()}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return page, {
        "Content-Security-Policy": "; ".join(map(" ".join, policy.items())),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield f"<p>{escape(info['summary'])} {escape(info['description'])}</p>"
    yield (
        f"<p>Version {escape(info['version'])}; all paths are below "
        f"<code>{escape(document['servers'][0]['url'])}</code>.</p>"
    )
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield from _describe_operation(operation, document)
    yield "<h2>Objects</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3>'
        yield f"<p>{escape(schema.get('description', ''))}</p>"
        required = schema.get("required", ())
        if fields := schema.get("properties"):
            rows = [
                _row(field, _type(of), of, "yes" if field in required else "no")
                for field, of in fields.items()
            ]
            yield Table(name, ("field", "type", "meaning", "required"), rows).to_html()
        else:
            yield f"<p>{_type(schema)}</p>"
        for example in schema.get("examples", ()):
            text = json.dumps(example, indent=2, ensure_ascii=False)
            yield "<details><summary>Example</summary>"
            yield f"<pre>{escape(text)}</pre></details>"


def _describe_operation(
    operation: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[str]:
    yield f"<p>{escape(operation['summary'])}</p>"
    if operation.get("security"):
        yield "<p>Send <code>Authorization: Bearer TOKEN</code>.</p>"
    if parameters := operation.get("parameters"):
        rows = [_row(one["name"], _type(one["schema"]), one) for one in parameters]
        yield Table("Parameters", ("parameter", "type", "meaning"), rows).to_html()
    if body := operation.get("requestBody"):
        yield f"<p>{escape(body['description'])}</p>"
        rows = [
            _row(kind, _type(content["schema"]), content["schema"])
            for kind, content in body["content"].items()
        ]
        yield Table("Body", ("content type", "type", "meaning"), rows).to_html()
    named = document["components"]["responses"]
    rows = [
        _row(f"{code} {kind}", _type(content["schema"]), answer)
        for code, found in operation["responses"].items()
        for answer in (named.get(found.get("$ref", "").rpartition("/")[2], found),)
        for kind, content in answer["content"].items()
    ]
    yield Table("Responses", ("status", "type", "meaning"), rows).to_html()


def _row(
    name: str, kind: str, described: Mapping[str, Any], *more: str
) -> list[str | Cell]:
    meaning = escape(described.get("description", ""))
    example = described.get("examples", [described.get("example")])[0]
    if example is not None:
        meaning += f" Example: <code>{escape(json.dumps(example))}</code>"
    return [name, Html(kind), Html(meaning), *map(Prose, more)]


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type of a schema in words, as HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(_REFERENCE))
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return escape(" or ".join(map(json.dumps, values)))
    kinds = schema.get("type", "anything")
    return escape(kinds if isinstance(kinds, str) else " or ".join(kinds))
