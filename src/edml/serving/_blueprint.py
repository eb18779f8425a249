"""create_blueprint: the routes, and what stands before and behind each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from edml._optional import import_optional
from edml.registry import ModelRegistry
from edml.serving._limits import Limits
from edml.serving._tokens import TokenBook

if TYPE_CHECKING:
    import flask

_NEEDED = ("flask", "pydantic", "pyarrow", "prometheus_client", "orjson")


def create_blueprint(
    registry: ModelRegistry,
    *,
    tokens: Mapping[str, Iterable[str]] | Sequence[str] | None = None,
    limits: Limits | None = None,
    poll_seconds: float = 2.0,
    name: str = "edml",
) -> "flask.Blueprint":
    """Make a blueprint that serves the champion of a registry, for your own Flask app.

    Parameters
    ----------
    registry : ModelRegistry
        Its production model is served. One that is promoted later is taken within
        ``poll_seconds``, without a failed request; one that cannot be loaded, or cannot
        score made-up students, is refused and the one before served on. So it is
        if the registry is deleted, damaged or unreadable.
    tokens : mapping of str to iterable of str, or sequence of str, default=None
        The bearer tokens that are let in, each of 16 to 512 visible characters, and
        what each may do: "predict", "read" or both. A sequence lets each do both. None
        asks for no token: only where a proxy does.
    limits : Limits, default=None
        How much one request may ask; None is ``Limits()``.
    poll_seconds : float, default=2.0
        How often to look for another champion, in seconds, > 0.
    name : str, default="edml"
        The blueprint's, by which Flask tells two of them apart.

    Returns
    -------
    blueprint : flask.Blueprint
        With the routes POST /predict; GET /health, /ready, /model, /openapi.json and
        /metrics. /health and /ready ask for no token.

    Raises
    ------
    ServingError
        If a token is too short, or a scope unknown.
    MissingExtraError
        If the extra "serve" is not installed.
    ValueError
        If ``poll_seconds`` is not above 0.

    See Also
    --------
    create_app : The same as an app of its own.

    Notes
    -----
    Refusals are documents of RFC 9457 [1]_ (application/problem+json). They name
    columns and rows, and never a value of the body. The logger ``edml.serving`` tells
    one line per request, without tokens and values.

    References
    ----------
    .. [1] Nottingham, M., Wilde, E. and Dalal, S. (2023). Problem Details for HTTP
       APIs. RFC 9457. https://doi.org/10.17487/RFC9457

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from flask import Flask
    >>> from edml.registry import ModelRegistry
    >>> from edml.serving import create_blueprint
    >>> app = Flask("tutors")
    >>> with TemporaryDirectory() as folder:
    ...     blueprint = create_blueprint(ModelRegistry(folder))
    ...     app.register_blueprint(blueprint, url_prefix="/risk")
    ...     answer = app.test_client().get("/risk/ready")
    >>> answer.status, answer.json["code"]
    ('503 SERVICE UNAVAILABLE', 'no-champion')
    """
    for module in _NEEDED:
        import_optional(module, extra="serve", purpose="Serving")
    # it needs the extra from its first line on
    from edml.serving._routes import make_blueprint  # noqa: PLC0415

    return make_blueprint(
        registry,
        TokenBook(tokens),
        Limits() if limits is None else limits,
        _check_poll(poll_seconds),
        name,
    )


def _check_poll(seconds: float) -> float:
    if isinstance(seconds, bool) or not 0 < seconds < float("inf"):
        message = (
            f"Expected poll_seconds above 0; found {seconds!r:.40}. Choose a few "
            "seconds."
        )
        raise ValueError(message)
    return float(seconds)
