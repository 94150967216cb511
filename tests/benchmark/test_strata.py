"""Labels of cases: from the table first, from the sidecar else, never half of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.strata import LABELS, case_labels


def with_sidecar(small: Dataset, folder: Path, text: str) -> Dataset:
    path = folder / LABELS
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return dataclasses.replace(small, folder=folder)


def test_a_column_of_the_table_comes_first(small: Dataset) -> None:
    cases = [dataclasses.replace(case, columns={"disease": "drusen"}) for case in small.cases]
    found = case_labels(small, cases, "disease")
    assert found is not None
    assert set(found) == {"drusen"}


def test_the_sidecar_comes_second_and_must_know_every_case(small: Dataset, tmp_path: Path) -> None:
    cases = small.split("test")
    rows = "".join(f"{case.case_id},d{i}\n" for i, case in enumerate(cases))
    dataset = with_sidecar(small, tmp_path / "a", f"case_id,disease\n{rows}")
    found = case_labels(dataset, cases, "disease")
    assert found is not None
    assert found.tolist() == [f"d{i}" for i in range(len(cases))]
    assert case_labels(dataset, cases, "severity") is None
    half = with_sidecar(small, tmp_path / "b", f"case_id,disease\n{cases[0].case_id},none\n")
    assert case_labels(half, cases, "disease") is None


def test_participants_have_no_labels(small: Dataset, tmp_path: Path) -> None:
    assert case_labels(dataclasses.replace(small, folder=tmp_path), small.cases, "disease") is None
    assert case_labels(small, (), "disease") is None
