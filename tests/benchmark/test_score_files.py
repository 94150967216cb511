"""The files of a scoring: private ones that later intervals are made from, and where they lie."""

from __future__ import annotations

import csv
import dataclasses
import io
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fundus2oct.benchmark.aggregation import Aggregate
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.oracles import oracle_source
from fundus2oct.benchmark.score_files import ScoreFolder, per_case_text, per_patient_bytes
from fundus2oct.benchmark.scoring import score_cases
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.metrics.catalogue import card
from fundus2oct.metrics.errors import BenchError

TEAM = Submission(team="kyoto", method="flow")


def test_a_row_a_case_holds_its_mean_and_its_six_bscans(small: Dataset, tmp_path: Path) -> None:
    source = oracle_source("truth-blurred", small, "test")
    scores = score_cases(source, small, "test", [card("psnr")], ValueCache(tmp_path / "cache"))
    rows = list(csv.DictReader(io.StringIO(per_case_text(scores, [card("psnr")]))))
    assert [row["case_id"] for row in rows] == [case.case_id for case in small.split("test")]
    values = [float(rows[1][f"psnr_{i}"]) for i in range(6)]
    assert values == scores.case_values["psnr"][1].tolist()
    assert float(rows[1]["psnr"]) == pytest.approx(np.mean(values))
    assert rows[0]["code"] == ""


def test_the_table_per_patient_needs_no_pickles_and_has_fixed_bytes() -> None:
    patients = {"patients": np.array(["b", "é"]), "mean": np.array([1.0, 2.0]), "n": np.array([1, 2])}
    data = per_patient_bytes({"psnr": Aggregate({}, patients)})
    with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
        assert set(loaded) == {"psnr.patients", "psnr.mean", "psnr.n"}
        assert loaded["psnr.patients"].tolist() == ["b", "é"]
    assert data == per_patient_bytes({"psnr": Aggregate({}, patients)})


def test_a_folder_is_private_and_held_by_one_process(small: Dataset, tmp_path: Path) -> None:
    folder = ScoreFolder.of(tmp_path, TEAM, small, "final")
    assert folder.path == tmp_path / "kyoto/flow/toy-1/final"
    with folder.locked():
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        with pytest.raises(BenchError, match="E_LOCKED"), folder.locked():
            pass


def test_what_a_killed_scorer_left_is_swept(small: Dataset, tmp_path: Path) -> None:
    folder = ScoreFolder.of(tmp_path, TEAM, small, "final")
    folder.path.mkdir(parents=True)
    (folder.path / ".tmp-0123-result.json").write_bytes(b"half")
    with folder.locked():
        assert [path.name for path in folder.path.iterdir()] == [".lock"]


@pytest.mark.parametrize("phase", ["", "../final", "a/b", "Final", "a" * 65])
def test_a_phase_cannot_lead_elsewhere(small: Dataset, tmp_path: Path, phase: str) -> None:
    with pytest.raises(BenchError, match=r"E_NAME: bad name .* phase"):
        ScoreFolder.of(tmp_path, TEAM, small, phase)


@pytest.mark.parametrize("version", ["1/../../..", "v 1", ""])
def test_a_version_cannot_lead_elsewhere(small: Dataset, tmp_path: Path, version: str) -> None:
    with pytest.raises(BenchError, match=r"E_NAME: bad name .*dataset\.toml"):
        ScoreFolder.of(tmp_path, TEAM, dataclasses.replace(small, version=version), "final")


def test_a_record_that_breaks_the_schema_is_written_nowhere(small: Dataset, tmp_path: Path) -> None:
    nothing: Any = None
    with pytest.raises(BenchError, match="E_SCHEMA"):
        ScoreFolder(tmp_path / "private").write(result={}, scores=nothing, cards=[], aggregates={}, timing={})
    assert list(tmp_path.iterdir()) == []
