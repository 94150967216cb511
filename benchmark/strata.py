"""Labels of cases that generators never see, such as the disease: from a column of the table, or from the sidecar.

A phase's organiser may keep `sidecar/labels.csv` (case_id and any columns) beside the truth; participants' copies lack
it. Used to compare like with like, never to score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.case_table import Case, read_columns
from fundus2oct.benchmark.dataset import Dataset

LABELS = "sidecar/labels.csv"


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
    if not (dataset.folder / LABELS).is_file():
        return None
    rows, problems = read_columns(dataset.folder / LABELS, ("case_id", column))
    known = {} if problems else {row["case_id"]: row[column] for row in rows}
    found = [known.get(case.case_id, "") for case in cases]
    return np.array(found) if all(found) and cases else None
