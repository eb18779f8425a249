"""Read the tables of a Canvas Data 2 export."""

from edml.sources._canvas._read import read_canvas

__all__ = ["read_canvas"]
