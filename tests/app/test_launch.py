"""The app listens only locally, contacts nobody, and writes no upload to disk."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser

from edml.app import AppSettings, _launch
from edml.app._launch import (
    hand_over,
    handed_settings,
    keep_uploads_in_memory,
    run,
    streamlit_options,
)

SETTINGS = AppSettings()
BOUNDARY = "a-boundary"


async def _body(content):
    head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="events.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    yield head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def received(content):
    """Receive a file as the web server does; return whether it went to disk."""
    headers = Headers({"content-type": f"multipart/form-data; boundary={BOUNDARY}"})
    form = asyncio.run(MultiPartParser(headers, _body(content)).parse())
    ((_, file),) = form.multi_items()
    assert file.size == len(content)
    rolled = file.file._rolled
    file.file.close()
    return rolled


def test_an_upload_is_not_written_to_a_file(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 10)
    assert received(b"x" * 100)  # the server's default without edml
    keep_uploads_in_memory()
    assert not received(b"x" * 3_000_000)


def test_the_settings_stay_in_this_process():
    hand_over(SETTINGS)
    assert handed_settings() is SETTINGS


def test_it_listens_only_to_this_machine_by_default():
    assert streamlit_options(SETTINGS)["server_address"] == "127.0.0.1"
    told = AppSettings(host="0.0.0.0", port=9)  # noqa: S104
    assert streamlit_options(told)["server_address"] == "0.0.0.0"  # noqa: S104
    assert streamlit_options(told)["server_port"] == 9


def test_streamlit_knows_the_options():
    from streamlit import config  # noqa: PLC0415

    known = set(config._config_options_template)
    for name in streamlit_options(SETTINGS):
        assert name.replace("_", ".") in known, name


def test_browser_contacts_no_other_host():
    options = streamlit_options(SETTINGS)
    assert options["browser_gatherUsageStats"] is False
    assert options["client_showErrorDetails"] == "none"
    assert options["server_fileWatcherType"] == "none"


def test_a_taken_port_raises(monkeypatch):
    monkeypatch.setattr(_launch, "import_optional", lambda *_, **__: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = AppSettings(port=port)
        with pytest.raises(OSError, match=f"port {port}; it is in use"):
            run(settings)


def test_an_invalid_address_raises(monkeypatch):
    monkeypatch.setattr(_launch, "import_optional", lambda *_, **__: None)
    settings = AppSettings(host="no such host.invalid")
    with pytest.raises(OSError, match="it is not possible"):
        run(settings)


def test_streamlit_is_run_with_the_options(monkeypatch):
    calls = []

    class Bootstrap:
        def load_config_options(self, options):
            calls.append(options)

        def run(self, script, is_hello, arguments, options):
            calls.append((script, is_hello, arguments, options))

    class Parsers:
        class MultiPartParser:
            spool_max_size = 1

    modules = {"streamlit.web.bootstrap": Bootstrap(), "starlette.formparsers": Parsers}
    monkeypatch.setattr(_launch, "import_optional", lambda name, **_: modules[name])
    monkeypatch.setattr(_launch, "prepare_ahead", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = AppSettings(port=port)
    run(settings)
    options = streamlit_options(settings)
    script = str(Path(_launch.__file__).with_name("_main.py"))
    assert calls == [options, (script, False, [], options)]
    assert Parsers.MultiPartParser.spool_max_size > 200 * 1024**2
    assert handed_settings() is settings


def test_importing_the_app_imports_no_streamlit_and_no_pandas():
    code = (
        "import sys; import edml.app\n"
        "print(sorted({'streamlit', 'pandas', 'plotly'} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - the code is in this file
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
