"""The web app: this week's students, and the models, in a browser.

The pages are thin Streamlit scripts; the functions behind them do not depend on
Streamlit, which is imported when the app runs.
"""

from edml.app._launch import run
from edml.app._settings import AppSettings

__all__ = ["AppSettings", "run"]
