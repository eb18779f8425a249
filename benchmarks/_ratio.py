"""Times two things in one process, turn by turn, and compares the best of each.

These ratios stay meaningful on a busy machine, where absolute times do not.
"""

import time
from collections.abc import Callable


def best_times(*actions: Callable[[], object], repeat: int = 5) -> list[float]:
    """Give the shortest time of each action in seconds; they take turns."""
    times = [[] for _ in actions]
    for action in actions:
        action()  # imports, caches and allocators warm up
    for _ in range(repeat):
        for action, taken in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def ratio(action: Callable[[], object], against: Callable[[], object], repeat: int = 5):
    """Give the time of ``action`` as a multiple of that of ``against``."""
    mine, other = best_times(action, against, repeat=repeat)
    return mine / other
