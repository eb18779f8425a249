"""ModelRegistry: the versions of a model, their stages, and the champion."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml.exceptions import RegistryError
from edml.inspection import Evaluation, evaluate
from edml.registry import _derive, _exchange
from edml.registry._contest import Contest, hold
from edml.registry._duel import Rules
from edml.registry._evaluations import REPORT, VALIDATION, used_for_choosing
from edml.registry._exported import ExportedModel
from edml.registry._protocol import STAGES
from edml.registry._record import ModelRecord
from edml.registry._shelf import MODEL, Shelf, check_unseen, resolve
from edml.registry._stages import (
    DEVELOPMENT,
    PRODUCTION,
    ROLLBACK,
    STAGING,
    champion_before,
    move,
    removable,
)
from edml.registry._store import State, Store
from edml.registry._tables import list_evaluations, list_history, list_records
from edml.registry._training import describe_training


class ModelRegistry:
    """A folder of versions of a model, one of which is the champion.

    A version is a model file with its record and its evaluations. It is never
    rewritten, and the folder may be shared between processes. Every version begins in
    "development"; those that are tried are in "staging", and at most one, the champion,
    is in "production". Nothing is ever unpickled: what is loaded is checked against
    the record, then against a closed list of types.

    Parameters
    ----------
    path : str or path-like, default="registry"
        The folder of all registries; it is made at the first write.
    name : str, default="risk"
        Which line of models in it: letters, digits, ``-``, ``_`` and ``.``.
    key : bytes, default=None
        Signs all that is written, and refuses what it has not signed. Without one,
        a file that was edited together with its hashes cannot be told.
    who : str, default=None
        Who makes the changes, for the history; None is "unknown".
    trusted : sequence of str, default=()
        Classes of your own that the models may hold, with their modules, such as
        "mine.steps.Scaler"; their code is run when a model is loaded.

    See Also
    --------
    ModelRecord : What is known of a version.
    Contest : How a new model met the champion.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.registry import ModelRegistry
    >>> model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    >>> with TemporaryDirectory() as folder:
    ...     registry = ModelRegistry(folder, who="ada")
    ...     record = registry.register(model, tags={"term": "1-2024"})
    ...     record = registry.promote(record.version, why="the first one")
    ...     champion = registry.load("production")
    >>> record.version, record.stage
    (1, 'production')
    >>> champion.predict([[2.0]])
    array([1])
    """

    __module__ = "edml.registry"

    def __init__(
        self,
        path: str | PathLike[str] = "registry",
        name: str = "risk",
        key: bytes | None = None,
        *,
        who: str | None = None,
        trusted: Sequence[str] = (),
    ) -> None:
        self._store = Store(Path(path), name, key, who=who)
        self._shelf = Shelf(self._store, key, trusted)

    def __repr__(self) -> str:
        home = self._store.home
        return f"ModelRegistry({str(home.root)!r}, {home.name!r})"  # never the key

    @property
    def name(self) -> str:
        """Which line of models it is."""
        return self._store.home.name

    # -- versions --------------------------------------------------------------------

    def register(
        self,
        model: Any,
        evaluation: Evaluation | None = None,
        tags: Mapping[str, Any] | None = None,
        *,
        parent: int | None = None,
    ) -> ModelRecord:
        """Store a fitted model as a new version, in development.

        Parameters
        ----------
        model : RiskClassifier, pipeline or classifier
            Fitted. Of a RiskClassifier `deployable` is stored, and of a pipeline the
            steps that predict, so that no training row is.
        evaluation : Evaluation, default=None
            From `edml.evaluate`, on students that the model has not seen. It is the
            validation by which `compete` chooses its candidates.
        tags : dict, default=None
            What to note: names to texts, numbers, booleans or None.
        parent : int, default=None
            The version that it was made from.

        Returns
        -------
        record : ModelRecord
            Its record.

        Raises
        ------
        RegistryError
            If the model is not fitted, is no classifier or holds a type that is not on
            the list, the evaluation cannot be of this model or is of its training
            rows, or the version cannot be written.
        """
        if parent is not None:
            parent = self._shelf.find(parent)
        return self._shelf.add(
            _derive.deployable(model),
            describe_training(model),
            evaluation=evaluation,
            tags=tags,
            parent=parent,
        )

    def records(self, stage: str | None = None) -> pd.DataFrame:
        """List the versions.

        Parameters
        ----------
        stage : {"development", "staging", "production"}, default=None
            Which to list; None is all.

        Returns
        -------
        table : DataFrame of shape (n_versions, 18)
            One row per version: version, stage, algorithm, created_at, threshold, the
            headline figures of its latest evaluation that no contest was decided by
            (NaN where there is none), evaluated_at, purpose, parent and tags.

        Raises
        ------
        RegistryError
            If a record is damaged or not signed, or there is no such stage.
        """
        if stage is not None:
            _check_stage(stage, STAGES)
        return list_records(self._shelf, stage)

    def record(self, version: int | str) -> ModelRecord:
        """Read what is known of a version.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which, as for `load`.

        Returns
        -------
        record : ModelRecord
            With its present stage.

        Raises
        ------
        RegistryError
            If there is none, or the record is damaged or not signed.
        """
        return self._shelf.record(version)

    def load(
        self, version: int | str = "production", trusted: Sequence[str] = ()
    ) -> Any:
        """Load a model, and no other file than its own.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}, default="production"
            Its number; the champion; the one version in staging; or the newest.
        trusted : sequence of str, default=()
            Classes that it may hold, besides those of the registry.

        Returns
        -------
        model : classifier
            It predicts the same bits as the one that was registered.

        Raises
        ------
        RegistryError
            If there is no such version, or it is damaged, not signed, holds what is
            not allowed, or was written by a newer edml.

        Warns
        -----
        UserWarning
            If it was stored under libraries of other versions that may matter.
        """
        return self._shelf.load(self._shelf.find(version), trusted)

    # -- stages ----------------------------------------------------------------------

    def promote(
        self, version: int | str, stage: str = "production", why: str = ""
    ) -> ModelRecord:
        """Move a version up, to production unless told otherwise.

        Parameters
        ----------
        version : int or {"staging", "latest"}
            Which.
        stage : {"production", "staging"}, default="production"
            Where to. The champion before goes back to development.
        why : str, default=""
            For the history.

        Returns
        -------
        record : ModelRecord
            With the new stage.

        Raises
        ------
        RegistryError
            If there is no such version, its model is damaged, it would move down, or
            the change cannot be written.
        """
        _check_stage(stage, (PRODUCTION, STAGING))
        number = self._shelf.find(version)
        self._store.read_file(number, MODEL)  # no damaged one becomes the champion

        def check(before: str) -> None:
            if STAGES.index(before) > STAGES.index(stage):
                message = (
                    f"Expected a version below {stage}; found version {number} in "
                    f"{before}. Use demote."
                )
                raise RegistryError(message)

        return self._shelf.move("promote", number, stage, why, check)

    def demote(self, version: int | str, why: str = "") -> ModelRecord:
        """Move a version back to development.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which. Without the champion there is none until the next is promoted.
        why : str, default=""
            For the history.

        Returns
        -------
        record : ModelRecord
            With the new stage.

        Raises
        ------
        RegistryError
            If there is no such version, or the change cannot be written.
        """
        number = self._shelf.find(version)
        return self._shelf.move("demote", number, DEVELOPMENT, why)

    def rollback(self, why: str = "") -> ModelRecord:
        """Make the champion before the champion again.

        A second rollback goes back one further: what was rolled back does not return
        by itself.

        Parameters
        ----------
        why : str, default=""
            For the history.

        Returns
        -------
        record : ModelRecord
            Of the champion.

        Raises
        ------
        RegistryError
            If no champion before is still there, its model is damaged, or the change
            cannot be written.
        """

        def update(state: State) -> dict[int, str]:
            before = champion_before(self._store.history(), state)
            if before is None:
                message = (
                    "Expected a champion before this one; found none that is still "
                    "there. Promote the version that you want."
                )
                raise RegistryError(message)
            self._store.read_file(before, MODEL)
            return move(state, before, PRODUCTION)

        state = self._store.change(ROLLBACK, str(why), update)
        return self._shelf.read(resolve(state, PRODUCTION), PRODUCTION)

    def history(self) -> pd.DataFrame:
        """List all changes, the oldest first.

        Returns
        -------
        table : DataFrame
            One row per change: generation, when, who, what, why, champion (after it),
            previous_champion (which a rollback would bring back), changes (in words),
            moves and detail (the figures behind it: a dict). ``moves`` lists
            (version, stage before, stage after); a new version's stage before is
            "new", that of a removed one after it "removed".

        Raises
        ------
        RegistryError
            If a state is damaged or not signed.
        """
        return list_history(self._store.history())

    def previous_champion(self) -> int | None:
        """Return the version that `rollback` would bring back.

        Returns
        -------
        version : int or None
            None where no earlier champion is still stored.

        Raises
        ------
        RegistryError
            If a state is damaged or not signed.
        """
        return champion_before(self._store.history(), self._store.state())

    # -- evaluations -----------------------------------------------------------------

    def evaluations(self, version: int | str = "production") -> pd.DataFrame:
        """List the evaluations of a version, the oldest first.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}, default="production"
            Which.

        Returns
        -------
        table : DataFrame
            One row per evaluation: number, purpose, evaluated_at, fair (no contest of
            this version was decided on these rows), data_fingerprint, the headline
            figures, and evaluation, the Evaluation itself.

        Raises
        ------
        RegistryError
            If there is no such version, or an evaluation is damaged or not signed.
        """
        return list_evaluations(self._shelf, self._shelf.find(version))

    def reevaluate(
        self,
        X: Any,
        y: ArrayLike,
        version: int | str = "production",
        *,
        purpose: str = "report",
        groups: ArrayLike | None = None,
    ) -> Evaluation:
        """Judge a stored model on other rows, and store that.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Rows of students that it has not seen.
        y : array-like of shape (n_rows,)
            Their outcomes.
        version : int or {"production", "staging", "latest"}, default="production"
            Which.
        purpose : {"report", "validation"}, default="report"
            "validation" lets `compete` choose its candidates by it.
        groups : array-like of shape (n_rows,), default=None
            Who is drawn together for the intervals, as for `edml.evaluate`.

        Returns
        -------
        evaluation : Evaluation
            What was stored.

        Raises
        ------
        RegistryError
            If the model was trained on these rows or its threshold was chosen on
            them, or the evaluation cannot be written.

        Warns
        -----
        UserWarning
            If a contest of this version was decided on these rows, so that the
            figures are not shown as its performance.
        """
        if purpose not in (REPORT, VALIDATION):
            message = (
                f"Expected the purpose {REPORT!r} or {VALIDATION!r}; found "
                f"{purpose!r}. Choose one of the two."
            )
            raise RegistryError(message)
        record = self.record(version)
        model = self._shelf.load(record.version)
        evaluation = evaluate(model, X, y, groups=groups)
        check_unseen(record.to_dict(), evaluation.data_fingerprint)
        used = used_for_choosing(self._shelf.evaluations.briefs(record))
        self._shelf.add_evaluation(record.version, evaluation, purpose)
        if evaluation.data_fingerprint in used:
            warnings.warn(
                f"A contest of version {record.version} was decided on these rows: "
                "the figures are stored, and not shown as its performance. Judge it "
                "on other rows.",
                UserWarning,
                stacklevel=2,
            )
        return evaluation

    def compete(
        self,
        X: Any,
        y: ArrayLike,
        n_candidates: int = 3,
        update_champion: bool = True,
        *,
        metric: str = "average_precision",
        min_gain: float = 0.0,
        confidence: float = 0.95,
        method: str = "bootstrap",
        n_resamples: int = 1000,
        random_state: int = 0,
    ) -> Contest:
        """Let the best development versions meet the champion.

        Those with the best validation become "staging". All are judged on the rows
        given, and the best of them becomes the champion if it is better: with the
        default method, if the lower end of the interval of its gain is above
        ``min_gain``. The interval comes from resamples of students that are the same
        for both models [1]_, and allows for the number of candidates. Where there is
        no champion the best candidate becomes it.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Rows on which no contestant was trained, tuned or validated.
        y : array-like of shape (n_rows,)
            Their outcomes.
        n_candidates : int, default=3
            How many development versions take part at most.
        update_champion : bool, default=True
            Whether the winner takes the champion's place; False only notes it.
        metric : str, default="average_precision"
            The headline figure that decides; of brier, log_loss and
            calibration_error less is better.
        min_gain : float, default=0.0
            What the gain must exceed, from 0 on.
        confidence : float, default=0.95
            Of all intervals together, a fraction in (0, 1).
        method : {"bootstrap", "plain"}, default="bootstrap"
            "plain" asks for the gain itself to exceed ``min_gain``, however unsure.
        n_resamples : int, default=1000
            How often students are drawn.
        random_state : int, default=0
            Draws them.

        Returns
        -------
        contest : Contest
            The figures and the decision, which are in the history as well. Each
            contestant's evaluation is stored as used for choosing.

        Raises
        ------
        RegistryError
            If no development version can take part, the champion has seen the rows,
            the metric cannot be told on them, or the stages were changed meanwhile.

        References
        ----------
        .. [1] C. A. Field, A. H. Welsh, "Bootstrapping clustered data", Journal of
           the Royal Statistical Society B 69(3), 2007.
           https://doi.org/10.1111/j.1467-9868.2007.00593.x
        """
        check_scalar(n_candidates, "n_candidates", Integral, min_val=1)
        rules = Rules(metric, min_gain, confidence, method, n_resamples, random_state)
        return hold(self._shelf, X, y, int(n_candidates), update_champion, rules)

    # -- new versions from old ones ----------------------------------------------------

    def refit(
        self,
        version: int | str,
        X: Any,
        y: ArrayLike,
        tags: Mapping[str, Any] | None = None,
    ) -> ModelRecord:
        """Train a stored model anew, as it was trained, on other rows.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which; the new version names it as its parent.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The training rows.
        y : array-like of shape (n_rows,)
            Their outcomes.
        tags : dict, default=None
            What to note of the new version.

        Returns
        -------
        record : ModelRecord
            Of the new version, in development and not evaluated.

        Raises
        ------
        RegistryError
            If a part of it, such as a sampler or a splitter of your own, cannot be
            rebuilt from its record, or the version cannot be written.
        """
        return _derive.refit(self._shelf, version, X, y, tags)

    def retune_threshold(
        self,
        version: int | str,
        X: Any,
        y: ArrayLike,
        threshold: Any = None,
        tags: Mapping[str, Any] | None = None,
    ) -> ModelRecord:
        """Choose the threshold of a stored model anew.

        The rows must be of students that the model has not seen. Rows that it was
        trained on are refused; that other rows are of the same students cannot be
        known, for no student's data is stored.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which; the new version names it as its parent.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Rows of students that it has not seen.
        y : array-like of shape (n_rows,)
            Their outcomes.
        threshold : float, str, callable or Capacity, default=None
            The rule, as `RiskClassifier` takes it; None is the rule of the record.
        tags : dict, default=None
            What to note of the new version.

        Returns
        -------
        record : ModelRecord
            Of the new version, in development and not evaluated. Its probabilities are
            those of its parent.

        Raises
        ------
        RegistryError
            If the model was trained on these rows, they hold one outcome, the record
            names no rule, or the version cannot be written.
        """
        return _derive.retune_threshold(self._shelf, version, X, y, threshold, tags)

    # -- care --------------------------------------------------------------------------

    def clean(self, keep_last: int = 5) -> list[int]:
        """Remove old development versions, and what killed writes have left.

        Parameters
        ----------
        keep_last : int, default=5
            How many development versions stay, the newest. What is in staging or
            production stays, and so does the champion that `rollback` would bring
            back.

        Returns
        -------
        removed : list of int
            The versions that are gone; their numbers are not used again.

        Raises
        ------
        RegistryError
            If the state is damaged, or the disk fails.
        """
        check_scalar(keep_last, "keep_last", Integral, min_val=0)
        removed = self._store.remove_versions(
            lambda state: removable(self._store.history(), state, int(keep_last)),
            f"clean, keep_last={keep_last}",
        )
        self._store.remove_leftovers()
        return removed

    def verify(self) -> list[str]:
        """Check every file, and that every model can be loaded.

        Returns
        -------
        problems : list of str
            One sentence or more for each; empty if all is well.
        """
        problems = self._store.verify()
        try:
            stages = self._store.state().stages
        except RegistryError:
            return problems  # and nothing tells which versions there are
        for version, stage in stages.items():
            problems += self._shelf.problems(version, stage)
        return problems

    def export_model(self, version: int | str) -> ExportedModel:
        """Return a stored model as the bytes of its file, with its record.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which.

        Returns
        -------
        exported : ExportedModel
            For another system to keep; `read_model_file` reads it back.

        Raises
        ------
        RegistryError
            If there is no such version, or it is damaged or not signed.
        """
        record = self.record(version)
        data = self._store.read_file(record.version, MODEL)
        return ExportedModel(record=record, data=data, trusted=self._shelf.trusted)

    def export(self, version: int | str, path: str | PathLike[str]) -> Path:
        """Write a version with its evaluations to one file.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which.
        path : str or path-like
            A new file, in a folder that exists.

        Returns
        -------
        path : Path
            The file, for `import_` of another registry. It is signed with the key.

        Raises
        ------
        RegistryError
            If there is no such version, it is damaged, or the file exists or cannot
            be written.
        """
        return _exchange.export_version(
            self._shelf, self._shelf.find(version), Path(path)
        )

    def import_(
        self, path: str | PathLike[str], *, trust_unsigned: bool = False
    ) -> ModelRecord:
        """Store the model of a file as a new version, in development.

        Parameters
        ----------
        path : str or path-like
            What `export` wrote.
        trust_unsigned : bool, default=False
            Take a file that this registry's key has not signed; the new version is
            signed with it. Without a key, signatures are not looked at.

        Returns
        -------
        record : ModelRecord
            Of the new version; ``origin`` says where it comes from.

        Raises
        ------
        RegistryError
            If the file is damaged or not signed, the model holds what is not allowed,
            or the version cannot be written.
        """
        return _exchange.import_version(self._shelf, Path(path), trust_unsigned)


def _check_stage(stage: Any, known: Sequence[str]) -> None:
    if stage not in known:
        message = (
            f"Expected a stage of {', '.join(known)}; found {stage!r:.40}. Choose one "
            "of them."
        )
        raise RegistryError(message)
