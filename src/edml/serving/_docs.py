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
            yield from _describe_operation(operation, document["components"])
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
    operation: Mapping[str, Any], components: Mapping[str, Any]
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
    rows = [
        _row(f"{code} {kind}", _type(content["schema"]), answer)
        for code, found in operation["responses"].items()
        for answer in (_resolve(found, components["responses"]),)
        for kind, content in answer["content"].items()
    ]
    yield Table("Responses", ("status", "type", "meaning"), rows).to_html()


def _resolve(found: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    name = found.get("$ref", "").rpartition("/")[2]
    return named[name] if name else found


