"""Files in an object store: read and written whole, with errors that keep secrets."""

import io
import re
import socket

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edml import _files, _urls
from edml._urls import Url, as_path, check_stores, is_store, need_local
from edml.exceptions import MissingExtraError, RemoteError, TableError
from edml.sources import read_events, read_table
from object_store import BUCKET, SECRET, Proxy, forget_stores

USERS = st.text("ABCDEFXYZ0189", min_size=16, max_size=20)
SECRETS = st.text(
    st.characters(codec="ascii", categories=["L", "N"], include_characters="+/=-_"),
    min_size=16,
    max_size=40,
)


def retry_fast(monkeypatch):
    """Wait for nothing between the tries of the store's library."""
    from s3fs import S3FileSystem  # noqa: PLC0415 - slow to import

    monkeypatch.setattr(S3FileSystem, "retries", 2)


# -- names -----------------------------------------------------------------------------


def test_a_path_stays_a_path(tmp_path):
    assert as_path("a/b.csv").parts == ("a", "b.csv")
    assert as_path(tmp_path) == tmp_path
    assert as_path((tmp_path / "with space").as_uri()) == tmp_path / "with space"


def test_names_below_a_url():
    url = as_path("s3://campus/in/events.csv.gz")
    assert (url.name, url.suffix, url.suffixes) == (
        "events.csv.gz",
        ".gz",
        [".csv", ".gz"],
    )
    assert str(url.parent / "more" / "x.csv") == "s3://campus/in/more/x.csv"
    assert (url.parent / "a" / "b").relative_to(url.parent).parts == ("a", "b")
    with pytest.raises(TypeError, match="Expected a path on this machine"):
        open(url)  # noqa: PTH123, SIM115


@given(USERS, SECRETS, st.sampled_from(["s3", "https", "sftp", "gs"]))
def test_no_secret_of_a_url_is_shown(user, secret, scheme):
    assume(scheme in ("s3", "gs") or not re.match(r"\d{1,5}/", secret))  # as a port
    for text in (
        f"{scheme}://{user}:{secret}@campus/events.csv",
        f"{scheme}://campus/events.csv?X-Amz-Signature={secret}",
        f"{scheme}://{user}:{secret}@campus/events.csv?sig={secret}#{secret}",
    ):
        url = as_path(text)
        for one in (url, url.parent, url / "more"):
            assert secret not in str(one)
            assert secret not in repr(one)


@given(USERS, SECRETS)
def test_a_password_in_a_url_is_rejected_unseen(user, secret):
    with pytest.raises(RemoteError, match="without a user and a password") as caught:
        check_stores(as_path(f"s3://{user}:{secret}@campus/events.csv"))
    assert secret not in str(caught.value)


def test_a_port_is_no_password():
    check_stores(as_path("http://127.0.0.1:8080/a@b.csv"))
    assert str(as_path("http://host:8080/a?b=c")) == "http://host:8080/a"


def test_databases_are_not_stores():
    assert is_store("s3://campus/moodle")
    assert not is_store("postgresql://reader:secret@host/moodle")
    assert not is_store("C:/moodle")


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(_urls, "find_spec", lambda name: None)
    real = _urls.import_optional

    def missing(module, **how):
        return real(f"{module}_is_not_there", **how)

    monkeypatch.setattr(_urls, "import_optional", missing)
    for url, extra in (("s3://a/b", "s3"), ("gs://a/b", "gcs"), ("az://a/b", "azure")):
        with pytest.raises(MissingExtraError, match=rf"pip install 'edml\[{extra}\]'"):
            read_events(url)


def test_some_places_must_be_on_this_machine():
    with pytest.raises(RemoteError, match=r"a registry on this machine.*s3://a/b\. Do"):
        need_local(as_path("s3://a/b?secret=1"), "a registry", "Do.")


# -- a real server ---------------------------------------------------------------------


def test_files_are_written_whole(store):
    url = as_path(store.url) / "out" / "list.csv"
    assert not url.exists()
    assert not url.parent.is_dir()
    assert list(url.parent.iterdir()) == []
    _files.replace_file(url, b"one")
    _files.replace_file(url, b"three")
    with pytest.raises(FileExistsError, match="pre-conditions"):
        _files.write_new(url, b"four")
    assert url.read_bytes() == b"three"
    assert url.size() == 5
    assert url.is_file()
    assert url.parent.is_dir()
    assert not url.is_dir()
    assert list(url.parent.iterdir()) == list(url.parent.rglob("*.csv")) == [url]
    with url.open(encoding="utf-8") as file:
        assert file.read() == "three"


def test_a_file_that_changes_while_it_is_read_is_noticed(store, monkeypatch):
    url = as_path(store.put("events.csv", b"old"))
    copy = _urls.copyfileobj

    def meanwhile(*args):
        copy(*args)
        store.put("events.csv", b"new")

    monkeypatch.setattr(_urls, "copyfileobj", meanwhile)
    with pytest.raises(RemoteError, match="changed while it was read"):
        url.open("rb")


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "xlsx", "jsonl"])
def test_tables_of_every_format_are_read(store, ending):
    X = pd.DataFrame({"user_uuid": ["a", "b"], "course_uuid": ["c", "c"]})
    X = X.assign(particion=[0, 1])
    buffer = io.BytesIO()
    match ending:
        case "parquet":
            X.to_parquet(buffer)
        case "xlsx":
            X.to_excel(buffer, index=False)
        case "jsonl":
            X.to_json(buffer, orient="records", lines=True)
        case _:
            packed = "gzip" if ending.endswith("gz") else None
            X.to_csv(buffer, index=False, compression=packed)
    store.put(f"in/events.{ending}", buffer.getvalue())
    found, _ = read_table(f"{store.url}/in/events.{ending}")
    assert found.astype(str).equals(X.astype(str).set_axis(found.index))


def test_a_folder_of_parts_is_read(store):
    for course in ("a", "b"):
        buffer = io.BytesIO()
        pd.DataFrame({"user_uuid": ["1"], "particion": [0]}).to_parquet(buffer)
        store.put(f"parts/course_uuid={course}/part-0.parquet", buffer.getvalue())
    found, _ = read_table(f"{store.url}/parts")
    assert sorted(found["course_uuid"]) == ["a", "b"]


def test_what_is_missing_is_said(store):
    with pytest.raises(TableError, match=r"There is no file s3://campus/none\.csv"):
        read_events(f"{store.url}/none.csv")
    for work in (Url.exists, Url.read_bytes, lambda url: url.write_bytes(b"1")):
        with pytest.raises(RemoteError, match="found no such bucket"):
            work(as_path("s3://no-such-bucket/x"))
    with pytest.raises(RemoteError, match="an unknown kind of store"):
        as_path("nowhere://a/b").exists()


def test_wrong_credentials_are_said_and_not_shown(store, monkeypatch):
    url = store.put("events.csv", b"user_uuid\n1\n")
    with store.locked():
        forget_stores()
        for work in (
            read_events,
            lambda url: as_path(url).read_bytes(),
            lambda url: _files.replace_file(as_path(url), b"1"),
        ):
            with pytest.raises(RemoteError, match="the store denies access") as caught:
                work(url)
            assert SECRET not in str(caught.value)
    assert store.get("events.csv") == b"user_uuid\n1\n"


def test_a_store_that_is_away_is_said(store, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    retry_fast(monkeypatch)
    forget_stores()
    with pytest.raises(RemoteError, match=r"Expected to read .*Check the connection"):
        read_events(f"{store.url}/events.csv")


@pytest.mark.parametrize("cut_after", [0, 150, 2_000, 60_000])
def test_a_connection_that_breaks_in_the_middle(store, monkeypatch, cut_after):
    data = b"user_uuid,course_uuid,particion\n" + b"a,b,1\n" * 20_000
    url = store.put("events.csv", data)
    proxy = Proxy(store.address)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    retry_fast(monkeypatch)
    forget_stores()
    proxy.cut_after = cut_after
    for work in (read_events, lambda url: as_path(url).open("rb")):
        with pytest.raises(RemoteError, match="Check the connection"):
            work(url)
    proxy.cut_after = None
    forget_stores()
    assert len(read_table(url)[0]) == 20_000
    proxy.close()


def test_an_upload_that_breaks_leaves_the_earlier_file(store, monkeypatch):
    url = as_path(store.put("out.bin", b"old"))
    proxy = Proxy(store.address)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    retry_fast(monkeypatch)
    forget_stores()
    proxy.cut_sent_after = 100_000
    with pytest.raises(RemoteError, match="nothing is half-written"):
        _files.replace_file(url, b"new" * 500_000)
    proxy.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.address)
    forget_stores()
    assert store.get("out.bin") == b"old"
    assert store.names() == ["out.bin"]
    assert BUCKET in store.url
