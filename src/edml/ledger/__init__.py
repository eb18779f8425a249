"""A file of what was told about whom: every list that was made, and when."""

from edml.ledger._ledger import Ledger

__all__ = ["Ledger"]
