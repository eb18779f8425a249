"""Speed and memory, measured as asv does: `nox -s bench`."""
