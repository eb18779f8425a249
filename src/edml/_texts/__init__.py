"""What `edml._messages` says for each code, in English for people."""

from edml._texts._commands import COMMANDS
from edml._texts._models import MODELS
from edml._texts._tables import TABLES

TEXTS = {**TABLES, **COMMANDS, **MODELS}
