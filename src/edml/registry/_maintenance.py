"""RegistryMaintenance: clean a registry, and import models into it."""

from numbers import Integral
from os import PathLike

from sklearn.utils import check_scalar

from edml._urls import as_path
from edml.registry._exchange import import_version
from edml.registry._pull import pull
from edml.registry._push import push
from edml.registry._reading import RegistryReader
from edml.registry._record import ModelRecord
from edml.registry._repair import repair
from edml.registry._state import removable
from edml.registry._verify import remove_leftovers


class RegistryMaintenance(RegistryReader):
    """Keep a registry small and whole."""

    def clean(self, keep_last: int = 5) -> list[int]:
        """Remove old development versions, and the leftovers of killed writes.

        Changes that an earlier edml wrote at length are written again in short. On a
        full disk, leftovers and versions can still be removed.

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
        remove_leftovers(self._store)  # first, because this makes room
        removed = self._store.remove_versions(
            lambda state: removable(state, int(keep_last)),
            f"clean, keep_last={keep_last}",
        )
        self._store.shorten_states()
        return removed

    def repair(self, *, dry_run: bool = False) -> list[str]:
        """Repair a damaged registry.

        A damaged newest state is replaced by the last whole one, and a version whose
        files are damaged or gone leaves the lists. Nothing but leftovers is destroyed:
        unusable files move to the folder ``damaged`` in the registry. Restore a backup
        instead if you have one: the changes in a damaged state are lost.

        Parameters
        ----------
        dry_run : bool, default=False
            Only return what would be done. Another process that is writing meanwhile
            may look like damage.

        Returns
        -------
        steps : list of str
            What is wrong and what was done, one step each; empty if all is well. A
            model that cannot be loaded, though its file is intact, stays.

        Raises
        ------
        RegistryError
            If no file can be read with these keys, or the disk fails.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from edml.registry import ModelRegistry
        >>> with TemporaryDirectory() as folder:
        ...     ModelRegistry(folder).repair(dry_run=True)
        []
        """
        return repair(self._store, dry_run)

    def import_(
        self, path: str | PathLike[str], *, trust_unsigned: bool = False
    ) -> ModelRecord:
        """Store the model of an exported file, in development if it is new.

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
            Its record; the ``origin`` of a new version says where it comes from.

        Raises
        ------
        RegistryError
            If the file is damaged or not signed, the model holds a type that is not
            allowed, or the version cannot be written.

        Warns
        -----
        UserWarning
            If the model is a stored version already, as for `ModelRegistry.register`.
        """
        return import_version(self._store, as_path(path), trust_unsigned)

    def push(self, url: str | PathLike[str]) -> list[int]:
        """Copy this registry to an object store, for `pull`.

        Versions are uploaded first, and one file that names everything last: whoever
        pulls meanwhile, or after an interruption, gets the earlier push. Only what is
        missing there is uploaded.

        Parameters
        ----------
        url : str or path-like
            The address of all registries there, such as "s3://bucket/registry", or a
            folder. Credentials come from the environment.

        Returns
        -------
        versions : list of int
            The versions that were not there before.

        Raises
        ------
        RegistryError
            If the registry at this address has changes that this one lacks, somebody
            else pushes at the same time, a file is damaged, or the key does not sign.
        RemoteError
            If the store cannot be reached or denies access.
        MissingExtraError
            If the library of the store is not installed.

        Notes
        -----
        Of two simultaneous pushes one fails, on every store that can write a file only
        where there is none: S3, Google Cloud Storage and Azure do. On others the later
        one may win unnoticed; what it shows is complete.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from sklearn.linear_model import LogisticRegression
        >>> from edml.registry import ModelRegistry
        >>> model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        >>> with TemporaryDirectory() as folder:
        ...     store = Path(folder, "store")  # or "s3://bucket/registry"
        ...     registry = ModelRegistry(Path(folder, "registry"))
        ...     record = registry.register(model)
        ...     pushed = registry.push(store)
        ...     pulled = ModelRegistry(Path(folder, "copy")).pull(store)
        >>> pushed, pulled
        ([1], [1])
        """
        return push(self._store, as_path(url))

    def pull(self, url: str | PathLike[str]) -> list[int]:
        """Bring this registry up to date with what was pushed to an object store.

        Everything is downloaded and checked before anything changes here: sizes,
        SHA-256, signatures, and ``memory``. Only what is missing here is downloaded.

        Parameters
        ----------
        url : str or path-like
            As for `push`.

        Returns
        -------
        versions : list of int
            The versions that were not here before.

        Raises
        ------
        RegistryError
            If no registry of this name was pushed there, a file is damaged, not signed
            or older than ``memory`` allows, or this registry has unpushed changes.
        RemoteError
            If the store cannot be reached or denies access.
        MissingExtraError
            If the library of the store is not installed.
        """
        return pull(self._store, as_path(url))
