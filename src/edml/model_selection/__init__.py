"""Honest splits: each student is on one side only."""

from edml.model_selection._period_split import PeriodSplit
from edml.model_selection._split_plan import SplitPlan
from edml.model_selection._student_kfold import StudentKFold
from edml.model_selection._train_test_split import student_train_test_split

__all__ = ["PeriodSplit", "SplitPlan", "StudentKFold", "student_train_test_split"]
