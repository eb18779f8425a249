"""Run Streamlit in this process, so that no secret passes through another."""

import errno
import socket
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from edml._optional import import_optional
from edml._translation import SOURCE_LANGUAGE
from edml.app._palette import BLUE, LIGHT_BLUE
from edml.app._settings import UPLOAD_LIMIT, AppSettings

_PAGES = Path(__file__).with_name("_main.py")
_MEGABYTE = 1024**2
_SERVES = 1.0  # seconds until the server answers, and no longer waits for imports
_READS = 10.0  # seconds that the first reader needs the processor for the list
_handed: list[AppSettings] = []


def run(settings: AppSettings) -> None:
    """Serve the pages until Ctrl-C; an address that is in use raises OSError."""
    bootstrap = import_optional(
        "streamlit.web.bootstrap", extra="app", purpose="The web app"
    )
    _check_free(settings.host, settings.port)
    keep_uploads_in_memory()
    hand_over(settings)
    prepare_ahead(settings)
    options = streamlit_options(settings)
    bootstrap.load_config_options(options)
    bootstrap.run(str(_PAGES), False, [], options)


def hand_over(settings: AppSettings) -> None:
    """Store the settings for the pages of this process."""
    _handed[:] = [settings]


def handed_settings() -> AppSettings:
    """Return the settings stored by `hand_over`."""
    return _handed[0]


def streamlit_options(settings: AppSettings) -> dict[str, object]:
    """Return Streamlit's options, which override the user's own configuration."""
    return {
        "server_address": settings.host,
        "server_port": settings.port,
        "server_headless": True,  # do not open a browser or ask for an email
        "server_fileWatcherType": "none",
        "server_runOnSave": False,
        "server_maxUploadSize": UPLOAD_LIMIT,
        "server_enableStaticServing": False,
        "browser_gatherUsageStats": False,
        "client_showErrorDetails": "none",  # the details may hold students' values
        "client_showErrorLinks": "false",
        "client_toolbarMode": "minimal",  # its menu is in English
        "logger_hideWelcomeMessage": True,
        "logger_level": "error",
        "global_developmentMode": False,
        # set for both: a single one would be a custom theme without a dark mode
        "theme_light_primaryColor": BLUE,
        "theme_dark_primaryColor": LIGHT_BLUE,
    }


def keep_uploads_in_memory() -> None:
    """Keep the web server from writing uploads to temporary files.

    Streamlit keeps uploads in memory, but Starlette, which receives them, moves files
    larger than a megabyte to temporary files.
    """
    parsers = import_optional(
        "starlette.formparsers", extra="app", purpose="The web app"
    )
    parsers.MultiPartParser.spool_max_size = (UPLOAD_LIMIT + 1) * _MEGABYTE


def prepare_ahead(settings: AppSettings) -> None:
    """Import what the pages need, and make the first list, meanwhile."""

    def prepare() -> None:
        with suppress(Exception):  # the page says what is wrong
            page = import_module("edml.app._scores_page")
            import_module("edml.app._scores_figures")
            source = import_module("edml.app._state").current_source()
            page.prepare(source, settings.language or SOURCE_LANGUAGE)
            if source.kind == "demo":
                time.sleep(_READS)
                source.registry  # noqa: B018 - for the page of models

    timer = threading.Timer(_SERVES, prepare)
    timer.daemon = True
    timer.start()


def _check_free(host: str, port: int) -> None:
    """Raise an OSError if the address is in use; Streamlit would only log it."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = (
            "it is in use" if error.errno == errno.EADDRINUSE else "it is not possible"
        )
        message = (
            f"Expected to listen at {host}, port {port}; {reason}. Choose another with "
            "--port or --host."
        )
        raise OSError(message) from None
