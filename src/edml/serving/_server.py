"""``edml-serve``: the command, and the checks before it starts."""

import ctypes
import functools
import gc
import hashlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edml._optional import import_optional
from edml._urls import Url, as_path, check_stores
from edml.exceptions import EdmlError, RegistryError, ServingError
from edml.serving._check import check_health
from edml.serving._limits import Limits
from edml.serving._logs import configure_logs
from edml.serving._tokens import TokenBook, read_tokens

if TYPE_CHECKING:
    from edml.ledger import Ledger
    from edml.registry import ModelRegistry

REGISTRY_KEY = "EDML_REGISTRY_KEY"
LEDGER_KEY = "EDML_LEDGER_KEY"

_WORK_SECONDS = 10.0  # beyond the request's limit, to send the answer


def main(arguments: Iterable[str] | None = None) -> None:
    """Run the server from command line arguments, as ``edml-serve`` does.

    Options that are not given are read from the environment, such as
    ``EDML_REGISTRY_PATH``; a secret key is read only from ``EDML_REGISTRY_KEY``.

    Parameters
    ----------
    arguments : iterable of str, default=None
        The arguments without the program name; None reads ``sys.argv``.

    Raises
    ------
    SystemExit
        When the server has stopped, or with status 1 or 2 if it cannot start; the
        reason is printed to standard error.

    See Also
    --------
    create_app : Create the same endpoint for any WSGI server.

    Examples
    --------
    >>> from edml.serving import main
    >>> main(["--registry", "registry", "--port", "8000"])  # doctest: +SKIP
    """
    given = None if arguments is None else list(arguments)
    app(given, prog_name="edml-serve")


app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

#: Variables that other commands read too, and their earlier names.
_EARLIER = {
    "REGISTRY_PATH": "REGISTRY",
    "REGISTRY_NAME": "NAME",
    "ENDPOINT_HOST": "HOST",
    "ENDPOINT_PORT": "PORT",
    "ENDPOINT_TOKEN_FILE": "TOKEN_FILE",
}


def _named(variable: str) -> list[str]:
    return [f"EDML_{variable}", f"EDML_{_EARLIER[variable]}"]


_File = Path | None
Source = Callable[[], "ModelRegistry"]


@app.command(context_settings={"auto_envvar_prefix": "EDML"})
def _serve(
    registry: Annotated[
        Path,
        typer.Option(
            envvar=_named("REGISTRY_PATH"),
            metavar="PATH",
            parser=as_path,
            help="Folder of all registries, or its URL, such as s3://bucket/registry.",
        ),
    ] = Path("registry"),
    name: Annotated[
        str, typer.Option(envvar=_named("REGISTRY_NAME"), help="Which registry in it.")
    ] = "risk",
    public_keys: Annotated[
        str | None,
        typer.Option(
            envvar="EDML_REGISTRY_PUBLIC_KEYS",
            help="Files of the keys that sign the registry, separated by commas.",
        ),
    ] = None,
    memory: Annotated[
        _File,
        typer.Option(
            envvar="EDML_REGISTRY_MEMORY",
            help="File of the newest change that was read, against replay.",
        ),
    ] = None,
    copy: Annotated[
        _File,
        typer.Option(
            help="Folder for the copy of a registry at a URL. Default: in ~/.cache."
        ),
    ] = None,
    follow: Annotated[
        float,
        typer.Option(
            min=0.1, help="Seconds between looks at a URL for newly pushed models."
        ),
    ] = 10.0,
    host: Annotated[
        str, typer.Option(envvar=_named("ENDPOINT_HOST"), help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            envvar=_named("ENDPOINT_PORT"),
            min=0,
            max=65535,
            help="0 takes a free one.",
        ),
    ] = 8000,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="Requests that a worker works on at a time; 1 is the fastest.",
        ),
    ] = 1,
    workers: Annotated[
        int,
        typer.Option(min=1, max=256, help="Number of processes, such as one per core."),
    ] = 1,
    token_file: Annotated[
        _File,
        typer.Option(
            envvar=_named("ENDPOINT_TOKEN_FILE"),
            help="Bearer tokens, one a line: SECRET [predict,read]; none without it.",
        ),
    ] = None,
    certificate: Annotated[
        _File, typer.Option(help="Certificate chain in PEM, to serve over TLS.")
    ] = None,
    key: Annotated[
        _File,
        typer.Option(
            envvar="EDML_CERTIFICATE_KEY",
            help="Private key of the certificate, in PEM.",
        ),
    ] = None,
    origins: Annotated[
        str,
        typer.Option(
            help="Origins whose web pages may call it, separated by commas; none."
        ),
    ] = "",
    ledger: Annotated[
        _File,
        typer.Option(help="Record the answers in this file; nowhere without it."),
    ] = None,
    ledger_key_file: Annotated[
        _File,
        typer.Option(help="File of the key of its pseudonyms, or EDML_LEDGER_KEY."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            allow_from_autoenv=False,  # a variable must not keep the server from it
            help="Check that the server with these options responds, and exit.",
        ),
    ] = False,
) -> None:
    """Serve the champion of a registry over HTTP, until SIGTERM or Ctrl-C.

    A secret key that signs the registry is read from EDML_REGISTRY_KEY.
    """
    for variable, old in _EARLIER.items():
        if os.environ.get(f"EDML_{old}") and not os.environ.get(f"EDML_{variable}"):
            _warn(f"EDML_{old} is called EDML_{variable} now. Rename it.")
    keys = _split(public_keys or "")
    url = registry if isinstance(registry, Url) else None
    folder = registry if url is None else copy or _cache_of(url)
    source = functools.partial(_open, folder, name, keys, memory)
    try:
        if check:
            address = check_health(host, port, over_tls=certificate is not None)
            typer.echo(f"edml-serve: {address} responds")
            return
        check_stores(registry)
        import_optional("flask", extra="serve", purpose="Serving")
        import_optional("gunicorn", extra="serve", purpose="Serving")
        # gunicorn is not available on Windows; workers share modules imported before
        # the fork, and are ready sooner
        from edml.serving import _endpoint, _worker  # noqa: F401, PLC0415
        from edml.serving._origins import Origins  # noqa: PLC0415

        Origins(_split(origins))  # raises before it starts
        tokens = None if token_file is None else read_tokens(token_file)
        _load_tls(certificate, key)
        _check_address(host, port)
        _warn_of_mistakes(source(), host, token_file)
        answers = _open_ledger(ledger, ledger_key_file)
        # the garbage collector writes to every object that it tracks, and would copy
        # each page that the workers share with this process
        gc.collect()
        gc.freeze()
        _share_memory()
        limits = Limits()
        settings = _worker.gunicorn_settings(
            f"{_bracketed(host)}:{port}",
            workers=workers,
            grace_seconds=limits.timeout_seconds + _WORK_SECONDS,
            certificate=certificate,
            # each worker reads the files once; gunicorn would for every connection
            load_tls=functools.cache(functools.partial(_load_tls, certificate, key)),
            ready=functools.partial(_announce, certificate is not None),
        )
        _worker.Application(
            functools.partial(
                _make_app,
                source,
                TokenBook(tokens),
                limits,
                _split(origins),
                None if url is None else (url, follow),
                answers,
            ),
            limits=limits,
            threads=threads,
            settings=settings,
        ).run()
    except EdmlError as error:
        text = " ".join(str(error).split())
        typer.secho(f"edml-serve: {text}", fg="red", err=True)
        raise typer.Exit(1) from None


def _open(
    folder: Path,
    name: str,
    public_keys: Sequence[str] = (),
    memory: Path | None = None,
) -> "ModelRegistry":
    from edml.registry import ModelRegistry  # noqa: PLC0415 - seconds

    secret = os.environ.get(REGISTRY_KEY)
    # an empty key is passed on and rejected: the user meant to sign
    key = None if secret is None else secret.encode("utf-8", "surrogateescape")
    return ModelRegistry(
        folder,
        name,
        key,
        public_keys=public_keys,
        memory=memory,
        who="edml-serve",
        # a champion that ends its process must not end one worker after the other
        untrusted=True,
    )


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _cache_of(url: Url) -> Path:
    """Return the folder of the copy, which a restarted server finds again."""
    digest = hashlib.sha256(str(url).encode()).hexdigest()
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home, "edml", "registries", digest[:16])


def _make_app(
    source: Source,
    book: TokenBook,
    limits: Limits,
    origins: Sequence[str],
    followed: "tuple[Url, float] | None",
    ledger: "Ledger | None",
) -> Any:
    """Make the app of a worker; it begins to follow a registry at a URL."""
    from edml.serving._endpoint import (  # noqa: PLC0415
        EXTENSION,
        POLL_SECONDS,
        make_app,
        make_blueprint,
    )

    configure_logs()
    registry = source()
    pull, seconds = None, POLL_SECONDS
    if followed is not None:
        url, seconds = followed
        pull = functools.partial(registry.pull, url)
    blueprint = make_blueprint(
        registry, book, limits, seconds, origins=origins, pull=pull, ledger=ledger
    )
    app = make_app(blueprint)
    if followed is not None:
        for endpoint in app.extensions[EXTENSION].values():
            endpoint.watch.start()
    return app


def _open_ledger(path: Path | None, key_file: Path | None) -> "Ledger | None":
    """Open the ledger before the server starts, and raise if it cannot be used."""
    if path is None:
        return None
    from edml.ledger import Ledger, read_key  # noqa: PLC0415 - seconds

    given = os.environ.get(LEDGER_KEY)
    key = None if given is None else given.encode("utf-8", "surrogateescape")
    if key is None and key_file is not None:
        key = read_key(key_file)
    return Ledger(path, key)


def _share_memory() -> None:
    """Let all threads share one heap, where glibc would keep one for each of them."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX


def _load_tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is None:
            return None
        raise ServingError(
            "Expected a certificate with the private key; found only the key. Pass "
            "--certificate too."
        )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_refuse)
    except (OSError, ValueError) as error:  # includes ssl.SSLError
        raise ServingError(
            f"Expected a chain in PEM and its private key without a password; found "
            f"{type(error).__name__} in {certificate} with {key}. Check the two files, "
            "and your rights to them."
        ) from None
    return context


def _refuse() -> str:
    raise ValueError("a password")  # prevents OpenSSL from asking on the terminal


def _check_address(host: str, port: int) -> None:
    """Fail at once for an address that gunicorn would try five times."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ServingError(
            f"Expected an address to listen on; found {host} port {port}: {why}. "
            "Choose another --host or --port, or stop the program that uses it."
        ) from None


def _warn_of_mistakes(
    registry: "ModelRegistry", host: str, token_file: Path | None
) -> None:
    """Warn about probable mistakes, and continue."""
    try:
        registry.record("production")
    except (RegistryError, OSError) as error:
        text = " ".join(str(error).split())
        _warn(f"no champion yet, and /ready answers 503 until there is one: {text}")
    if token_file is None and not _is_loopback(host):
        _warn(
            f"anybody who reaches {host} may ask: pass --token-file, unless a proxy in "
            "front of it checks tokens."
        )


def _warn(text: str) -> None:
    typer.secho(f"edml-serve: {text}", fg="yellow", err=True)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _announce(over_tls: bool, arbiter: Any) -> None:
    scheme = "https" if over_tls else "http"
    for listener in arbiter.LISTENERS:
        host, port = listener.getsockname()[:2]
        typer.echo(f"edml-serve: listening on {scheme}://{_bracketed(host)}:{port}")
