"""create_app: the endpoint as an app of its own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from edml.registry import ModelRegistry
from edml.serving._blueprint import create_blueprint
from edml.serving._limits import Limits
from edml.serving._logs import configure_logs

if TYPE_CHECKING:
    import flask


def create_app(
    registry: ModelRegistry,
    *,
    tokens: Mapping[str, Iterable[str]] | Sequence[str] | None = None,
    limits: Limits | None = None,
    poll_seconds: float = 2.0,
) -> "flask.Flask":
    """Make a Flask app that serves the champion of a registry.

    Parameters
    ----------
    registry : ModelRegistry
        Its production model is served, as `create_blueprint` tells.
    tokens : mapping of str to iterable of str, or sequence of str, default=None
        The bearer tokens that are let in, as for `create_blueprint`; None asks for no
        token.
    limits : Limits, default=None
        How much one request may ask; None is ``Limits()``.
    poll_seconds : float, default=2.0
        How often to look for another champion, in seconds, > 0.

    Returns
    -------
    app : flask.Flask
        For a WSGI server. All its refusals are documents of RFC 9457, those of
        unknown paths as well. It logs one line of JSON per request to standard error,
        unless the logger ``edml.serving`` has a handler already.

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
    create_blueprint : The same, for an app that you have.
    read_tokens : Reads the tokens from a file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from edml import ModelRegistry, RiskClassifier, load_activity
    >>> from edml.serving import create_app
    >>> X, y = load_activity(return_X_y=True)
    >>> model = RiskClassifier().fit(X, y)
    >>> events = X[X["user_uuid"] == X["user_uuid"].iloc[0]]
    >>> with TemporaryDirectory() as folder:
    ...     registry = ModelRegistry(folder)
    ...     record = registry.promote(registry.register(model).version)
    ...     client = create_app(registry).test_client()
    ...     answer = client.post(
    ...         "/predict", data=events.to_csv(index=False), content_type="text/csv"
    ...     )
    >>> answer.status, answer.json["model"]
    ('200 OK', {'name': 'risk', 'version': 1})
    >>> found = answer.json["predictions"][0]["probability"]
    >>> bool(found == model.score_students(events)["probability"][0])
    True
    """
    configure_logs()
    blueprint = create_blueprint(
        registry, tokens=tokens, limits=limits, poll_seconds=poll_seconds
    )
    from edml.serving._routes import make_app  # noqa: PLC0415

    return make_app(blueprint)
