"""The plan behind `make train-reference`: every command parses, ablations change one thing, what is done is skipped."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from command_lines import parse
from PIL import Image
from toy_dataset import write_toy_dataset

from fundus2oct.baselines import ldm, reference_runs
from fundus2oct.baselines.catalogue import LEARNED, METHODS
from fundus2oct.baselines.reference_runs import ABLATIONS, Plan, Row, Step, name_row, rows, run_plan
from fundus2oct.baselines.training.learned_method import profile_settings
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.submission_file import Submission, read_submission, write_submission


def dry_run(*options: str) -> list[str]:
    """The lines of the plan."""
    done = CliRunner().invoke(reference_runs.main, ["--out", "runs/x", "--dry-run", *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output.splitlines()


@pytest.mark.parametrize(("profile", "cohort"), [("gpu", "v1"), ("demo", "mini")])
def test_every_command_of_the_plan_parses(profile: str, cohort: str) -> None:
    lines = dry_run("--profile", profile, "--data", cohort)
    commands = [line for line in lines if not line.startswith("#")]
    assert len(commands) > 3 * len([*METHODS, *LEARNED])
    for command in commands:
        parse(command)


def test_the_plan_trains_generates_and_scores_every_row() -> None:
    lines = dry_run()
    names = [method.name for method in METHODS] + [row.name for row in rows("gpu")]
    of_demo = [ablation for ablation in ABLATIONS if ablation.name == "with-mirror"]
    assert len(names) == len(METHODS) + len(LEARNED) + len(ABLATIONS) - len(of_demo)
    for name in names:
        assert sum(f"--out runs/x/generators/{name} " in f"{line} " for line in lines) == 1
        assert sum(line.startswith(f"bench score runs/x/runs/{name} ") for line in lines) == 1


@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda ablation: ablation.name)
def test_an_ablation_changes_one_table_of_the_settings(ablation: reference_runs.Ablation) -> None:
    profile = "demo" if ablation.name == "with-mirror" else "gpu"  # the demo's profile mirrors nothing itself
    settings = profile_settings(ldm.METHOD, profile)
    without = profile_settings(ldm.METHOD, profile, ablation.overrides(settings))
    names = [field.name for field in dataclasses.fields(settings)]
    assert len([name for name in names if getattr(settings, name) != getattr(without, name)]) == 1


def test_without_pretraining_the_budget_stays_whole() -> None:
    settings = profile_settings(ldm.METHOD, "gpu")
    (ablation,) = (ablation for ablation in ABLATIONS if ablation.name == "without-pretraining")
    stages = ldm.stages(profile_settings(ldm.METHOD, "gpu", ablation.overrides(settings)))
    assert [stage.name for stage in stages] == [ldm.AUTOENCODER, ldm.VOLUMES]
    assert sum(stage.share for stage in stages) == pytest.approx(1)


def test_an_ablation_that_changes_nothing_in_a_profile_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    same = reference_runs.Ablation("nothing", "nothing", lambda _: [])
    monkeypatch.setattr(reference_runs, "ABLATIONS", (same,))
    assert [row.name for row in rows("gpu")] == ["gan", "ddpm", "ldm"]


def test_rows_of_another_profile_carry_its_name(tmp_path: Path) -> None:
    write_submission(tmp_path, Submission(team="reference", method="ldm", kind="baseline", title="x", licence="MIT"))
    (row,) = (row for row in rows("demo") if row.name == "ldm-without-spatial-maps-demo")
    name_row(tmp_path, row, "demo")
    named = read_submission(tmp_path)
    assert (named.method, named.title) == (row.name, "Latent diffusion, without spatial maps, profile demo")
    name_row(tmp_path, row, "demo")
    assert read_submission(tmp_path) == named


def test_a_plain_row_keeps_its_plain_title(tmp_path: Path) -> None:
    write_submission(tmp_path, Submission(team="reference", method="gan", kind="baseline", licence="MIT"))
    name_row(tmp_path, Row("gan", "gan"), "gpu")
    assert read_submission(tmp_path).title == "Conditional GAN"


def counted_steps(folder: Path, calls: list[str], texts: dict[str, str]) -> list[Step]:
    """Steps that make a file each and note that they ran."""

    def step(name: str) -> Step:
        def run() -> None:
            calls.append(name)
            (folder / name).touch()

        return Step(name, texts[name], folder / name, run, always=name == "board")

    return [step(name) for name in texts]


def test_what_is_done_is_skipped_and_what_changed_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    texts = {"a": "bench a", "b": "bench b", "board": "bench board"}
    monkeypatch.setattr(Plan, "steps", lambda self: iter(counted_steps(tmp_path, calls, texts)))
    plan = Plan("gpu", "v1", tmp_path / "out")
    run_plan(plan)
    assert calls == ["a", "b", "board"]
    run_plan(plan)
    assert calls[3:] == ["board"]
    texts["a"] = "bench a --seed 1"
    (tmp_path / "b").unlink()
    run_plan(plan)
    assert calls[4:] == ["a", "b", "board"]


def test_a_failing_command_ends_the_plan_with_its_code_and_is_not_done(tmp_path: Path) -> None:
    plan = Plan("tiny", str(tmp_path / "nothing"), tmp_path / "out")
    failing = next(step for step in plan.steps() if step.name == "data")
    with pytest.raises(SystemExit) as caught:
        failing.run()
    assert caught.value.code == 2
    assert not reference_runs.is_done(failing, plan.marks)


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """4 training eyes and 10 test eyes."""
    return write_toy_dataset(tmp_path_factory.mktemp("toy-eyes"), n_train=4, n_test=10)


@pytest.mark.parametrize(("allowed", "folder"), [("true", "sheets"), ("false", "out/samples")])
def test_sheets_leave_the_private_folder_only_where_pictures_may(tmp_path: Path, allowed: str, folder: str) -> None:
    data = write_toy_dataset(tmp_path / "data", n_train=1, n_test=1).folder
    description = (data / "dataset.toml").read_text("utf-8")
    (data / "dataset.toml").write_text(description.replace("published = true", f"published = {allowed}"))
    plan = Plan("demo", str(data), tmp_path / "out", sheets=tmp_path / "sheets")
    assert plan.sheet_folder == tmp_path / folder / "data-demo"


@pytest.mark.slow
def test_a_row_is_trained_named_generated_and_shown(
    eyes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # tiny networks are slower on several threads
    plan = Plan("tiny", str(eyes.folder), tmp_path / "out", sheets=tmp_path / "sheets", device="cpu")
    steps = [step for step in plan.steps() if step.name.split("-", 1)[-1] == "ddpm-tiny"]
    for step in steps:
        if not step.name.startswith("score"):
            step.run()
    assert read_submission(plan.out / "generators" / "ddpm-tiny").method == "ddpm-tiny"
    assert len(list((plan.out / "runs" / "ddpm-tiny" / "volumes").glob("*.npy"))) == 10
    (sheet,) = (tmp_path / "sheets").rglob("*.jpg")
    pixels = np.asarray(Image.open(sheet).convert("L"))
    assert 8 * 166 < pixels.shape[0] < 9 * 166
    assert pixels[-160:, -200:].std() > 1


def test_a_request_to_stop_reaches_the_command(tmp_path: Path) -> None:
    """SIGTERM to the plan ends the running command, whose exit code becomes the plan's."""
    code = (
        "import subprocess, sys\n"
        "from fundus2oct.baselines import reference_runs as r\n"
        "real = subprocess.Popen\n"
        "child = 'import signal, sys, time; signal.signal(15, lambda *_: sys.exit(130)); print(1, flush=True); '\n"
        "r.subprocess.Popen = lambda command: real([sys.executable, '-c', child + 'time.sleep(60)'])\n"
        "r.run_bench(['train'])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 130
    assert time.monotonic() - started < 30
    process.stdout.close()
