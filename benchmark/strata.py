"""Labels of cases, such as the disease: from a column of the table, or from the sidecar that generators never see.

A phase's organiser may keep `sidecar/labels.csv` (case_id and any columns) beside the truth; participants' copies lack
it. Used to compare like with like, and to tell a record's case metrics by group (`strata_table`), never to score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.case_table import Case, read_columns
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import BenchError

LABELS = "sidecar/labels.csv"
MAX_GROUPS = 12
"""A column with more values than this, or with fewer than two patients to a value, measures or notes something."""

MAX_CHARACTERS = 60
"""In the name of a column or of a group: a longer text is a note."""

MAX_COLUMNS = 8
"""Columns that are told by group beside the eye's side; the table's come first, each in its order."""

NO_STRATA = frozenset({"scan_centre_x", "scan_centre_y", "um_per_px", "licence", "fundus_licence", "oct_licence"})
"""Columns that tell of the picture's place, scale and terms, whatever values they hold."""


@dataclass(frozen=True)
class Stratum:
    """A column that sorts the cases of a split into groups.

    Attributes:
        column: its name.
        is_hidden: whether it comes from the sidecar, which participants do not have.
        labels: (n,) text, the group of every case; empty where the column says nothing.
    """

    column: str
    is_hidden: bool
    labels: NDArray[np.str_]


def case_labels(dataset: Dataset, cases: Sequence[Case], column: str) -> NDArray[np.str_] | None:
    """The label of every case, or None where a case has none.

    Args:
        dataset: whose table, or else whose `sidecar/labels.csv`, is asked.
        cases: in any order.
        column: such as ``disease``.

    Returns:
        (n,) text.
    """
    from_table = [case.columns.get(column, "") for case in cases]
    if all(from_table) and cases:
        return np.array(from_table)
    rows, _ = _sidecar_rows(dataset, cases, ("case_id", column))  # a sidecar without this column has other labels
    found = [row.get(column, "") for row in rows]
    return np.array(found) if found and all(found) else None


def strata_of(dataset: Dataset, cases: Sequence[Case]) -> tuple[Stratum, ...]:
    """The columns by which the cases of a split can be told in groups: the eye's side, the table's, the sidecar's.

    A sidecar that is no table of labels is not used, and stderr says why.

    Args:
        dataset: whose table and sidecar are read.
        cases: of one split.
    """
    told = [{"eye": case.eye, **case.columns} for case in cases]
    hidden, problems = _sidecar_rows(dataset, cases, ("case_id",))
    for problem in problems:
        say(f"no scores by its labels: {problem}")
    found = _strata(told, cases, is_hidden=False)
    taken = {stratum.column for stratum in found}
    found += [stratum for stratum in _strata(hidden, cases, is_hidden=True) if stratum.column not in taken]
    return tuple(found[: MAX_COLUMNS + 1])


def _strata(rows: Sequence[Mapping[str, str]], cases: Sequence[Case], *, is_hidden: bool) -> list[Stratum]:
    """The strata among the columns of one table, one row a case."""
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in NO_STRATA]
    strata = [
        Stratum(name, is_hidden, np.array([row.get(name, "").strip() for row in rows]))
        for name in names
        if name.strip() and len(name) <= MAX_CHARACTERS
    ]
    n_patients = len({case.patient_id for case in cases})
    return [stratum for stratum in strata if _sorts_into_groups(stratum.labels, n_patients)]


def _sorts_into_groups(labels: NDArray[np.str_], n_patients: int) -> bool:
    groups = np.unique(labels).tolist()
    few = 2 <= len(groups) <= min(MAX_GROUPS, max(n_patients // 2, 2))
    return few and all(len(group) <= MAX_CHARACTERS for group in groups)


def _sidecar_rows(
    dataset: Dataset, cases: Sequence[Case], columns: tuple[str, ...]
) -> tuple[list[dict[str, str]], list[BenchError]]:
    """What `sidecar/labels.csv` says of each case, and its problems, if any: then it says nothing of any case."""
    if not (dataset.folder / LABELS).is_file():
        return [], []
    rows, problems = read_columns(dataset.folder / LABELS, columns)
    if problems:
        return [], problems
    known = {row["case_id"]: {name: text for name, text in row.items() if name != "case_id"} for row in rows}
    return [known.get(case.case_id, {}) for case in cases], []
