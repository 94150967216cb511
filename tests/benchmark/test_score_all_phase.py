"""`bench score --all` under a phase: quota, rounding, what is disclosed, resuming, and one submission that fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from plugin_folders import SPECKLE, write_plugin

from fundus2oct.benchmark import cli, score_all_task
from fundus2oct.benchmark.attestation_file import read_attestations
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.disclosure import round_numbers
from fundus2oct.benchmark.result_file import list_records, read_result

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("toy_metrics")]

IN_TIME, LATE = "2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z"


class Organiser:
    """Scores a folder of submissions under one phase file; each by `bench score` in this process."""

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self.folder, self.dataset = folder, dataset
        self.scored: list[str] = []
        self.interrupt_after: int | None = None
        self.private = folder / "private"
        rules: dict[str, Any] = {
            "name": "final",
            "organiser": "Kyoto Eye Challenge",
            "dataset": dataset.name,
            "version": dataset.version,
            "split": "test",
            "inputs_hash": dataset.inputs_hash("test"),
            "truth_hash": dataset.truth_hash("test"),
            "opens": "2026-03-01T00:00:00Z",
            "closes": "2026-04-01T00:00:00Z",
            "quota": 1,
            "disclosure": {"per_case": False, "pictures": False, "digits": 3},
        }
        text = tomli_w.dumps(rules).replace('"2026-03-01T00:00:00Z"', "2026-03-01T00:00:00Z")
        (folder / "phase.toml").write_text(text.replace('"2026-04-01T00:00:00Z"', "2026-04-01T00:00:00Z"))

    def submit(self, team: str, method: str, *, level: int = 256, make: str = "") -> None:
        write_plugin(
            self.folder / "handed-in" / team / method,
            SPECKLE.replace("256", str(level)),
            make=make,
            team=team,
            method=method,
        )

    def scorer(
        self, arguments: list[str], environment: Mapping[str, str], stopped: Callable[[], bool]
    ) -> tuple[int, str]:
        """In the place of a process of its own."""
        if self.interrupt_after == len(self.scored):
            raise KeyboardInterrupt
        self.scored.append("/".join(Path(arguments[0]).parts[-2:]))
        return cli.run(["--quiet", "score", *arguments]), ""

    def __call__(self, *options: str, received: str = IN_TIME) -> int:
        places = [f"--{name}={self.folder / name}" for name in ("runs", "private", "results")]
        fixed = ["--data", str(self.dataset.folder), "--sandbox", "none", "--jobs", "1", "--received", received]
        phase = ["--phase", str(self.folder / "phase.toml")]
        return cli.run(["score", "--all", str(self.folder / "handed-in"), *fixed, *phase, *places, *options])

    def records(self) -> dict[str, list[Path]]:
        """Entry -> its records of the phase."""
        folders = sorted((self.folder / "results").glob("*/*/results/toy-1/final"))
        return {"/".join(folder.parts[-5:-3]): list_records(folder) for folder in folders}


@pytest.fixture
def organiser(tmp_path: Path, small: Dataset, warm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Organiser:
    """With two sound submissions of two teams, between them one that cannot be loaded; the truth is in the cache."""
    shutil.copytree(warm_cache, tmp_path / "private/cache")
    found = Organiser(tmp_path, small)
    monkeypatch.setattr(score_all_task, "scorer", found.scorer)
    found.submit("kyoto", "flow")
    found.submit("nara", "bad", make="raise RuntimeError('no weights')")
    found.submit("osaka", "flow", level=200)
    return found


def test_a_phase_of_several_submissions_from_the_first_call_to_the_last(
    organiser: Organiser, small: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    organiser.interrupt_after = 1
    assert organiser() == 130
    assert set(organiser.records()) == {"kyoto/flow"}

    organiser.interrupt_after = None
    capsys.readouterr()
    assert organiser() == 3
    err = capsys.readouterr().err
    assert "submission was not scored | where: nara/bad" in err
    assert "3 submissions: 1 failed, 1 scored, 1 scored before" in err
    assert organiser.scored == ["kyoto/flow", "nara/bad", "osaka/flow"]

    organiser.submit("kyoto", "second", level=150)
    assert organiser() == 3
    err = capsys.readouterr().err
    assert "submission was not scored | where: kyoto/second" in err
    assert "E_QUOTA: team kyoto has used its quota in phase final" in err
    assert not (organiser.folder / "runs/kyoto/second").exists()  # refused before anything was generated

    assert organiser(received=LATE) == 3
    assert "E_CLOSED: phase final is not open" in capsys.readouterr().err
    assert {entry: len(paths) for entry, paths in organiser.records().items()} == {"kyoto/flow": 1, "osaka/flow": 1}


def test_records_of_a_phase_are_rounded_attested_and_tell_of_no_case(organiser: Organiser, small: Dataset) -> None:
    organiser()
    for entry, (record,) in organiser.records().items():
        public = read_result(record)
        exact = read_result(organiser.private / entry / "toy-1/final/result.json")
        assert public["protocol"]["disclosure"].items() >= {"per_case": False, "pictures": False, "digits": 3}.items()
        assert public["metrics"] == round_numbers(exact["metrics"], 3) != exact["metrics"]
        (attestation,) = read_attestations(record)
        assert (attestation["kind"], attestation["who"]) == ("organiser-run", "Kyoto Eye Challenge")
    words = " ".join(path.read_text("utf-8") for path in (organiser.folder / "results").rglob("*") if path.is_file())
    assert len(words) > 4000
    names = {name for case in small.cases for name in (case.case_id, case.source_id, case.patient_id)}
    assert not [name for name in names if name.lower() in words.lower()]


def test_every_submission_scores_as_it_would_alone(organiser: Organiser, tmp_path: Path, warm_cache: Path) -> None:
    shutil.rmtree(organiser.folder / "handed-in/kyoto")
    shutil.copytree(warm_cache, tmp_path / "alone/private/cache")
    organiser()
    (record,) = organiser.records()["osaka/flow"]
    target, phase = str(organiser.folder / "handed-in/osaka/flow"), str(organiser.folder / "phase.toml")
    places = [f"--{name}={tmp_path / 'alone' / name}" for name in ("runs", "private", "results")]
    fixed = ["--data", str(organiser.dataset.folder), "--sandbox", "none", "--received", IN_TIME, "--device", "cpu"]
    assert cli.run(["--quiet", "score", target, "--phase", phase, *fixed, *places]) == 0
    (alone,) = list_records(tmp_path / "alone/results/osaka/flow/results/toy-1/final")
    assert (alone.name, alone.read_bytes()) == (record.name, record.read_bytes())


def test_a_record_of_a_phase_is_reproduced_without_its_run(
    organiser: Organiser, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(organiser.folder / "handed-in/kyoto")
    organiser()
    (record,) = organiser.records()["osaka/flow"]
    assert read_result(record)["run"]["seeds"] == "photograph"
    capsys.readouterr()
    call = ["--data", str(organiser.dataset.folder), "--generator", str(organiser.folder / "handed-in/osaka/flow")]
    assert cli.run(["--quiet", "verify", str(record), *call, "--sandbox", "none", "--no-rescore"]) == 0
    assert "3 of 3 equal" in capsys.readouterr().out
