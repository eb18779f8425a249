"""State: the stages of all versions, as one change left them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edml.exceptions import RegistryError
from edml.registry._protocol import STAGES, Document, read_number


@dataclass(frozen=True)
class State:
    """The stages of all versions, complete in itself.

    Attributes
    ----------
    generation : int
        Counts the changes; 0 before the first.
    stages : dict of int to str
        The stage of each version: "development", "staging" or "production". At most one
        is in production.
    what : str
        What made the change, such as "register".
    why : str
        Why it was made.
    who : str
        Who made it.
    when : str
        When, in UTC, as ISO 8601.
    detail : dict
        The figures behind it.
    highest : int
        The highest number that any version ever had, of those removed as well.
    """

    generation: int = 0
    stages: dict[int, str] = field(default_factory=dict)
    what: str = ""
    why: str = ""
    who: str = ""
    when: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    highest: int = 0

    @property
    def champion(self) -> int | None:
        """The version in production; None if there is none."""
        return next((v for v, s in self.stages.items() if s == "production"), None)

    def with_new(self, versions: Iterable[int]) -> "State":
        """Add versions as "development".

        Parameters
        ----------
        versions : iterable of int
            Above ``highest``.

        Returns
        -------
        state : State
            This one, if there are no versions.
        """
        new = sorted(versions)
        if not new:
            return self
        stages = {**self.stages, **dict.fromkeys(new, "development")}
        return replace(self, stages=stages, highest=new[-1])

    def check_successor(self, stages: Mapping[int, str]) -> dict[int, str]:
        """Check the stages that shall follow these.

        Parameters
        ----------
        stages : mapping of int to str
            The stage of every version.

        Returns
        -------
        stages : dict of int to str
            In the order of the versions.

        Raises
        ------
        RegistryError
            If a version is missing or unknown, a stage is none, or two versions are in
            production.
        """
        missing = sorted(set(self.stages) - set(stages))
        unknown = sorted(set(stages) - set(self.stages), key=str)
        if missing or unknown:
            message = (
                "Expected a stage for every version, and for no other; found none for "
                f"{missing}, and one for the unknown {unknown}. Give the full map; a "
                "version goes by remove_versions."
            )
            raise RegistryError(message)
        check_stages(stages)
        return {version: str(stages[version]) for version in sorted(stages)}

    def to_body(self) -> Document:
        """Give what the state's file says.

        Returns
        -------
        body : dict
            Without the place.
        """
        return {
            "highest": self.highest,
            "stages": {str(v): stage for v, stage in self.stages.items()},
            "what": self.what,
            "why": self.why,
            "who": self.who,
            "when": self.when,
            "detail": self.detail,
        }

    @classmethod
    def from_document(cls, document: Document) -> "State":
        """Read what the state's file says.

        Parameters
        ----------
        document : dict
            What `unseal` gives.

        Returns
        -------
        state : State
            With the versions in order.

        Raises
        ------
        RegistryError
            If no registry would write such stages.
        """
        found = {read_number(name): s for name, s in document["stages"].items()}
        versions = sorted(version for version in found if version is not None)
        if len(versions) != len(document["stages"]) or (
            versions and versions[-1] > document["highest"]
        ):
            message = (
                "Expected stages by version, up to the highest number given; found "
                f"others in generation {document['generation']} of the state. Restore "
                "the file from a backup."
            )
            raise RegistryError(message)
        stages = {version: found[version] for version in versions}
        check_stages(stages)
        names = ("generation", "what", "why", "who", "when", "detail", "highest")
        return cls(stages=stages, **{name: document[name] for name in names})


def check_stages(stages: Mapping[int, str]) -> None:
    """Check that all stages are known, and that there is one champion at most.

    Parameters
    ----------
    stages : mapping of int to str
        The stage of each version.

    Raises
    ------
    RegistryError
        If they are not.
    """
    wrong = sorted(v for v, stage in stages.items() if stage not in STAGES)
    if wrong:
        message = (
            f"Expected a stage of {', '.join(STAGES)}; found another for the versions "
            f"{wrong}. Choose one of the three."
        )
        raise RegistryError(message)
    champions = sorted(v for v, stage in stages.items() if stage == "production")
    if len(champions) > 1:
        message = (
            f"Expected one version in production; found {champions}. Give all but one "
            "another stage."
        )
        raise RegistryError(message)
