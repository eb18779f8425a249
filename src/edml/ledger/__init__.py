"""A file of what was told about whom: every list that was made, and when."""

from edml.ledger._ledger import Ledger
from edml.ledger._pseudonyms import read_key

__all__ = ["Ledger", "read_key"]
