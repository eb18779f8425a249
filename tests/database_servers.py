"""Start private PostgreSQL and MariaDB servers, which only this machine reaches."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

PASSWORD = "a secret: $%/@ word"  # noqa: S105 - its own server's
_SECONDS = 60  # to start a server


@contextmanager
def run_postgresql():
    """Yield the URL of an empty database."""
    initdb = _find("initdb", "/usr/lib/postgresql/*/bin")
    with _folder("postgres") as (folder, user):
        data, secret = folder / "data", folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["-U", "moodle", "-A", "scram-sha-256", f"--pwfile={secret}"]
        _prepare([initdb, "-D", data, *options, "-E", "UTF8", "--no-sync"], user)
        server = _find("postgres", str(Path(initdb).parent))
        settings = {
            "unix_socket_directories": folder,
            "listen_addresses": "",
            "fsync": "off",
        }
        flags = [f for name, v in settings.items() for f in ("-c", f"{name}={v}")]
        url = sa.URL.create(
            "postgresql+psycopg",
            username="moodle",
            password=PASSWORD,
            database="postgres",
            query={"host": str(folder)},
        )
        ready = [_find("pg_isready", str(Path(initdb).parent)), "-q", "-h", folder]
        # it would wait for open connections on the signal that others stop on
        with _serve(
            [server, "-D", data, *flags], user, lambda: _succeeds(ready), signal.SIGINT
        ):
            yield url


@contextmanager
def run_mariadb():
    """Yield the URL of an empty database."""
    install = _find("mariadb-install-db")
    with _folder("mysql") as (folder, user):
        data, socket = folder / "data", folder / "socket"
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        _prepare([install, "--no-defaults", f"--datadir={data}", *options], user)
        server = [_find("mariadbd", "/usr/sbin"), "--no-defaults"]
        flags = [f"--datadir={data}", f"--socket={socket}", "--skip-networking"]
        query = {"unix_socket": str(socket), "charset": "utf8mb4"}
        root = sa.URL.create("mariadb+pymysql", username="root", query=query)
        flags.append(f"--pid-file={folder}/pid")
        ready = [_find("mariadb-admin"), "--no-defaults", f"--socket={socket}", "ping"]
        with _serve([*server, *flags], user, lambda: _succeeds([*ready, "--silent"])):
            engine = sa.create_engine(root, poolclass=sa.NullPool)
            with engine.begin() as connection:
                for statement in (
                    "CREATE DATABASE moodle CHARACTER SET utf8mb4",
                    "CREATE USER moodle@localhost IDENTIFIED BY :password",
                    "GRANT ALL ON moodle.* TO moodle@localhost",
                ):
                    values = {"password": PASSWORD} if ":" in statement else {}
                    connection.execute(sa.text(statement), values)
            engine.dispose()
            yield root.set(username="moodle", password=PASSWORD, database="moodle")


def _find(program, folder=None):
    """Return the newest program of a folder, or the one on the path."""
    folders = sorted(Path("/").glob(folder.lstrip("/"))) if folder else []
    for one in [*reversed(folders), None]:
        if found := shutil.which(program, path=str(one) if one else None):
            return found
    message = (
        f"{program} is not installed. Install Debian's postgresql and mariadb-server, "
        "or run `nox -s databases` as root, which does."
    )
    raise RuntimeError(message)


@contextmanager
def _folder(owner):
    """Yield a folder, and the user to run as: servers refuse to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="edml-"))  # short: it holds a socket
    user = owner if os.geteuid() == 0 else None
    folder.chmod(0o755)
    if user:
        shutil.chown(folder, user)
    try:
        yield folder, user
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command, user=None):
    return subprocess.run(  # noqa: S603 - no shell, and our own arguments
        [str(part) for part in command],
        user=user,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _succeeds(command):
    return _run(command).returncode == 0


def _prepare(command, user):
    done = _run(command, user)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")


@contextmanager
def _serve(command, user, answers, stop=signal.SIGTERM):
    """Run a server; wait until it answers."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    server = subprocess.Popen(  # noqa: S603 - no shell, and our own arguments
        [str(part) for part in command],
        user=user,
        cwd="/",
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + _SECONDS
        while not answers():
            if server.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                message = f"{command[0]} does not answer:\n{log.read().decode()}"
                raise RuntimeError(message)
            time.sleep(0.1)
        yield
    finally:
        server.send_signal(stop)
        server.wait(timeout=60)
        log.close()
