"""Loading stored models: this edml against another, such as that of an earlier commit.

Each registers the same models, which the other one made, and loads them from its own
registry. They take turns in processes of their own, and the best times are compared.

    git worktree add ../earlier <commit>
    python benchmarks/bench_load.py ../earlier/src
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 8

MAKE = """
import sys
from pathlib import Path
from bench_registry import LEARNERS, make_champion, make_forest
from edml.registry._model_file import dumps
folder = Path(sys.argv[1])
for learner in LEARNERS:
    (folder / f"champion, {learner}").write_bytes(dumps(make_champion(learner)))
(folder / "forest of 100 trees").write_bytes(dumps(make_forest()))
"""
LOAD = """
import sys, tempfile, time
from edml.registry import ModelRegistry, read_model_file
with tempfile.TemporaryDirectory() as folder:
    registry = ModelRegistry(folder)
    for line in sys.stdin:
        path = line.strip()
        known = {record["tags"].get("path"): record["version"]
                 for _, record in registry.records().iterrows()}
        if path not in known:
            model = read_model_file(path)
            known[path] = registry.register(model, tags={"path": path}).version
        times = []
        for _ in range(5):
            start = time.process_time()
            registry.load(known[path])
            times.append(time.process_time() - start)
        print(min(times), flush=True)
"""


class Loader:
    """A process that loads models with the edml of one folder."""

    def __init__(self, source: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-W", "ignore", "-c", LOAD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(source),
        )

    def measure(self, path: Path) -> float:
        """Return the seconds of the fastest of five loads."""
        print(path, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def environment(source: Path) -> dict[str, str]:
    """Return the environment of a process that imports edml from a folder."""
    paths = [str(source.resolve()), str(Path(__file__).parent)]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}


def main(earlier: Path) -> None:
    """Print the milliseconds of both for every model, and their ratio."""
    sources = earlier, Path(__file__).parents[1] / "src"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603
            [sys.executable, "-W", "ignore", "-c", MAKE, folder],
            check=True,
            env=environment(earlier),
        )
        loaders = [Loader(source) for source in sources]
        for path in sorted(Path(folder).iterdir()):
            rounds = [[one.measure(path) for one in loaders] for _ in range(ROUNDS)]
            before, now = (1000 * min(times) for times in zip(*rounds, strict=True))
            print(  # noqa: T201
                f"{path.name}: {before:.1f} ms before, {now:.1f} ms now, "
                f"ratio {now / before:.2f}"
            )
        for loader in loaders:
            loader.process.stdin.close()
            loader.process.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
