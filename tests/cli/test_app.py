"""`edml app` passes its options to the app, which has its own tests."""

from pathlib import Path

import pytest

from edml.app import AppSettings
from edml.exceptions import MissingExtraError, RegistryError


@pytest.fixture
def started(monkeypatch):
    """Record the app's arguments instead of starting it."""
    settings = []
    monkeypatch.setattr("edml.app.run", settings.append)
    return settings


@pytest.fixture
def start(edml, started):
    def start(*options, **environ):
        result = edml("app", *options, **environ)
        assert result.exit_code == 0, result.output
        (settings,) = started
        return settings

    return start


def test_sample_is_shown_without_options(start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = start()
    assert settings == AppSettings()
    assert settings.host == "127.0.0.1"
    assert not settings.allow_changes


def test_the_address_of_the_pages_is_shown(edml, started, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = edml("app", "--port", 9001, "--host", "localhost")
    assert "http://localhost:9001" in result.stderr
    assert (started[0].host, started[0].port) == ("localhost", 9001)


def test_all_options(start, with_champion):
    settings = start(
        "--data", "later.csv", "--registry", "registry", "--name", "risk",
        "--lang", "es", "--allow-changes",
    )  # fmt: skip
    assert settings.data == Path("later.csv")
    assert settings.language == "es"
    assert settings.allow_changes
    assert settings.open_client is None
    assert settings.open_registry().record("production").version == 1


def test_a_registry_in_its_usual_place_is_found(start, with_champion):
    settings = start()
    assert settings.open_registry().record("production").version == 1
    assert settings.data is None


def test_sample_model_does_not_score_uploaded_events(start, project):
    settings = start("--data", "later.csv")
    with pytest.raises(RegistryError, match="production"):
        settings.open_registry().record("production")


def test_settings_file_is_used(start, project):
    Path("edml.toml").write_text(
        '[paths]\nraw = "events.csv"\n'
        '[registry]\npath = "models"\nname = "line"\n'
        '[columns]\nuser_uuid = "alumno"\n',
        "utf-8",
    )
    settings = start()
    assert settings.data == Path("events.csv")
    assert settings.columns == {"user_uuid": "alumno"}
    assert settings.open_registry().name == "line"


def test_endpoint_request_uses_the_environment_token(start, project, monkeypatch):
    asked = []
    # patched where the class is defined: the importing module would keep the patch
    monkeypatch.setattr(
        "edml.serving._client.RiskClient", lambda *a, **k: asked.append((a, k))
    )
    monkeypatch.setenv("EDML_ENDPOINT_TOKEN", "s3cret")
    settings = start("--url", "https://risk.example.org")
    assert asked == []  # not before use
    assert settings.open_registry is None
    settings.open_client()
    ((url, token), options) = asked[0]
    assert (url, token) == ("https://risk.example.org", "s3cret")
    assert options["retries"] == 1
    assert "s3cret" not in repr(settings)


def test_a_registry_wins_over_the_configurations_endpoint(start, with_champion):
    Path("edml.toml").write_text('[endpoint]\nurl = "http://a.b"\n', "utf-8")
    assert start("--registry", "registry").open_client is None


def test_registry_and_endpoint_together_raise(edml, started, assert_fails, project):
    result = edml("app", "--registry", "registry", "--url", "http://a.b")
    assert_fails(result, "--url and --registry", code=2)
    assert started == []


def test_invalid_address_raises(edml, started, assert_fails, project):
    result = edml("app", "--url", "risk.example.org")
    assert_fails(result, "https://", code=2)
    assert started == []


def test_a_missing_file_raises_at_once(edml, started, assert_fails, project):
    assert_fails(edml("app", "--data", "missing.csv"), "no file missing.csv")
    assert_fails(edml("app", "--set", "paths.raw=gone.csv"), "no file gone.csv")
    assert started == []


def test_the_token_of_a_file(start, project, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "edml.serving._client.RiskClient", lambda *a, **k: asked.append(a)
    )
    path = Path("token")
    path.write_text("0123456789abcdef\n")
    path.chmod(0o600)
    settings = start("--url", "https://risk.example.org", "--token-file", "token")
    settings.open_client()
    assert asked == [("https://risk.example.org", "0123456789abcdef")]


def test_error_if_the_app_cannot_start(edml, assert_fails, project, monkeypatch):
    def raise_error(_):
        message = "The web app needs streamlit. Run: pip install 'edml[app]'."
        raise MissingExtraError(message, name="streamlit")

    monkeypatch.setattr("edml.app.run", raise_error)
    assert_fails(edml("app"), "edml[app]")


def test_the_source_section_is_handed_over(start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("edml.toml").write_text('[source]\ntimezone = "America/Bogota"\n')
    assert start().reading == {"timezone": "America/Bogota"}


def test_the_ledger_of_an_option_or_the_settings(start, with_champion, started):
    settings = start("--ledger", "told.db", "--set", "ledger.capacity=7")
    assert settings.open_ledger().path == Path("told.db")
    assert settings.capacity == 7
    assert not Path("told.db").exists()  # until there is a list
    started.clear()
    Path("edml.toml").write_text('[ledger]\npath = "ledger.db"\n', "utf-8")
    assert start().open_ledger().path == Path("ledger.db")


def test_the_file_of_contacts(start, with_champion, started):
    assert start().contacts is None
    started.clear()
    assert start("--ledger", "told/ledger.db").contacts == Path("told/contacts.csv")
    started.clear()
    Path("edml.toml").write_text('[paths]\ncontacts = "called.csv"\n', "utf-8")
    assert start("--ledger", "told/ledger.db").contacts == Path("called.csv")


def test_no_ledger_for_an_endpoint_or_the_sample(edml, started, project):
    for options in (("--url", "https://risk.example.org"), ()):
        result = edml("app", "--ledger", "told.db", *options)
        assert "The ledger is not used" in result.stderr
        assert started.pop().open_ledger is None


def test_an_unusable_ledger_raises_at_once(edml, started, assert_fails, with_champion):
    Path("told.db").write_text("a text" * 200)
    assert_fails(edml("app", "--ledger", "told.db"), "damaged")
    assert started == []
