"""The whole path through the command line, as the README's first command runs it, on the smallest phantom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import read_dataset

pytestmark = [pytest.mark.slow, pytest.mark.i3d]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, i3d_weights: None) -> Path:
    out = tmp_path_factory.mktemp("whole") / "demo"
    assert run(["demo", "--out", str(out), "--profile", "tiny", "--training", "tiny"]) == 0
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_demo_ends_with_a_board_of_every_row(demo: Path) -> None:
    index = (demo / "site" / "index.html").read_text("utf-8")
    for title in (
        "Copy of the truth",
        "Other real eyes",
        "Blurred truth",
        "Ridge regression",
        "Mean training volume",
        "DDPM",
    ):
        assert title in index


def test_every_row_has_all_three_numbers_and_a_reason_where_one_is_missing(demo: Path) -> None:
    records = [json.loads(path.read_text()) for path in (demo / "results").rglob("results/*/*/????-????????.json")]
    assert len(records) == 9
    for metrics in (record["metrics"] for record in records):
        assert None not in [metrics[name]["value"] for name in ("fvd", "ssim", "psnr")]
        assert not [name for name, found in metrics.items() if found["value"] is None and not found["reason"]]


def test_running_the_demo_again_changes_nothing(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: contents(demo / name) for name in ("data", "results", "site")}
    assert run(["demo", "--out", str(demo), "--profile", "tiny", "--training", "tiny"]) == 0
    assert {name: contents(demo / name) for name in before} == before
    assert "FVD" in capsys.readouterr().out


def test_nothing_per_case_or_patient_is_public(demo: Path) -> None:
    cases = read_dataset(demo / "data").cases
    private = {name for case in cases for name in (case.case_id, case.source_id, case.patient_id)}
    public = contents(demo / "results") | contents(demo / "site")
    assert not [(name, path) for name in private for path, data in public.items() if name.encode() in data]
