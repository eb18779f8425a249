"""Former home of names now in `_nodes`; gone when tracking has moved."""

from edml.registry._nodes import nodes, type_name

__all__ = ["nodes", "type_name"]
