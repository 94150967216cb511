"""Labels of cases: from the table first, from the sidecar else, never half of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.strata import LABELS, MAX_COLUMNS, MAX_GROUPS, case_labels, strata_of


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


def cases_with(n: int, **columns: list[str]) -> list[Case]:
    """``n`` cases of as many patients; each column's texts are repeated in turn."""
    return [
        Case(
            case_id=f"c{i}",
            source_id=f"s{i}",
            patient_id=f"p{i}",
            eye="LR"[i % 2],
            split="test",
            fundus="f",
            oct="o",
            columns={name: texts[i % len(texts)] for name, texts in columns.items()},
        )
        for i in range(n)
    ]


def test_a_column_is_a_stratum_where_it_sorts_cases_into_a_few_groups(small: Dataset, tmp_path: Path) -> None:
    cases = cases_with(
        40,
        device=["one", "two ", ""],
        um_per_px=["10", "20"],
        licence=["CC0", "CC-BY"],
        oct_licence=["CC0", "CC-BY"],
        same=["x"],
        age=[str(i) for i in range(MAX_GROUPS + 1)],
        note=["short", "n" * 100],
    )
    bare = dataclasses.replace(small, folder=tmp_path)
    eye, device = strata_of(bare, cases)
    assert (eye.column, sorted(set(eye.labels))) == ("eye", ["L", "R"])
    assert (device.column, device.is_hidden, device.labels[:4].tolist()) == ("device", False, ["one", "two", "", "one"])
    assert strata_of(bare, cases_with(6, grade=["1", "2", "3", "4"]))[1:] == ()  # hardly two patients to a value
    many = {f"column-{i}": ["a", "b"] for i in range(MAX_COLUMNS + 5)}
    assert len(strata_of(bare, cases_with(40, **many))) == MAX_COLUMNS + 1


def test_columns_of_the_sidecar_are_hidden_strata_and_come_last(small: Dataset, tmp_path: Path) -> None:
    cases = cases_with(20, device=["one", "two"])
    rows = "".join(f"{case.case_id},{'ab'[i % 2]},{'xy'[i // 10]},{i}\n" for i, case in enumerate(cases[:-1]))
    dataset = with_sidecar(small, tmp_path / "a", f"case_id,device,disease,thickness\n{rows}")
    found = strata_of(dataset, cases)
    assert [(s.column, s.is_hidden) for s in found] == [("eye", False), ("device", False), ("disease", True)]
    assert found[1].labels[0] == "one"
    assert found[2].labels.tolist() == ["x"] * 10 + ["y"] * 9 + [""]


def test_a_broken_sidecar_is_told_and_not_used(
    small: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = cases_with(20)
    dataset = with_sidecar(small, tmp_path / "a", "case_id,disease\nc1,drusen,large\n")
    assert [stratum.column for stratum in strata_of(dataset, cases)] == ["eye"]
    assert "no scores by its labels: E_COLUMN: row has another number of fields" in capsys.readouterr().err
    assert case_labels(dataset, cases, "disease") is None
