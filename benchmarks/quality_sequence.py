"""Other learners on the same signals: a recurrent network, and logistic regressions.

Run: ``python benchmarks/quality_sequence.py FOLDER``; it needs PyTorch (``pip install
torch``). Only OULAD's 2013B and 2013J take part, split as in ``quality_signals.py``:
*forward* and *students*. All learners read the same features of every seventh day,
"full, static". What was tried was written down before the run, and nothing was tuned.

trees
    `make_risk_pipeline`'s gradient boosting, on snapshots.
gru
    A gated recurrent network of 64 units. It reads the snapshots of every seventh day
    up to the day in question, and what is known then, and is trained to say at each
    step whether the student fails.
logistic
    A logistic regression for each day, trained on the nearest seventh day.
trees + logistic, trees + gru
    The mean of the probabilities.

For the network and the regressions, numbers are standardised after a signed logarithm;
what is unknown is 0 then, with a column that says so.
"""

import sys
import time

import numpy as np
from quality_signals import (
    DAYS,
    FIGURES,
    Sides,
    show,
    sides_of_2013,
    write,
    write_change,
)
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

try:
    import torch
except ImportError:  # asv imports all benchmarks
    torch = None

SHOWN = "full, static"
EPOCHS, UNITS, BATCH = 12, 64, 128


class Network(torch.nn.Module if torch else object):
    """Log-odds of failing at each step of a sequence."""

    def __init__(self, n_features):
        super().__init__()
        self.enter = torch.nn.Linear(n_features, UNITS)
        self.recur = torch.nn.GRU(UNITS, UNITS, batch_first=True)
        self.drop = torch.nn.Dropout(0.3)
        self.leave = torch.nn.Linear(UNITS, 1)

    def forward(self, steps):
        """Return log-odds of shape (n_sequences, n_steps)."""
        hidden, _ = self.recur(torch.relu(self.enter(steps)))
        return self.leave(self.drop(hidden))[..., 0]


class Scale:
    """Standardise features, and say which are unknown."""

    def __init__(self, values):
        self.scaler = StandardScaler().fit(self.shrink(values))
        self.sometimes = np.isnan(values).any(axis=0)

    def shrink(self, values):
        """Return a signed logarithm of the numbers."""
        return np.sign(values) * np.log1p(np.abs(values))

    def __call__(self, values):
        """Return the numbers that the learners read."""
        unknown = np.isnan(values)
        scaled = self.scaler.transform(self.shrink(values))
        scaled = np.where(unknown, 0, scaled).clip(-5, 5)
        return np.hstack([scaled, unknown[:, self.sometimes]]).astype(np.float32)


def lay_out(history, day, values):
    """Return sequences of shape (n, n_steps, n_features), and where each row is."""
    order = np.lexsort((day, history))
    _, first, row = np.unique(history[order], return_index=True, return_inverse=True)
    step = np.arange(len(order)) - first[row]
    filled = np.zeros((len(first), step.max() + 1, values.shape[1]), np.float32)
    filled[row, step] = values[order]
    place = np.empty((len(order), 2), int)
    place[order] = np.column_stack([row, step])
    return torch.from_numpy(filled), place.T


def fit_network(history, day, values, y):
    """Train on all steps of all histories."""
    torch.manual_seed(0)
    steps, place = lay_out(history, day, values)
    target, real = torch.zeros(2, *steps.shape[:2])
    target[tuple(place)] = torch.from_numpy(y.astype(np.float32))
    real[tuple(place)] = 1
    network = Network(values.shape[1])
    fitter = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    n_batches = EPOCHS * -(-len(steps) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(fitter, 0.004, n_batches)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(steps)).split(BATCH):
            fitter.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(
                network(steps[batch]), target[batch], weight=real[batch]
            ).backward()
            fitter.step()
            rate.step()
    return network.eval()


def score_network(network, history, day, values, own, at, now):
    """Score rows of one day, each behind the earlier rows of its history."""
    kept = np.isin(history, own) & (day < at)
    steps, place = lay_out(
        np.concatenate([history[kept], own]),
        np.concatenate([day[kept], np.full(len(own), at)]),
        np.concatenate([values[kept], now]),
    )
    with torch.no_grad():
        probability = torch.sigmoid(network(steps)).numpy()
    return probability[tuple(place[:, -len(own) :])]


def histories(table):
    """Return the student and course of each row as one text."""
    return (table["user_uuid"] + "/" + table["course_uuid"]).to_numpy().astype(str)


def main(folder):
    """Print the figures of each learner, and the changes from the trees."""
    if torch is None:
        sys.exit("quality_sequence.py needs PyTorch. Run: pip install torch")
    torch.set_num_threads(1)
    sides = Sides(folder, held_back=False)
    names = sides.columns(SHOWN)[2:]
    history, own = histories(sides.train), histories(sides.test)
    day = sides.train["particion"].to_numpy()
    weekly, after = (t[names].to_numpy() for t in (sides.train, sides.test))
    for side, train, test in sides_of_2013(sides):
        start = time.process_time()
        trees = sides.score(SHOWN, train, test)
        middle = time.process_time()
        scale = Scale(weekly[train])
        read, now = scale(weekly), scale(after)
        network = fit_network(history[train], day[train], read[train], sides.y[train])
        seconds = f"{middle - start:.0f} s, {time.process_time() - middle:.0f} s"
        write(f"{side}: trees and gru were trained in {seconds} of processor time")
        for at in DAYS:
            rows = test & (sides.day == at)
            near = train & (day == 7 * round(at / 7))
            regression = LogisticRegression(C=0.01, max_iter=500)
            regression.fit(read[near], sides.y[near])
            found = {
                "trees": trees[rows],
                "gru": score_network(
                    network, history, day, read, own[rows], at, now[rows]
                ),
                "logistic": regression.predict_proba(now[rows])[:, 1],
            }
            for other in ("logistic", "gru"):
                found[f"trees + {other}"] = (found["trees"] + found[other]) / 2
            compare(sides, rows, f"{side} {at:>4}", found)


def compare(sides, rows, label, found):
    """Print a line for each learner, with the change from the trees."""
    plain = None
    for name, score in found.items():
        show(f"{label} {name}", sides.y_true[rows], score)
        spread = np.full(len(rows), np.nan)
        spread[rows] = score
        drawn = sides.draw(rows, spread)
        if plain is None:
            plain = drawn
        else:
            write_change("from trees:", plain, drawn)


if __name__ == "__main__":
    write(f"{'':<40} {'n':>5} fail {' '.join(FIGURES)}")
    main(sys.argv[1])
