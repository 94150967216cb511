"""The guide `docs/bring-your-own-model.md` works: its files are written, its commands run in order, its errors appear.

Metrics are those of the toy board, because the real networks are slow; everything else is as a reader would run it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mean_features
import numpy as np
import pytest
from followed_page import Ran, blocks, follow
from numpy.typing import NDArray

from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.worker_process import WorkerProcess
from fundus2oct.benchmark.worker_setup import WorkerSetup
from fundus2oct.metrics import catalogue, scan_geometry

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "bring-your-own-model.md").read_text("utf-8")
EXAMPLES = ROOT / "submissions" / "examples"
NAMES = ("torch-module", "diffusers-pipeline")


@dataclass(frozen=True)
class Walk:
    """The guide, followed: the folder it leaves and every command that ran."""

    folder: Path
    ran: tuple[Ran, ...]

    def ran_as(self, start: str) -> Ran:
        """The one command that starts so."""
        (found,) = (ran for ran in self.ran if ran.command.startswith(start))
        return found

    def dataset(self) -> Dataset:
        return read_dataset(self.folder / "data")

    def volumes(self, run_name: str) -> dict[str, NDArray[np.uint8]]:
        """Case id -> volume of a run."""
        return {path.stem: np.load(path) for path in sorted((self.folder / "runs" / run_name / "volumes").glob("*"))}

    def records(self) -> dict[str, Any]:
        """``team/method`` -> public record."""
        paths = (self.folder / "results").rglob("results/**/????-????????.json")
        return {
            "/".join(path.relative_to(self.folder / "results").parts[:2]): json.loads(path.read_text())
            for path in paths
        }


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The whole guide, followed once."""
    folder = tmp_path_factory.mktemp("guide")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "CARDS", mean_features.CARDS)
        patch.chdir(folder)
        return Walk(folder, tuple(follow(GUIDE, folder)))


@pytest.fixture(scope="module", params=NAMES)
def worker(walk: Walk, request: pytest.FixtureRequest) -> Iterator[WorkerProcess]:
    """The worker process of each example, with the guide's weights."""
    folder = walk.folder / request.param
    setup = WorkerSetup(
        target="generator:make_generator", folder=folder, import_paths=(str(folder),), limits=Limits(threads=1)
    )
    with WorkerProcess(setup, walk.folder / f"{request.param}.log") as process:
        process.start()
        yield process


def draw(worker: WorkerProcess, fundus: NDArray[np.uint8], eye: str, seed: int) -> NDArray[np.uint8]:
    answer = worker.generate(np.ascontiguousarray(fundus), eye=eye, seed=seed)
    assert answer.volume is not None, answer.message
    return answer.volume


def test_every_command_does_what_the_guide_promises(walk: Walk) -> None:
    wrong = [ran for ran in walk.ran if ran.code != ran.promised_code()]
    assert not wrong, "\n".join(f"{ran.command} ended with {ran.code}:\n{ran.output}" for ran in wrong)
    assert len(walk.ran) >= 15


def test_the_errors_that_the_guide_shows_are_the_ones_that_appear(walk: Walk) -> None:
    shown = [ran for ran in walk.ran if ran.shown]
    assert len(shown) == 4
    for ran in shown:
        assert ran.shows_what_it_said(), f"{ran.command} printed:\n{ran.output}"


def test_the_folders_to_copy_hold_the_files_of_the_guide() -> None:
    written = {block.file: block.text for block in blocks(GUIDE) if block.file and block.file.split("/")[0] in NAMES}
    kept = {
        path.relative_to(EXAMPLES).as_posix(): path.read_text("utf-8")
        for name in NAMES
        for path in (EXAMPLES / name).iterdir()
        if path.suffix in {".py", ".toml"}
    }
    assert written == kept
    assert len(kept) == 6


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_of_the_guide_imports_nothing_of_ours(name: str) -> None:
    tree = ast.parse((EXAMPLES / name / "generator.py").read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in imports for alias in node.names} | {
        getattr(node, "module", "") for node in imports
    }
    assert "torch" in modules
    assert not [module for module in modules if module and module.split(".")[0] == "fundus2oct"]


def test_the_trained_module_comes_nearer_to_unseen_eyes_than_any_plain_grey(walk: Walk) -> None:
    dataset = walk.dataset()
    drawn = walk.volumes("examples.torch-module-phantom-tiny-test-s0")
    for case in dataset.split("test"):
        truth = dataset.volume(case).astype(float)
        plain = np.abs(truth - np.median(truth)).mean()  # the best of all constant volumes
        assert np.abs(truth - drawn[case.case_id]).mean() < 0.8 * plain


def test_a_left_eye_is_drawn_as_the_mirror_image_of_a_right_one(walk: Walk, worker: WorkerProcess) -> None:
    fundus = walk.dataset().fundus(walk.dataset().split("test")[0])
    right = draw(worker, fundus, "R", 5)
    left = draw(worker, scan_geometry.mirror_fundus(fundus), "L", 5)
    np.testing.assert_array_equal(left, scan_geometry.mirror_volume(right))
    assert not np.array_equal(left, right)


def test_an_answer_depends_on_the_photograph_and_not_on_the_cases_before(walk: Walk, worker: WorkerProcess) -> None:
    dataset = walk.dataset()
    one, other = (dataset.fundus(case) for case in dataset.split("test"))
    first = draw(worker, one, "R", 2**63 - 1)
    assert not np.array_equal(draw(worker, other, "R", 2**63 - 1), first)
    np.testing.assert_array_equal(draw(worker, one, "R", 2**63 - 1), first)


@pytest.mark.parametrize("worker", ["diffusers-pipeline"], indirect=True)
def test_another_seed_draws_another_volume(walk: Walk, worker: WorkerProcess) -> None:
    fundus = walk.dataset().fundus(walk.dataset().split("test")[0])
    assert not np.array_equal(draw(worker, fundus, "R", 1), draw(worker, fundus, "R", 2))


def test_pictures_score_exactly_like_the_code_that_drew_them(walk: Walk) -> None:
    records = walk.records()
    assert set(records) == {"examples/torch-module", "my-team/pictures"}
    code, pictures = (records[name]["metrics"] for name in ("examples/torch-module", "my-team/pictures"))
    for metric in ("ssim", "psnr"):
        assert code[metric]["value"] is not None
        assert code[metric]["value"] == pictures[metric]["value"]
