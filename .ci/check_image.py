"""Build the image, and run all services of compose.yaml on a demo table.

`python check_image.py docker` or `podman`; needs PyYAML and trustme, and podman-compose
with podman. Where podman cannot get the base image, root on Debian makes it.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trustme
import yaml

ROOT = Path(__file__).resolve().parent.parent
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
PROJECT = "edml-check"
LARGEST_MB = 1100
RUN = ["run", "-T", "--rm", "--no-deps"]
LONGEST_STOP = 10.0  # seconds of a service on a busy machine; 5 on an idle one

# podman without systemd, in a machine that is a container itself
CONTAINERS = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
# run as root: only the owner may read secrets
DEMO = """
import os
from edml import make_student_activity
os.mkdir("/made/events")
for name, seed in (("events", 1), ("new", 2)):
    X = make_student_activity(150, fail_rate=0.3, random_state=seed)
    X.to_csv(f"/made/events/{name}.csv", index=False)
for name in ("tokens", "served.pem"):
    os.chown(f"/made/{name}", 10001, 10001)
"""
QUICK = {
    "EDML_PATHS_NEW": "new.csv",
    "EDML_TUNE_ALGORITHMS": "lightgbm",
    "EDML_TUNE_EVALUATIONS": "2",
    "EDML_TUNE_FOLDS": "2",
}


class Engine:
    """docker or podman, and its compose."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder  # with compose.yaml, events and tokens
        self.environ = {**os.environ, "EDML_PATHS_NEW": "new.csv"}
        if name == "podman" and not Path("/run/systemd/system").exists():
            settings = folder / "containers.conf"
            settings.write_text(CONTAINERS)
            self.environ["CONTAINERS_CONF"] = str(settings)
        podman_compose = [sys.executable, "-m", "podman_compose"]
        self._compose = ["docker", "compose"] if name == "docker" else podman_compose

    def run(self, *arguments: str, quiet: bool = False) -> str:
        return self._call([self.name, *arguments], quiet)

    def compose(self, *arguments: str, quiet: bool = False) -> str:
        return self._call([*self._compose, "-p", PROJECT, *arguments], quiet)

    def _call(self, command: list[str], quiet: bool) -> str:
        start = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr or ''}")
        if not quiet:
            say(f"{time.monotonic() - start:5.1f} s  {' '.join(command)[:150]}")
        return done.stdout


def succeeds(engine: Engine, *arguments: str) -> bool:
    command = [engine.name, *arguments]
    done = subprocess.run(command, env=engine.environ, check=False, capture_output=True)
    return done.returncode == 0


def say(text: str) -> None:
    print(text, flush=True)


def expect(condition: bool, what: str) -> None:
    """End the run unless a promise holds."""
    if not condition:
        sys.exit(f"Failed: {what}")
    say(f"         {what}")


# -- the image ------------------------------------------------------------------


def build(engine: Engine) -> None:
    """Build the image that compose.yaml asks for."""
    (arguments,) = [one["build"]["args"] for one in SERVICES.values() if "build" in one]
    options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    if engine.name == "podman":
        options += ["--format=docker", "--network=host", "--pull=never"]
        options += _machine(engine.folder)
    engine.run("build", "--tag=edml", *options, str(ROOT))
    size = int(engine.run("image", "inspect", "--format={{.Size}}", "edml")) / 1e6
    expect(size < LARGEST_MB, f"the image has {size:.0f} of {LARGEST_MB} MB")


def _machine(folder: Path) -> Iterator[str]:
    """Return the options that hand on the machine's certificates and pip's settings."""
    if "SSL_CERT_FILE" in os.environ:
        bundle = "/usr/local/share/ca-certificates/machine.crt"
        yield f"--volume={os.environ['SSL_CERT_FILE']}:{bundle}:ro"
        (folder / "uv.toml").write_text("system-certs = true\n")
        yield f"--volume={folder}/uv.toml:/etc/uv/uv.toml:ro"
    if Path("/etc/pip.conf").exists():
        yield "--volume=/etc/pip.conf:/etc/pip.conf:ro"


def has_base(engine: Engine) -> bool:
    """Return whether the base image is there, could be made, or could be pulled."""
    name = (ROOT / "Dockerfile").read_text().split("FROM ")[1].split()[0]
    if name in engine.run("images", "--format={{.Repository}}:{{.Tag}}", quiet=True):
        return True
    if os.geteuid() == 0 and shutil.which("debootstrap"):
        make_base(engine, name)
        return True
    return succeeds(engine, "pull", name)


def make_base(engine: Engine, name: str) -> None:
    """Make an image like Debian's slim ones: without documentation and downloads."""
    suite = name.partition(":")[2].removesuffix("-slim")
    unused = [f"usr/share/{one}" for one in ("doc", "info", "locale", "man")]
    with TemporaryDirectory() as folder:
        root = Path(folder, "root")
        command = ["debootstrap", "--variant=minbase", suite, str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(
            "".join(f"path-exclude /{one}/*\n" for one in unused)
        )
        (root / "etc/apt/apt.conf.d/slim").write_text(
            'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };\n'
            'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";\n'
        )
        for one in (*unused, "var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / one)
            (root / one).mkdir()
        archive = str(Path(folder, "root.tar"))
        subprocess.run(["tar", "-C", str(root), "-cf", archive, "."], check=True)
        engine.run("import", "--change=CMD=bash", archive, name)


# -- the services ---------------------------------------------------------------


def prepare(engine: Engine) -> str:
    """Write the events, the token and a certificate; return the token."""
    shutil.copy(ROOT / "compose.yaml", engine.folder)
    services = {name: {"environment": QUICK} for name in SERVICES}
    (engine.folder / "compose.override.yaml").write_text(
        yaml.safe_dump({"services": services})
    )
    token = secrets.token_hex(32)
    tokens = engine.folder / "tokens"
    tokens.write_text(f"{token}\n")
    tokens.chmod(0o600)
    authority = trustme.CA()
    served = authority.issue_cert("risk.example.org")
    served.private_key_and_cert_chain_pem.write_to_path(engine.folder / "served.pem")
    mount = f"--volume={engine.folder}:/made"
    once = ["run", "--rm", "--network=none", "--user=0", "--entrypoint=python", mount]
    engine.run(*once, "edml", "-c", DEMO)
    return token


@contextmanager
def running(engine: Engine) -> Iterator[None]:
    """Run the workflow in its order, then the services that stay; remove all."""
    try:
        for name in workflow():
            # podman starts jobs again on which another depends
            engine.compose("--profile=workflow", *RUN, name)
        engine.compose("up", "--detach", "--no-deps", "model-serving", "app")
        yield
    finally:
        engine.compose("--profile=workflow", "down", "--volumes", quiet=True)


def workflow() -> list[str]:
    """Return the services of the workflow, each after the one it depends on."""
    after = {
        next(iter(one.get("depends_on", {})), None): name
        for name, one in SERVICES.items()
        if "workflow" in one.get("profiles", [])
    }
    order: list[str] = []
    while (name := after.get(order[-1] if order else None)) is not None:
        order.append(name)
    return order


def check_services(engine: Engine, token: str) -> None:
    wait_for(lambda: ask("http://127.0.0.1:8000/ready"), "the endpoint has a champion")
    wait_for(lambda: ask("http://127.0.0.1:8501/"), "the app answers")
    for name in ("model-serving", "app"):
        test = SERVICES[name]["healthcheck"]["test"]
        engine.compose("exec", "-T", name, *test[1:])
    predict = ["inference", "predict", "--json"]
    written = engine.compose(*RUN, *predict)
    by_command = risks(json.loads(written[written.index("{") :]))
    events = (engine.folder / "events" / "events.csv").read_bytes()
    url = "http://127.0.0.1:8000/predict"
    by_http = risks(json.loads(ask(url, events, token)))
    expect(len(by_http) > 0, f"the endpoint knows {len(by_http)} students")
    found = {key: by_http.get(key) for key in by_command}
    expect(found == by_command, f"`edml predict` equals it for {len(found)} students")
    try:
        ask("http://127.0.0.1:8000/model")
        expect(False, "a token is required")
    except urllib.error.HTTPError as error:
        expect(error.code == 401, "a token is required")


def risks(answer: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Return the probability of each student and course."""
    return {
        (one["user_uuid"], one["course_uuid"]): one["probability"]
        for one in answer["predictions"]
    }


def check_other_settings(engine: Engine) -> None:
    """Check the health with TLS, on another port, and with a proxy, all at once."""
    proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    settings = {
        "EDML_CERTIFICATE": "/run/secrets/served.pem",
        "EDML_ENDPOINT_PORT": "9443",
        **dict.fromkeys(proxies, "http://127.0.0.1:9"),
    }
    name = f"{PROJECT}-tls"
    engine.run(
        *["run", "--detach", f"--name={name}", "--read-only", "--tmpfs=/tmp"],
        *[f"--env={key}={value}" for key, value in settings.items()],
        f"--volume={engine.folder}/served.pem:/run/secrets/served.pem:ro",
        *[f"--volume={PROJECT}_registry:/registry:ro", "edml"],
    )
    try:
        test = SERVICES["model-serving"]["healthcheck"]["test"]
        wait_for(
            lambda: succeeds(engine, "exec", name, *test[1:]),
            "the health check passes with TLS, another port and a proxy",
        )
    finally:
        engine.run("rm", "--force", name, quiet=True)


def check_stop(engine: Engine) -> None:
    """Stop the services that stay; none may have to be killed."""
    for name in ("model-serving", "app"):
        start = time.monotonic()
        engine.compose("stop", name)
        seconds = time.monotonic() - start
        expect(seconds < LONGEST_STOP, f"{name} stops in {seconds:.1f} s")
    mine = f"--filter=label=com.docker.compose.project={PROJECT}"
    states = engine.run("ps", "--all", mine, "--format={{.Status}}", quiet=True)
    ended = [line for line in states.splitlines() if line.startswith("Exited (0)")]
    expect(len(ended) == 2, "both ended by themselves")


def wait_for(answers: Callable[[], object], what: str, seconds: float = 180) -> None:
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            if answers():
                break
        except OSError:  # includes urllib's errors
            pass
        time.sleep(0.5)
    waited = time.monotonic() - start
    expect(waited < seconds, f"{what} ({waited:.0f} s)")


def ask(url: str, body: bytes | None = None, token: str | None = None) -> bytes:
    headers = {} if body is None else {"Content-Type": "text/csv"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, headers), timeout=60) as answer:
        found: bytes = answer.read()
        return found


def main() -> None:
    with TemporaryDirectory() as folder:
        engine = Engine(sys.argv[1], Path(folder))
        if not has_base(engine):
            say("NOT RUN: the base image is not here, and cannot be pulled or made.")
            return
        build(engine)
        token = prepare(engine)
        with running(engine):
            check_services(engine, token)
            check_other_settings(engine)
            check_stop(engine)


if __name__ == "__main__":
    main()
