"""ModelRegistry: the versions of a model, their stages, and the champion."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml.inspection import Evaluation, evaluate
from edml.monitoring import Reference
from edml.registry import _derive
from edml.registry._contest import Contest, hold
from edml.registry._decision import Rules
from edml.registry._evaluations import REPORT, VALIDATION, rows_of_contests
from edml.registry._maintenance import RegistryMaintenance
from edml.registry._protocol import MODEL
from edml.registry._record import ModelRecord
from edml.registry._signing import Keys
from edml.registry._state import (
    DEVELOPMENT,
    PRODUCTION,
    ROLLBACK,
    STAGING,
    State,
    check_choice,
)
from edml.registry._store import ModelStore, check_unseen
from edml.registry._training import describe_training


class ModelRegistry(RegistryMaintenance):
    """A folder of versions of a model, one of which is the champion.

    A version is a model file with its record and its evaluations. It is never
    rewritten, and several processes may share the folder. Every version starts in
    "development"; those on trial are in "staging", and at most one, the champion, is in
    "production". Nothing is ever unpickled: files are checked against the record and
    against a closed list of types before they are loaded.

    Parameters
    ----------
    path : str or path-like, default="registry"
        The folder of all registries, created by the first write.
    name : str, default="risk"
        Name of this line of models: letters, digits, ``-``, ``_`` and ``.``.
    key : bytes, default=None
        A secret that signs everything that is written; reading anything not signed with
        it raises an error. Without any key, a file that was edited together with its
        hashes cannot be detected.
    private_key : str or path-like, default=None
        The file of an Ed25519 private key, which signs instead of ``key``.
    public_keys : sequence of str or path-like, default=()
        The files of the public keys to trust. They can read, not write. If any key is
        given, everything that is read must be signed with one of them.
    memory : str or path-like, default=None
        A file, outside of ``path``, that keeps the highest generation of changes that
        was read: an older state then raises an error, although it is signed. Needs a
        key. None remembers nothing.
    who : str, default=None
        The author of the changes, for the history; None is "unknown".
    trusted : sequence of str, default=()
        Your own classes that the models may hold, with their modules, such as
        "mine.steps.Scaler"; loading a model runs their code.
    untrusted : bool, default=False
        Load every model in another process first, with bounded memory and time and no
        right to write files, and here only if it answers there. It takes seconds more
        for each model, and does not work on Windows. Use it for a folder that others
        write to and that no key signs.

    See Also
    --------
    ModelRecord : The metadata of a version.
    Contest : The comparison of new models with the champion.

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
        private_key: str | PathLike[str] | None = None,
        public_keys: Sequence[str | PathLike[str]] = (),
        memory: str | PathLike[str] | None = None,
        who: str | None = None,
        trusted: Sequence[str] = (),
        untrusted: bool = False,
    ) -> None:
        keys = Keys.read(key, private_key, public_keys)
        self._store = ModelStore(
            Path(path),
            name,
            keys,
            who=who,
            memory=None if memory is None else Path(memory),
            trusted=trusted,
            untrusted=untrusted,
        )

    def __repr__(self) -> str:
        home = self._store.home
        return f"ModelRegistry({str(home.root)!r}, {home.name!r})"  # never the key

    def register(
        self,
        model: Any,
        evaluation: Evaluation | None = None,
        tags: Mapping[str, Any] | None = None,
        *,
        parent: int | None = None,
        cross_validation: Mapping[str, Any] | None = None,
        reference: Reference | None = None,
    ) -> ModelRecord:
        """Store a fitted model as a new version, in development.

        A model whose file equals that of a stored version is this version.

        Parameters
        ----------
        model : RiskClassifier, pipeline or classifier
            A fitted model. For a RiskClassifier its `deployable` is stored, and for a
            pipeline the steps that predict, so that no training rows are stored.
        evaluation : Evaluation, default=None
            From `edml.evaluate`, on students that the model has not seen. It is the
            validation by which `compete` chooses its candidates.
        tags : dict, default=None
            Notes: names mapped to strings, numbers, booleans or None.
        parent : int, default=None
            The version that it was derived from.
        cross_validation : dict, default=None
            For the record: ``scoring``, ``mean``, ``std`` and ``n_folds`` of the
            search that found it.
        reference : Reference, default=None
            What `edml.monitoring.monitor` compares later data with; None is that of
            a RiskClassifier, ``reference_``.

        Returns
        -------
        record : ModelRecord
            Its record.

        Raises
        ------
        RegistryError
            If the model is not a fitted classifier or holds a type that is not on the
            list, the evaluation is of another model or of its training rows, or the
            version cannot be written.

        Warns
        -----
        UserWarning
            If the model is a stored version already. Its record is returned, tags and
            parent are ignored, and it gets the evaluation if it has none of the same
            rows and purpose.
        """
        return self._store.add(
            _derive.deployable(model),
            describe_training(model),
            evaluation=evaluation,
            tags=tags,
            parent=None if parent is None else self._store.find(parent),
            reference=reference or getattr(model, "reference_", None),
            cross_validation=cross_validation and dict(cross_validation),
        )

    def promote(
        self, version: int | str, stage: str = "production", why: str = ""
    ) -> ModelRecord:
        """Move a version up, by default to production.

        Parameters
        ----------
        version : int or {"staging", "latest"}
            Which.
        stage : {"production", "staging"}, default="production"
            The new stage. The previous champion goes back to development.
        why : str, default=""
            For the history.

        Returns
        -------
        record : ModelRecord
            With the new stage.

        Raises
        ------
        RegistryError
            If the version does not exist, its model is damaged, it would move down, or
            the change cannot be written.
        """
        check_choice("a stage", stage, (PRODUCTION, STAGING))
        return self._move("promote", self._store.find(version), stage, why)

    def demote(self, version: int | str, why: str = "") -> ModelRecord:
        """Move a version back to development.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            The version. Demoting the champion leaves no champion until another is
            promoted.
        why : str, default=""
            For the history.

        Returns
        -------
        record : ModelRecord
            With the new stage.

        Raises
        ------
        RegistryError
            If the version does not exist, or the change cannot be written.
        """
        version = self._store.find(version)
        return self._move("demote", version, DEVELOPMENT, why)

    def _move(self, what: str, version: int, stage: str, why: str) -> ModelRecord:
        def update(state: State) -> State:
            if what == "promote":
                state.check_below(version, stage)
                self._store.read_file(version, MODEL)  # raises if it is damaged
            return state.move(version, stage)

        detail = {"version": version, "stage": stage}
        self._store.change(what, str(why), update, detail)
        return self._store.record_in(version, stage)

    def rollback(self, why: str = "") -> ModelRecord:
        """Bring the previous champion back, and undo the promotion since.

        Versions that the promotion moved, such as the losers of a contest, return to
        their stages, unless they were moved again. A second rollback goes back one step
        further; it does not restore the version that was rolled back. The last 100
        champions are remembered.

        Parameters
        ----------
        why : str, default=""
            For the history.

        Returns
        -------
        record : ModelRecord
            The record of the champion.

        Raises
        ------
        RegistryError
            If no previous champion is still stored, its model is damaged, or the
            change cannot be written.
        """

        def update(state: State) -> State:
            new = state.rolled_back(self._store.moves_of_champion(state))
            self._store.read_file(new.find(PRODUCTION), MODEL)  # raises if damaged
            return new

        state = self._store.change(ROLLBACK, str(why), update)
        return self._store.record_in(state.find(PRODUCTION), PRODUCTION)

    def reevaluate(
        self,
        X: Any,
        y: ArrayLike,
        version: int | str = "production",
        *,
        purpose: str = "report",
        groups: ArrayLike | None = None,
    ) -> Evaluation:
        """Evaluate a stored model on other rows, and store the evaluation.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Rows of students that it has not seen.
        y : array-like of shape (n_rows,)
            Their outcomes.
        version : int or {"production", "staging", "latest"}, default="production"
            Which.
        purpose : {"report", "validation"}, default="report"
            With "validation", `compete` may choose its candidates by it.
        groups : array-like of shape (n_rows,), default=None
            Which rows are resampled together, as for `edml.evaluate`.

        Returns
        -------
        evaluation : Evaluation
            The stored evaluation.

        Raises
        ------
        RegistryError
            If the model was trained on these rows or its threshold was chosen on
            them, or the evaluation cannot be written.

        Warns
        -----
        UserWarning
            If a contest of this version was decided on these rows; the figures are then
            not shown as its performance.
        """
        check_choice("a purpose", purpose, (REPORT, VALIDATION))
        record = self.record(version)
        model = self._store.load(record.version)
        evaluation = evaluate(model, X, y, groups=groups)
        check_unseen(record.to_dict(), evaluation.data_fingerprint)
        self._store.store_evaluation(record.version, evaluation, purpose)
        used = rows_of_contests(self._store.headlines(record))
        if evaluation.data_fingerprint in used:
            warnings.warn(
                f"A contest of version {record.version} was decided on these rows: "
                "the figures are stored, and not shown as its performance. Evaluate "
                "it on other rows.",
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
        """Let the best versions compete with the champion.

        The challengers are those in development or staging that are best on the rows
        of the last validation; versions that were not validated on these are left out,
        and so are those that predict the same as another. All are evaluated on ``X``,
        and the best of them becomes the champion if it is better: with the default
        method, if the lower end of its gain's interval is above ``min_gain``. The
        interval comes from resamples of students that are the same for both models
        [1]_, and accounts for the number of candidates. If there is no champion, the
        best candidate becomes champion. The losers are in development afterwards.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Rows on which no contestant was trained, tuned or validated.
        y : array-like of shape (n_rows,)
            Their outcomes.
        n_candidates : int, default=3
            Maximum number of challengers that take part.
        update_champion : bool, default=True
            Whether the winner becomes the champion; if False, it is in staging.
        metric : str, default="average_precision"
            The headline metric that decides; lower is better for brier, log_loss and
            calibration_error.
        min_gain : float, default=0.0
            What the gain must exceed; not negative.
        confidence : float, default=0.95
            Joint coverage of all intervals, a fraction in (0, 1).
        method : {"bootstrap", "plain"}, default="bootstrap"
            "plain" only requires the gain itself to exceed ``min_gain``.
        n_resamples : int, default=1000
            Number of bootstrap resamples.
        random_state : int, default=0
            Controls the resampling.

        Returns
        -------
        contest : Contest
            The figures and the decision, also kept in the history. Each contestant's
            evaluation is stored with the purpose "choosing".

        Raises
        ------
        NoChallengerError
            If no version can take part.
        RegistryError
            If the champion has seen the rows, the metric is undefined on them, or the
            stages were changed meanwhile.

        References
        ----------
        .. [1] C. A. Field, A. H. Welsh, "Bootstrapping clustered data", Journal of
           the Royal Statistical Society B 69(3), 2007.
           https://doi.org/10.1111/j.1467-9868.2007.00593.x
        """
        check_scalar(n_candidates, "n_candidates", Integral, min_val=1)
        rules = Rules(metric, min_gain, confidence, method, n_resamples, random_state)
        return hold(self._store, X, y, int(n_candidates), update_champion, rules)

    def refit(
        self,
        version: int | str,
        X: Any,
        y: ArrayLike,
        tags: Mapping[str, Any] | None = None,
    ) -> ModelRecord:
        """Train a stored model on other rows, in the same way.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which; the new version names it as its parent.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The training rows.
        y : array-like of shape (n_rows,)
            Their outcomes.
        tags : dict, default=None
            Notes on the new version.

        Returns
        -------
        record : ModelRecord
            Of the new version, in development and not evaluated.

        Raises
        ------
        RegistryError
            If a part of it, such as your own sampler or splitter, cannot be rebuilt
            from its record, or the version cannot be written.

        Warns
        -----
        UserWarning
            If the new model is a stored version already, as for `register`.
        """
        return _derive.refit(self._store, version, X, y, tags)

    def retune_threshold(
        self,
        version: int | str,
        X: Any,
        y: ArrayLike,
        threshold: Any = None,
        tags: Mapping[str, Any] | None = None,
    ) -> ModelRecord:
        """Choose another threshold for a stored model.

        The rows must belong to students that the model has not seen. Its training rows
        raise an error; other rows of the same students cannot be detected, because no
        student data is stored.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which; the new version names it as its parent.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Rows of students that it has not seen.
        y : array-like of shape (n_rows,)
            Their outcomes.
        threshold : float, str, callable or Capacity, default=None
            The rule, as `RiskClassifier` takes it; None takes the rule of the record.
        tags : dict, default=None
            Notes on the new version.

        Returns
        -------
        record : ModelRecord
            The record of the new version, in development and not evaluated. Its
            probabilities equal those of its parent.

        Raises
        ------
        RegistryError
            If the model was trained on these rows, they have only one outcome, the
            record has no rule, or the version cannot be written.

        Warns
        -----
        UserWarning
            If the new model is a stored version already, as for `register`.
        """
        return _derive.retune_threshold(self._store, version, X, y, threshold, tags)
