"""A small dataset with two filed entries and their runs, made without a worker: what `bench pictures` reads.

The method ``blur`` softens the truth and fails in the second eye; ``other`` shows every eye the next one's truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scored_folders import make_result
from toy_dataset import write_toy_dataset

from fundus2oct.benchmark.case_table import cases_text
from fundus2oct.benchmark.cli import run as bench
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.pictures_file import split_folder
from fundus2oct.benchmark.result_file import publish_result, write_result
from fundus2oct.benchmark.run_folder import RunFolder, make_plan
from fundus2oct.benchmark.submission_file import Submission

METHODS = ("blur", "other")
FAILED = 1
"""Place of the eye in which ``blur`` failed."""


@dataclass(frozen=True)
class Shown:
    """Where everything lies.

    Attributes:
        dataset: of three test eyes.
        root: holds ``data``, ``runs/<method>``, ``results`` and ``private``.
    """

    dataset: Dataset
    root: Path

    @property
    def results(self) -> Path:
        """Root of the records."""
        return self.root / "results"

    @property
    def folder(self) -> Path:
        """Where the pictures go."""
        return split_folder(self.results, "toy", "1", "test")

    def make(self, *arguments: str, methods: tuple[str, ...] = METHODS) -> int:
        """Run `bench pictures` on the runs of ``methods``; returns its exit code."""
        runs = [str(self.root / "runs" / method) for method in methods]
        places = ["--data", str(self.root / "data"), "--results", str(self.results)]
        return bench(["--quiet", "pictures", *runs, *places, *arguments])


def write_shown(root: Path, *, licences: Mapping[str, str] | None = None, **record: Any) -> Shown:
    """Write dataset, runs, records and the organiser's values per case.

    Args:
        root: folder to fill.
        licences: case id -> licence of that eye's pictures; others have none of their own.
        record: parts of every record that differ, such as ``protocol`` or ``controls``.
    """
    dataset = write_toy_dataset(root / "data", n_train=2, n_test=3)
    if licences is not None:
        cases = [replace(case, columns={"licence": licences.get(case.case_id, "")}) for case in dataset.cases]
        (root / "data" / "cases.csv").write_text(cases_text(cases), encoding="utf-8")
        dataset = read_dataset(root / "data")
    shown = Shown(dataset, root)
    for method in METHODS:
        volumes_hash = _write_run(shown, method)
        _file(shown, method, volumes_hash, record)
    return shown


def _write_run(shown: Shown, method: str) -> str:
    folder = RunFolder(shown.root / "runs" / method)
    submission = Submission(team="team", method=method, kind="submission", title=method.title())
    with folder.locked():
        folder.begin(
            make_plan(
                dataset=shown.dataset,
                split="test",
                submission=submission,
                generator={"target": "toy:make", "hash": None, "isolation": "none"},
                seed=0,
                container="raw",
                limits={},
                versions={},
            )
        )
        cases = shown.dataset.split("test")
        truths = [shown.dataset.volume(case) for case in cases]
        for place, case in enumerate(cases):
            if method == "other":
                folder.store_volume(case.case_id, truths[(place + 1) % len(cases)])
            elif place == FAILED:
                folder.store_failure(case.case_id, "E_PLUGIN")
            else:
                soft = gaussian_filter(truths[place].astype(np.float64), (0, 2, 2))
                folder.store_volume(case.case_id, soft.astype(np.uint8))
        return str(folder.finish()["volumes_hash"])


def _file(shown: Shown, method: str, volumes_hash: str, changes: dict[str, Any]) -> None:
    dataset = shown.dataset
    result = make_result(method, {"fvd": 100.0, "ssim": 0.5, "psnr": 20.0}, "submission")
    result["dataset"] |= {
        "name": dataset.name,
        "licence": dataset.licence,
        "inputs_hash": dataset.inputs_hash("test"),
        "truth_hash": dataset.truth_hash("test"),
    }
    result["run"]["volumes_hash"] = volumes_hash
    for key, value in changes.items():
        result[key] = {**result.get(key, {}), **value} if isinstance(value, dict) else value
    publish_result(result, shown.results)
    private = shown.root / "private" / "team" / method / "toy-1" / "test"
    write_result(private / "result.json", result)
    (private / "per_case.csv").write_text(values_text(dataset, method), encoding="utf-8")


def values_text(dataset: Dataset, method: str) -> str:
    """`per_case.csv`: SSIM of 0.5, 0.25 and 0.75; a failed case has a code."""
    rows = ["case_id,patient_id,eye,code,ssim"]
    for place, (case, value) in enumerate(zip(dataset.split("test"), (0.5, 0.25, 0.75), strict=True)):
        code = "E_PLUGIN" if method == "blur" and place == FAILED else ""
        rows.append(f"{case.case_id},{case.patient_id},{case.eye},{code},{value}")
    return "\n".join([*rows, ""])
