"""Run shap as plain Python in the tests, since compiling takes ten seconds."""

import os

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # read when shap is first imported
