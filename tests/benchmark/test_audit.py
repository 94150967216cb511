"""The audit: it fails by name on a metric broken on purpose, goes on after a kill, and gives equal bytes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cheap_metrics
import pytest
from toy_dataset import write_toy_dataset

from fundus2oct.benchmark import audit as audit_module
from fundus2oct.benchmark import cli
from fundus2oct.benchmark.audit import first_cases
from fundus2oct.benchmark.audit_file import filed_path, read_audit
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.metric_card import MetricCard

pytestmark = pytest.mark.slow

FAULTS = "contrast,constant,patient-shuffle"
SUPPORT = Path(cheap_metrics.__file__).parent


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """3 training eyes, and 4 test eyes of 3 patients. Not to be written to."""
    return write_toy_dataset(tmp_path_factory.mktemp("audited"), n_train=3, n_test=4, seed=2)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The catalogue holds metrics that keep their promises; yields their calls."""
    monkeypatch.setattr(catalogue, "CARDS", (cheap_metrics.ERROR, cheap_metrics.SPREAD))
    cheap_metrics.calls.clear()
    yield cheap_metrics.calls
    cheap_metrics.calls.clear()


class Auditor:
    """`bench audit` into one folder."""

    def __init__(self, folder: Path, data: Dataset) -> None:
        self.out, self.private, self.results = folder / "audit.json", folder / "private", folder / "results"
        self.data = data.folder

    def __call__(self, *arguments: str, only: str = FAULTS) -> int:
        places = ["--data", self.data, "--out", self.out, "--private", self.private, "--only", only]
        return cli.run(["--quiet", "audit", *map(str, places), *arguments])

    def document(self) -> dict[str, Any]:
        return read_audit(self.out)


@pytest.fixture
def audit(tmp_path: Path, cohort: Dataset, cheap: list[str]) -> Auditor:
    """Audits the toy cohort with cheap metrics."""
    return Auditor(tmp_path, cohort)


def test_metrics_that_keep_their_promises_pass(audit: Auditor, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit() == 0
    document = audit.document()
    assert document["broken"] == []
    words = {name: found["verdict"] for name, found in document["metrics"]["spread"]["degradations"].items()}
    assert (words["constant"], words["patient-shuffle"]) == ("reacts as declared", "ignores as declared")
    table = capsys.readouterr().out
    assert "contrast" in table
    assert str(audit.out) in table


def test_the_values_are_those_of_the_truth_of_real_eyes_and_of_every_dose(audit: Auditor) -> None:
    audit()
    metric = audit.document()["metrics"]["error"]
    assert metric["truth_copy"] == 0
    assert metric["real_vs_real"] > 0
    values = metric["degradations"]["contrast"]["values"]
    assert values == pytest.approx([values[2] / 5, values[2] / 2, values[2]], rel=0.1)


@pytest.mark.parametrize(
    ("card", "told"),
    [
        (cheap_metrics.NAN, "nan under constant 1: no value"),
        (cheap_metrics.PERFECT, "perfect of plain grey is no worse than of a copy of the truth"),
        (cheap_metrics.OFF, "off of a copy of the truth is 1, its best value is 0"),
        (cheap_metrics.UPSIDE_DOWN, "upside-down under contrast is better than for a copy of the truth"),
        (cheap_metrics.DEAF, "deaf must ignore contrast and does not"),
    ],
    ids=lambda given: given.name if isinstance(given, MetricCard) else "",
)
def test_a_broken_metric_ends_in_5_and_is_named(
    audit: Auditor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], card: MetricCard, told: str
) -> None:
    monkeypatch.setattr(catalogue, "CARDS", (cheap_metrics.ERROR, card))
    assert audit() == 5
    assert f"E_AUDIT: {told}" in capsys.readouterr().err
    document = audit.document()
    assert document["metrics"]["error"]["broken"] == []
    assert any(told in problem for problem in document["broken"])


def test_a_second_audit_computes_nothing_and_gives_the_same_bytes(audit: Auditor, cheap: list[str]) -> None:
    audit()
    first = audit.out.read_bytes()
    assert cheap
    cheap.clear()
    audit()
    assert cheap == []
    assert audit.out.read_bytes() == first


def test_a_fresh_cache_gives_the_same_bytes(audit: Auditor, tmp_path: Path, cohort: Dataset) -> None:
    audit()
    other = Auditor(tmp_path / "other", cohort)
    other()
    assert other.out.read_bytes() == audit.out.read_bytes()


def test_another_seed_deals_otherwise(audit: Auditor) -> None:
    values = []
    for seed in ("0", "1"):
        audit("--seed", seed, only="patient-shuffle")
        values.append(audit.document()["metrics"]["error"]["degradations"]["patient-shuffle"]["values"])
    assert values[0] != values[1]


def test_a_killed_audit_goes_on_where_it_was(audit: Auditor, cohort: Dataset, cheap: list[str]) -> None:
    code = (
        "import sys, cheap_metrics; from fundus2oct.metrics import catalogue;"
        "catalogue.CARDS = (cheap_metrics.ERROR, cheap_metrics.SPREAD);"
        "from fundus2oct.benchmark import cli; cli.main(sys.argv[1:])"
    )
    places = ["--data", cohort.folder, "--out", audit.out, "--private", audit.private, "--only", FAULTS]
    environment = os.environ | {"BENCH_KILL_AT": "chunk scored:3", "PYTHONPATH": str(SUPPORT)}
    done = subprocess.run(
        [sys.executable, "-c", code, "--quiet", "audit", *map(str, places)], check=False, env=environment
    )
    assert done.returncode == -signal.SIGKILL
    assert not audit.out.exists()
    assert audit() == 0
    resumed, left = audit.out.read_bytes(), len(cheap)
    whole = Auditor(audit.out.parent / "whole", cohort)
    cheap.clear()
    assert whole() == 0
    assert whole.out.read_bytes() == resumed
    assert left < len(cheap)


def test_it_is_filed_where_a_board_looks_and_names_nobody(audit: Auditor, cohort: Dataset) -> None:
    audit("--results", str(audit.results))
    path = filed_path(audit.results, audit.document())
    assert path == audit.results / "audits/toy-1/test.json"
    assert path.read_bytes() == audit.out.read_bytes()
    text = path.read_text().lower()
    assert not [c for c in cohort.cases if c.case_id.lower() in text or c.patient_id.lower() in text]
    assert json.loads(text)["dataset"]["truth_hash"] == cohort.truth_hash("test")


@pytest.mark.parametrize("option", [("--metrics", "nosuch"), ("--only", "nosuch")])
def test_an_unknown_name_is_a_mistake_of_usage(
    audit: Auditor, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["audit", "--data", str(audit.data), *option]) == 2
    assert f"where: {option[0]}" in capsys.readouterr().err


def test_fewer_cases_are_whole_patients(cohort: Dataset) -> None:
    few = first_cases(cohort, "test", 3).split("test")
    patients = {case.patient_id for case in few}
    assert 0 < len(few) <= 3
    assert sum(case.patient_id in patients for case in cohort.split("test")) == len(few)
    with pytest.raises(BenchError, match="E_FEW"):
        first_cases(cohort, "test", 0)


def test_one_patient_is_too_few(audit: Auditor, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("--cases", "2") == 3
    assert "E_FEW" in capsys.readouterr().err


def test_fvd_is_filmed_in_two_other_ways_at_the_strongest_dose(audit: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    def film(name: str) -> MetricCard:
        return dataclasses.replace(cheap_metrics.SPREAD, name=name, version=f"{name}-v1")

    monkeypatch.setattr(catalogue, "CARDS", (film("fvd"), dataclasses.replace(cheap_metrics.ERROR, name="ssim")))
    monkeypatch.setattr(audit_module, "PROTOCOL_CARDS", (film("fvd_repeat3"), film("fvd_closed")))
    assert audit() == 0
    document = audit.document()
    assert document["order"] == ["fvd", "ssim"]
    values = document["metrics"]["fvd"]["degradations"]
    films = document["findings"]["films"]
    assert films["values"]["fvd_closed"] == pytest.approx({name: found["values"][-1] for name, found in values.items()})
    assert films["tau"] == pytest.approx(dict.fromkeys(films["tau"], 1.0))
    assert len(films["tau"]) == 3
    assert -1 <= document["findings"]["pixels_against_fvd"]["ssim"] <= 1
