"""``edml-serve --check``: check from beside the server that it responds."""

import os
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from edml.exceptions import ServingError

_SECONDS = 4.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not to listen on
_HEALTHY = b'{"status":"ok"}'


def check_health(host: str, port: int, *, over_tls: bool) -> str:
    """Return the URL of a server that responds; otherwise raise a ServingError.

    `http.client` ignores the proxies of the environment.
    """
    host = _ANYWHERE.get(host, host)
    path = f"{os.environ.get('SCRIPT_NAME', '')}/health"
    shown = f"[{host}]" if ":" in host else host
    url = f"{'https' if over_tls else 'http'}://{shown}:{port}{path}"
    if over_tls:
        # The certificate is issued for the public name, not for this address. The
        # request holds nothing that another server could misuse.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection: HTTPConnection = HTTPSConnection(
            host, port, timeout=_SECONDS, context=context
        )
    else:
        connection = HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status == 200 and response.read(100) == _HEALTHY:
            return url
        found = f"another response, of status {response.status}"
    except (OSError, HTTPException) as error:
        found = getattr(error, "strerror", None) or type(error).__name__
    finally:
        connection.close()
    raise ServingError(
        f"Expected edml-serve to respond at {url}; found {found}. Check that it runs, "
        "and pass the options that it was started with."
    )
