"""RegistryMaintenance: clean a registry, and import models into it."""

from numbers import Integral
from os import PathLike
from pathlib import Path

from sklearn.utils import check_scalar

from edml.registry._exchange import import_version
from edml.registry._reading import RegistryReader
from edml.registry._record import ModelRecord
from edml.registry._state import removable
from edml.registry._verify import remove_leftovers


class RegistryMaintenance(RegistryReader):
    """Keep a registry small and whole."""

    def clean(self, keep_last: int = 5) -> list[int]:
        """Remove old development versions, and the leftovers of killed writes.

        Parameters
        ----------
        keep_last : int, default=5
            How many of the newest development versions to keep. Versions in staging or
            production and the previous champion are always kept.

        Returns
        -------
        removed : list of int
            The removed versions; their numbers are not reused.

        Raises
        ------
        RegistryError
            If the state is damaged, or the disk fails.
        """
        check_scalar(keep_last, "keep_last", Integral, min_val=0)
        removed = self._store.remove_versions(
            lambda state: removable(state, int(keep_last)),
            f"clean, keep_last={keep_last}",
        )
        remove_leftovers(self._store)
        return removed

    def import_(
        self, path: str | PathLike[str], *, trust_unsigned: bool = False
    ) -> ModelRecord:
        """Store the model of an exported file as a new version, in development.

        Parameters
        ----------
        path : str or path-like
            A file that `export` wrote.
        trust_unsigned : bool, default=False
            Accept a file that is not signed with this registry's key; the new version
            is. Without a key, signatures are ignored.

        Returns
        -------
        record : ModelRecord
            The record of the new version; ``origin`` says where it comes from.

        Raises
        ------
        RegistryError
            If the file is damaged or not signed, the model holds a type that is not
            allowed, or the version cannot be written.
        """
        return import_version(self._store, Path(path), trust_unsigned)
