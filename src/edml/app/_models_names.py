"""Readable names for the models page, by the names of the library."""

from edml._translation import N_
from edml.metrics import METRIC_MEANINGS

_TITLES = {
    "roc_auc": N_("ROC AUC"),
    "average_precision": N_("Average precision"),
    "f1": N_("F1"),
    "precision": N_("Precision"),
    "recall": N_("Recall"),
    "accuracy": N_("Accuracy"),
    "brier": N_("Brier score"),
    "log_loss": N_("Log loss"),
    "calibration_error": N_("Calibration error"),
}
#: The headline metrics in the order of the page, each with a line of help.
METRICS = {name: (title, METRIC_MEANINGS[name]) for name, title in _TITLES.items()}

#: Verdicts of `Evaluation.compare`.
VERDICTS = {
    "better": N_("better"),
    "worse": N_("worse"),
    "cannot be told apart": N_("cannot be told apart"),
}

STAGES = {
    "development": N_("development"),
    "staging": N_("staging"),
    "production": N_("production"),
    "new": N_("new"),
    "removed": N_("removed"),
}

#: Kinds of changes in the history of a registry.
CHANGES = {
    "register": N_("registration"),
    "promote": N_("promotion"),
    "demote": N_("demotion"),
    "rollback": N_("rollback"),
    "compete": N_("contest"),
    "remove": N_("removal"),
    "import": N_("import"),
}

#: Curves of an evaluation: title, caption, and the text for a missing curve.
CURVES = {
    "roc": (
        N_("ROC"),
        N_(
            "For each threshold, the share of the failing that is flagged against the "
            "share of the passing that is. The area is {area}; 0.5 is chance. At the "
            "model's threshold (diamond), {tpr} of the failing and {fpr} of the "
            "passing are flagged."
        ),
        N_("This curve needs students who pass and students who fail."),
    ),
    "precision_recall": (
        N_("Precision and recall"),
        N_(
            "For each threshold, the share of the flagged that fail against the share "
            "of the failing that are flagged. Average precision is {area}; chance is "
            "{chance}. At the model's threshold (diamond), precision is {precision} "
            "and recall {recall}."
        ),
        N_("This curve needs students who fail."),
    ),
    "calibration": (
        N_("Calibration"),
        N_(
            "The share that fails among students with about the same probability; on "
            "the dotted line, probabilities mean what they say. The calibration error "
            "is {error}. The group with the highest probability, {highest_given} on "
            "average, fails in {highest_found} of cases."
        ),
        N_("There is nothing to draw."),
    ),
    "earliness": (
        N_("How early it warns"),
        N_(
            "ROC AUC on each day of the course, with its interval: {at_first} on day "
            "{first}, {at_last} on day {last}; 0.5 is chance. Of the failing, "
            "{share_alerted} are flagged at least once, for the first time {lead} days"
            " before the end (median)."
        ),
        N_(
            "No day has enough students, or the model was evaluated on a table without"
            " days."
        ),
    ),
    "thresholds": (
        N_("Thresholds"),
        N_(
            "Precision, recall and F1 for each threshold, by student and day. At the "
            "model's threshold, {threshold}, precision is {precision}, recall {recall} "
            "and F1 {f1}. On a day, {flagged} students of a course stand flagged, on "
            "average."
        ),
        N_("There is nothing to draw."),
    ),
}

#: Axes of charts, and columns of their tables.
AXES = {
    "threshold": N_("threshold"),
    "precision": N_("precision"),
    "recall": N_("recall"),
    "f1": N_("F1"),
    "flagged_per_course": N_("flagged per course"),
    "per_course": N_("contacted per course"),
    "n_contacted": N_("contacted"),
    "n_found": N_("of whom fail"),
    "share_found": N_("share of the failing found"),
    "by_lot": N_("by lot"),
    "fpr": N_("share of the passing flagged"),
    "tpr": N_("share of the failing flagged"),
    "mean_predicted": N_("mean predicted probability"),
    "share_positive": N_("share that fails"),
    "n": N_("snapshots"),
    "low": N_("interval from"),
    "high": N_("to"),
    "particion": N_("course day"),
    "n_students": N_("students"),
    "n_failing": N_("failing"),
    "roc_auc": N_("ROC AUC"),
    "roc_auc_low": N_("interval from"),
    "roc_auc_high": N_("to"),
}

SCALES = {"log-odds": N_("log-odds"), "probability": N_("probability")}

PURPOSES = {
    "validation": N_("validation, when it was registered"),
    "report": N_("a report"),
}

#: Counts of a test set.
TEST_SET = {
    "n_snapshots": N_("Test set: snapshots"),
    "n_histories": N_("Test set: students, once per course"),
    "n_students": N_("Test set: students"),
    "n_failing_students": N_("Test set: students who fail"),
    "n_failing_snapshots": N_("Test set: snapshots that fail"),
    "n_courses": N_("Test set: courses"),
    "n_partitions": N_("Test set: course days"),
}
