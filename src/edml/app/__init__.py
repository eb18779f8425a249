"""The web app: this week's students, and the models, in a browser.

The pages are Streamlit's, and thin; what they show is made by functions that know
nothing of it. Streamlit is imported when the app is run.
"""

from edml.app._launch import run
from edml.app._settings import AppSettings

__all__ = ["AppSettings", "run"]
