"""Benefit of RiskClassifier's calibration, measured on both data sets.

Run: ``python benchmarks/quality_calibration.py [--oulad FOLDER]``; ``--learner NAME``
measures only one learner, ``--part NAME`` only one table. Each snapshot counts once,
and the steps after the features are fitted per split. *Uncalibrated* is the score of
the model's ``pipeline_``: the plain pipeline, fitted on the same rows.

sample
    20 divisions of the shipped sample's students, with 30 % of them for testing. The
    intervals of the differences over divisions follow Nadeau and Bengio ("Inference for
    the generalization error", Machine Learning 52, 2003,
    doi:10.1023/A:1024068626366): they are wider because the divisions share students.
forward
    OULAD, trained on 2013B and 2013J without the students of 2014B, tested on 2014B.
    The intervals of the differences draw the same students for both models.
unit
    The effect of weighting students equally in calibration: a logistic curve of the
    log-odds of OULAD's 2013 presentations, with and without these weights, tested on
    other students.
curve
    The number of failing students above which the isotonic curve is better than the
    sigmoid, for the default learner. Training students of OULAD's 2013B and 2013J are
    drawn so that a given number fails; smaller draws are subsets of larger ones. The
    models are tested on other students of the same presentations ("same period"), or
    drawn from 2013B and tested on 2013J ("forward"). 2014B is not used. Both curves are
    learned from one out-of-fold pass. The intervals are over the draws, and are too
    narrow for the large draws, which share students.
"""

import argparse
import sys

import numpy as np
import pandas as pd
from scipy.special import logit
from scipy.stats import t as student_t
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from edml import (
    FeatureEngineer,
    PeriodSplit,
    RiskClassifier,
    load_activity,
    load_oulad,
    make_risk_pipeline,
    student_train_test_split,
)
from edml.classifier import IsotonicCalibrator, SigmoidCalibrator
from edml.metrics import bootstrap_metrics, percentile_interval, snapshot_metrics

LEARNERS = ("lightgbm", "xgboost", "random_forest")
PARTS = ("sample", "forward", "unit", "curve")
FIGURES = ("calibration_error", "brier", "log_loss", "roc_auc", "average_precision")
TEST_SIZE = 0.3
N_SEEDS = 20
N_FAILING = (50, 100, 200, 500, 1000, 2000, 3700)
N_DRAWS, N_LARGE_DRAWS = 10, 5  # up to 1000 failing students, and above
METHODS = ("uncalibrated", "sigmoid", "isotonic")


def read_snapshots(X, y):
    """Return the features, one row per snapshot, the outcomes and the periods."""
    features = FeatureEngineer().fit_transform(X)
    kept = ~features.duplicated(["user_uuid", "course_uuid", "particion"]).to_numpy()
    parts = (features[kept], y[kept], X.loc[kept, "periodo"])
    return tuple(part.reset_index(drop=True) for part in parts)


def have_begun(snapshots):
    """Return which snapshots have an exam or assignment; the others are empty."""
    counts = snapshots[["overall_parciales_n_sum", "assignment_n_sum"]]
    return (counts > 0).any(axis=1).to_numpy()


def make_after(learner, balance):
    """Return the default pipeline's steps after the features."""
    return make_risk_pipeline(learner, balance=balance)[2:]


def score_by_method(model, test):
    """Return the test rows' score, and both calibrations of it from one pass."""
    score = model.pipeline_.predict_proba(test)[:, 1]
    seen = model.out_of_fold_
    fails = seen["y_true"].to_numpy() == 1
    students = seen["user_uuid"].to_numpy()
    counts = {
        "n_failing": len(np.unique(students[fails])),
        "n_passing": len(np.unique(students[~fails])),
    }
    found = {"uncalibrated": score}
    calibrators = {"sigmoid": SigmoidCalibrator(), "isotonic": IsotonicCalibrator()}
    for method, calibrator in calibrators.items():
        calibrator.fit(seen["y_score"].to_numpy(), fails, **counts)
        found[method] = calibrator.predict(score)
    return found


def measure(y_true, y_prob):
    """Return the figures of one model."""
    found = snapshot_metrics(y_true, y_prob)
    return {name: found[name] for name in FIGURES}


def interval_of_mean(differences, overlap=0.0):
    """Return mean and 95 % interval; ``overlap`` is the test over the train size."""
    n, mean = len(differences), np.mean(differences)
    if n < 2:
        return mean, np.nan, np.nan
    half = student_t.ppf(0.975, n - 1) * np.std(differences, ddof=1)
    half *= np.sqrt(1 / n + overlap)
    return mean, mean - half, mean + half


def show(*parts):
    """Print one line of a table."""
    sys.stdout.write("  ".join(str(part) for part in parts) + "\n")
    sys.stdout.flush()


def as_text(mean, low, high):
    """Format a difference with its interval."""
    return f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"


def show_sample(learners):
    """Print the table of the sample."""
    show("\nsample: learner, balance, figure: uncalibrated, calibrated, difference")
    snapshots, outcome, _ = read_snapshots(*load_activity(return_X_y=True))
    for learner in learners:
        for balance in (None, "smote"):
            raw, calibrated = [], []
            for seed in range(N_SEEDS):
                split = student_train_test_split(
                    snapshots, outcome, test_size=TEST_SIZE, random_state=seed
                )
                train, test, y_train, y_test = split
                model = RiskClassifier(make_after(learner, balance))
                model.fit(train, y_train)
                score = model.pipeline_.predict_proba(test)[:, 1]
                raw.append(measure(y_test, score))
                calibrated.append(measure(y_test, model.predict_proba(test)[:, 1]))
            show_pairs(f"{learner} {balance}", pd.DataFrame(raw), calibrated)


def show_pairs(label, raw, calibrated):
    """Print the means over divisions, and how often the goal was met."""
    calibrated = pd.DataFrame(calibrated)
    for name in FIGURES:
        found = interval_of_mean(
            calibrated[name] - raw[name], TEST_SIZE / (1 - TEST_SIZE)
        )
        show(
            f"{label:<20} {name:<18} {raw[name].mean():.4f}",
            f"{calibrated[name].mean():.4f}",
            as_text(*found),
        )
    ratio = calibrated["calibration_error"] / raw["calibration_error"]
    kept = (ratio <= 0.5) & (calibrated["roc_auc"] >= raw["roc_auc"] - 0.005)
    show(
        f"{label:<20} calibration error over uncalibrated: of the means",
        f"{calibrated.calibration_error.mean() / raw.calibration_error.mean():.3f},",
        f"from {ratio.min():.3f} to {ratio.max():.3f};",
        f"at most half in {(ratio <= 0.5).sum()} of {len(ratio)} divisions,",
        f"at most equal in {(ratio <= 1).sum()}, with AUC kept {kept.sum()}",
    )


def divide_by_period(snapshots, outcome, period):
    """Return the training and test sides of the last period."""
    dated = snapshots[["user_uuid"]].assign(periodo=period)
    train, test = next(iter(PeriodSplit().split(dated)))
    return (
        snapshots.iloc[train],
        snapshots.iloc[test],
        outcome.iloc[train],
        outcome.iloc[test],
    )


def show_forward(learners, snapshots, outcome, period):
    """Print the table of 2014B."""
    show("\nforward: learner, balance, method, figure: value, less uncalibrated")
    train, test, y_train, y_test = divide_by_period(snapshots, outcome, period)
    for learner in learners:
        for balance in (None, "smote"):
            model = RiskClassifier(make_after(learner, balance)).fit(train, y_train)
            label = f"{learner} {balance}"
            risks = score_by_method(model, test)
            auto = type(model.calibrator_).__name__
            show(
                f"{label:<20} auto is {auto}; slope of log-odds",
                slopes(model, risks, y_test),
            )
            begun = have_begun(test)
            for days, rows in (("all", begun | True), ("begun", begun)):
                some = {method: risk[rows] for method, risk in risks.items()}
                show_methods(
                    f"{label} {days}", some, y_test[rows], test["user_uuid"][rows]
                )


def slopes(model, risks, y_test):
    """Format the calibration slopes; above 1, scores are underconfident."""
    seen = model.out_of_fold_
    sides = {
        "out of fold": (seen["y_score"], seen["y_true"]),
        "on 2014B": (risks["uncalibrated"], y_test),
    }
    texts = []
    for side, (score, y_true) in sides.items():
        fails = np.asarray(y_true) == 1
        curve = SigmoidCalibrator().fit(
            np.asarray(score), fails, n_failing=fails.sum(), n_passing=(~fails).sum()
        )
        auc = roc_auc_score(fails, score)
        texts.append(f"{side} {curve.slope_:.3f} (AUC {auc:.4f})")
    return ", ".join(texts)


def show_methods(label, risks, y_true, students):
    """Print each method's figures, and their differences from the score's."""
    plain, plain_draws = None, None
    for method, risk in risks.items():
        values = measure(y_true, risk)
        draws = bootstrap_metrics(y_true, risk, students, metrics=FIGURES)
        if plain is None:
            plain, plain_draws = values, draws
        for name in FIGURES:
            limits = percentile_interval(draws[name] - plain_draws[name])
            show(
                f"{label:<20} {method:<12} {name:<18} {values[name]:.4f}",
                as_text(values[name] - plain[name], *limits),
            )


def draw_students(students, fails, n_failing, seed):
    """Return which rows are in a draw; per seed, smaller draws are subsets."""
    students = pd.factorize(students)[0]
    failing = np.unique(students[fails])
    passing = np.setdiff1d(students, failing)
    rng = np.random.default_rng(seed)
    failing, passing = rng.permutation(failing), rng.permutation(passing)
    n_passing = round(n_failing * len(passing) / len(failing))
    drawn = np.concatenate([failing[:n_failing], passing[:n_passing]])
    return np.isin(students, drawn)


def divide(tested, snapshots, outcome, period, seed):
    """Return the side to draw from and the side to test on, without 2014B."""
    early = period.isin(["01-2013", "02-2013"]).to_numpy()
    known = snapshots[early], outcome[early]
    if tested == "forward":
        return divide_by_period(*known, period[early])
    return student_train_test_split(*known, test_size=TEST_SIZE, random_state=seed)


def show_unit(*tables):
    """Print the cost of weighting students equally."""
    show("\nunit: weights, calibration error, Brier, log loss")
    found = []
    for seed in range(N_LARGE_DRAWS):
        train, test, y_train, y_test = divide("same period", *tables, seed)
        model = RiskClassifier(make_after("lightgbm", None)).fit(train, y_train)
        seen, score = model.out_of_fold_, model.pipeline_.predict_proba(test)[:, 1]
        n_snapshots = seen.groupby("user_uuid")["y_true"].transform("size")
        for label, weight in (("snapshot", None), ("student", 1 / n_snapshots)):
            curve = LogisticRegression(C=1e8).fit(
                logit(seen[["y_score"]].to_numpy()), seen["y_true"], weight
            )
            risk = curve.predict_proba(logit(score[:, None]))[:, 1]
            found.append({"weights": label} | measure(y_test, risk))
    for label, rows in pd.DataFrame(found).groupby("weights"):
        show(f"{label:<10}", *(f"{rows[name].mean():.4f}" for name in FIGURES[:3]))


def show_curve(snapshots, outcome, period):
    """Print the tables by number of failing students."""
    show(
        "\ncurve: tested on, balance, failing students, draws, figure: uncalibrated,",
        "sigmoid, isotonic, isotonic less sigmoid, draws in which isotonic is better",
    )
    for tested in ("same period", "forward"):
        for balance in (None, "smote"):
            found = []
            for seed in range(N_DRAWS):
                split = divide(tested, snapshots, outcome, period, seed)
                found += draw_sizes(make_after("lightgbm", balance), split, seed)
            for n_failing, draws in pd.DataFrame(found).groupby("n_failing"):
                show_draws(f"{tested:<12} {balance!s:<5} {n_failing:>5}", draws)


def draw_sizes(after, split, seed):
    """Yield the figures of a draw of each size that has enough failing students."""
    train, test, y_train, y_test = split
    students, fails = train["user_uuid"].to_numpy(), (y_train == 1).to_numpy()
    available = len(np.unique(students[fails]))
    for n_failing in N_FAILING:
        if n_failing > available or (n_failing > 1000 and seed >= N_LARGE_DRAWS):
            break
        drawn = draw_students(students, fails, n_failing, seed)
        model = RiskClassifier(after).fit(train[drawn], y_train[drawn])
        yield {"n_failing": n_failing} | {
            f"{method} {name}": value
            for method, risk in score_by_method(model, test).items()
            for name, value in measure(y_test, risk).items()
        }


def show_draws(label, found):
    """Print the means over the draws of one size."""
    for name in ("log_loss", "brier", "calibration_error"):
        of = {method: found[f"{method} {name}"] for method in METHODS}
        change = of["isotonic"] - of["sigmoid"]
        show(
            f"{label} {len(found):>3} {name:<18}",
            *(f"{values.mean():.4f}" for values in of.values()),
            as_text(*interval_of_mean(change)),
            f"{(change < 0).sum()}/{len(found)}",
        )


def main(folder, learners, parts):
    """Print the tables."""
    if "sample" in parts:
        show_sample(learners)
    if not folder:
        return
    tables = read_snapshots(*load_oulad(folder, return_X_y=True))
    if "forward" in parts:
        show_forward(learners, *tables)
    if "unit" in parts:
        begun = have_begun(tables[0])
        show_unit(*(part[begun].reset_index(drop=True) for part in tables))
    if "curve" in parts:
        show_curve(*tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oulad", metavar="FOLDER", default=None)
    parser.add_argument("--learner", choices=LEARNERS, action="append")
    parser.add_argument("--part", choices=PARTS, action="append")
    given = parser.parse_args()
    main(given.oulad, given.learner or LEARNERS, given.part or PARTS)
