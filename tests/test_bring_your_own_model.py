"""The guide `docs/bring-your-own-model.md` works: its files are written, its commands run in order, its errors appear.

Metrics are those of the toy board, because the real networks are slow; everything else is as a reader would run it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mean_features
import numpy as np
import pytest
from numpy.typing import NDArray

from fundus2oct.benchmark import cli
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
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.S | re.M)
FILE_NAME = re.compile(r"`([\w-]+/[\w.]+)`")
"""At the start of the paragraph before a block: the block is that file."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language, its text, and the file that it is, if any."""

    language: str
    text: str
    file: str | None


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command of the guide, what it ended with, and what the guide shows of its output."""

    command: str
    code: int
    output: str
    shown: tuple[str, ...]

    def promised_code(self) -> int:
        """0 where no error of ours is shown; else what the first or last line of the error says."""
        if not self.shown or not self.command.startswith("bench "):
            return 0
        return 4 if self.shown[-1].startswith("E_FAILED") else 3


def blocks() -> list[Block]:
    """Every fenced block, in order."""
    found = []
    for match in BLOCK.finditer(GUIDE):
        paragraph = GUIDE[: match.start()].rsplit("\n\n", 2)[-2].lstrip()
        name = FILE_NAME.match(paragraph)
        found.append(Block(language=match[1], text=match[2], file=name and name[1]))
    return found


def commands(block: Block) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each command of a block with the lines that are shown below it."""
    if block.language == "sh":
        yield from ((line, ()) for line in block.text.splitlines())
    elif block.language == "console":
        for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            command, *shown = part.splitlines()
            yield command, tuple(shown)


def run(command: str, shown: tuple[str, ...]) -> Ran:
    """Run a command in the working directory: `bench` in this process, anything else in one of its own."""
    arguments = shlex.split(command)
    if arguments[0] == "bench":
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = cli.run(arguments[1:])
        return Ran(command=command, code=int(code), output=told.getvalue(), shown=shown)
    return run_program([sys.executable if word == "python" else word for word in arguments], command, shown)


def run_program(arguments: list[str], command: str, shown: tuple[str, ...] = ()) -> Ran:
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        arguments, env=offline, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return Ran(command=command, code=done.returncode, output=done.stdout, shown=shown)


def follow(folder: Path) -> Iterator[Ran]:
    """Do what the guide says, block by block, in the working directory ``folder``."""
    for block in blocks():
        if block.file is not None:
            (folder / block.file).parent.mkdir(exist_ok=True)
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            yield run_program([sys.executable, "-c", block.text], block.text)
        else:
            yield from (run(command, shown) for command, shown in commands(block))


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
        return Walk(folder, tuple(follow(folder)))


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
        pattern = re.escape("\n".join(ran.shown)).replace(re.escape("..."), ".*")
        assert re.fullmatch(pattern, ran.output.strip()), f"{ran.command} printed:\n{ran.output}"


def test_the_folders_to_copy_hold_the_files_of_the_guide() -> None:
    written = {block.file: block.text for block in blocks() if block.file and block.file.split("/")[0] in NAMES}
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
    drawn = walk.volumes("torch-module-phantom-tiny-test-s0")
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
