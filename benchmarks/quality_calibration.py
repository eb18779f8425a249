"""What RiskClassifier's calibration is worth, measured on both data sets.

Run: ``python benchmarks/quality_calibration.py [--oulad FOLDER]``; ``--learner NAME``
measures one learner alone, ``--part NAME`` one table alone. Each snapshot counts once,
and the steps after the features are fitted per split. *Uncalibrated* is the score of
the model's own ``pipeline_``, which is the pipeline fitted on the same rows.

sample
    20 divisions of the shipped sample's students, 30 % of them to judge. The intervals
    of the differences over divisions are those of Nadeau and Bengio ("Inference for
    the generalization error", Machine Learning 52, 2003,
    doi:10.1023/A:1024068626366): wider than if the divisions shared no student.
forward
    OULAD, trained on 2013B and 2013J without the students of 2014B, judged on 2014B.
    The intervals of the differences draw students, the same ones for both.
curve
    From how many failing students on the isotonic curve is better than the sigmoid:
    OULAD, training students of 2013B and 2013J drawn so that so many fail, the smaller
    draws within the larger; judged on other students of the same presentations ("same
    period"), or drawn from 2013B and judged on 2013J ("forward"). 2014B has no part in
    it. Both curves are learned from one out-of-fold pass. The intervals are over the
    draws.
"""

import argparse
import sys

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from edml import (
    FeatureEngineer,
    PeriodSplit,
    RiskClassifier,
    SnapshotSampler,
    load_activity,
    load_oulad,
    make_risk_pipeline,
    student_train_test_split,
)
from edml.classifier._calibration import fit_calibrator
from edml.metrics import bootstrap_metrics, percentile_interval, snapshot_metrics

LEARNERS = ("lightgbm", "xgboost", "random_forest")
PARTS = ("sample", "forward", "curve")
FIGURES = ("calibration_error", "brier", "log_loss", "roc_auc", "average_precision")
TEST_SIZE = 0.3
N_SEEDS = 20
N_FAILING = (50, 100, 200, 500, 1000, 2000, 4000)
METHODS = ("uncalibrated", "sigmoid", "isotonic")


def read_snapshots(X, y):
    """Give the features, one row per snapshot, the outcomes and the periods."""
    sampler = SnapshotSampler()
    snapshots, outcome = sampler.fit_resample(FeatureEngineer().fit_transform(X), y)
    period = X["periodo"].iloc[sampler.sample_indices_]
    return tuple(part.reset_index(drop=True) for part in (snapshots, outcome, period))


def make_after(learner, balance):
    """Give the default pipeline's steps after the features."""
    return make_risk_pipeline(learner, balance=balance)[2:]


def score_by_method(model, test):
    """Give the test rows' score, and both calibrations of it from one pass."""
    score = model.pipeline_.predict_proba(test)[:, 1]
    seen = model.out_of_fold_
    learned = (
        seen["y_score"].to_numpy(),
        seen["y_true"].to_numpy() == 1,
        seen["user_uuid"].to_numpy(),
    )
    found = {"uncalibrated": score}
    for method in ("sigmoid", "isotonic"):
        found[method] = fit_calibrator(method, *learned).predict(score)
    return found


def measure(y_true, y_prob):
    """Give the figures of one model."""
    found = snapshot_metrics(y_true, y_prob)
    return {name: found[name] for name in FIGURES}


def interval_of_mean(differences, overlap=0.0):
    """Give mean and 95 % interval; ``overlap`` is the test side over the train side."""
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
    """Give a difference with its interval."""
    return f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"


def show_sample(learners):
    """Print the sample's table."""
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
    """Print the means over divisions, and how often the goal was kept."""
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
    """Give the sides of the last period."""
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
    split = divide_by_period(snapshots, outcome, period)
    train, test, y_train, y_test = split
    for learner in learners:
        for balance in (None, "smote"):
            model = RiskClassifier(make_after(learner, balance)).fit(train, y_train)
            found = score_by_method(model, test)
            chosen = model.predict_proba(test)[:, 1]
            auto = next(
                name for name in found if np.array_equal(found[name], chosen)
            )
            draws, values = {}, {}
            for method, risk in found.items():
                values[method] = measure(y_test, risk)
                draws[method] = bootstrap_metrics(
                    y_test, risk, test["user_uuid"], metrics=FIGURES
                )
            for method in found:
                for name in FIGURES:
                    value = values[method][name]
                    label = f"{learner} {balance}"
                    mark = method + (" (auto)" if method == auto else "")
                    line = f"{label:<20} {mark:<16} {name:<18} {value:.4f}"
                    if method == "uncalibrated":
                        show(line)
                        continue
                    limits = percentile_interval(
                        draws[method][name] - draws["uncalibrated"][name]
                    )
                    change = value - values["uncalibrated"][name]
                    show(line, as_text(change, *limits))


def draw_students(students, fails, n_failing, seed):
    """Tell which rows belong to a draw; with one seed, smaller ones are within it."""
    failing = np.unique(students[fails])
    passing = np.setdiff1d(students, failing)
    rng = np.random.default_rng(seed)
    failing, passing = rng.permutation(failing), rng.permutation(passing)
    n_passing = round(n_failing * len(passing) / len(failing))
    drawn = np.concatenate([failing[:n_failing], passing[:n_passing]])
    return np.isin(students, drawn)


def curve_splits(snapshots, outcome, period, seed):
    """Give the sides to draw from and to judge on, by the table's name."""
    early = period.isin(["01-2013", "02-2013"]).to_numpy()
    known, y_known = snapshots[early], outcome[early]
    yield (
        "same period",
        student_train_test_split(
            known, y_known, test_size=TEST_SIZE, random_state=seed
        ),
    )
    yield "forward", divide_by_period(known, y_known, period[early])


def show_curve(learners, snapshots, outcome, period):
    """Print the tables of the number of failing students."""
    show(
        "\ncurve: judged on, learner, balance, failing students, draws, figure:",
        "uncalibrated, sigmoid, isotonic, isotonic less sigmoid, draws with less",
    )
    cases = [(name, None) for name in learners]
    if "lightgbm" in learners:
        cases.append(("lightgbm", "smote"))
    for learner, balance in cases:
        for judged in ("same period", "forward"):
            for n_failing in N_FAILING:
                found = [
                    draw
                    for seed in range(n_draws(learner, n_failing))
                    if (
                        draw := one_draw(
                            make_after(learner, balance),
                            dict(curve_splits(snapshots, outcome, period, seed))[judged],
                            n_failing,
                            seed,
                        )
                    )
                ]
                if found:
                    label = f"{judged:<12} {learner} {balance!s:<5} {n_failing:>5}"
                    show_draws(label, pd.DataFrame(found))


def n_draws(learner, n_failing):
    """Give the number of draws: fewer of the large ones, which vary less."""
    most = 3 if learner == "random_forest" else 10
    return N_SEEDS if n_failing <= 200 else most


def one_draw(after, split, n_failing, seed):
    """Give the figures of one draw; nothing where too few students fail."""
    train, test, y_train, y_test = split
    students, fails = train["user_uuid"].to_numpy(), (y_train == 1).to_numpy()
    if len(np.unique(students[fails])) < n_failing:
        return None
    drawn = draw_students(students, fails, n_failing, seed)
    model = RiskClassifier(after).fit(train[drawn], y_train[drawn])
    return {
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
    if "curve" in parts:
        show_curve(learners, *tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oulad", metavar="FOLDER", default=None)
    parser.add_argument("--learner", choices=LEARNERS, action="append")
    parser.add_argument("--part", choices=PARTS, action="append")
    given = parser.parse_args()
    main(given.oulad, given.learner or LEARNERS, given.part or PARTS)
