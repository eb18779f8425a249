"""A file of every list that was made: who was on it, and when."""

from edml.ledger._ledger import Ledger
from edml.ledger._pseudonyms import read_key

__all__ = ["Ledger", "read_key"]
