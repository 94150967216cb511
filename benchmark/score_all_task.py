"""One submission of `bench score --all`: is it scored already, and if not, a `bench score` of its own for it.

A task may be run twice, by two processes, or again after a kill: what is done is found by content, the folder's lock
lets one scorer in, and the answer is a path and a hash, never a volume. The submission's code runs in neither this
process nor the one started here but in the sandbox that `bench score` puts around its worker.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.result_file import list_records, read_result
from fundus2oct.benchmark.value_cache import make_private_folder
from fundus2oct.metrics.durable_file import sha256_file
from fundus2oct.metrics.errors import BenchError, ExitCode

SCORED = (ExitCode.OK, ExitCode.CASES_FAILED)
"""Exit codes of `bench score` after which a record is there."""

TRIES = 2
"""How often a scorer that was killed, by the kernel for its memory perhaps, is started."""

LOCKED_SECONDS = 2.0
"""Pause before looking again at an entry that another process scores."""

POLL_SECONDS = 0.2
STOP_SECONDS = 20.0
CODE = re.compile(r"^(E_[A-Z]+): ", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Board:
    """What every submission is scored on, in plain values that travel to other machines.

    Attributes:
        data: dataset folder with truth.
        name: of the dataset.
        version: of the dataset.
        inputs_hash: of the split.
        truth_hash: of the split.
        phase: slug under which records are filed.
        seed: of the runs.
        metric_versions: metric -> version of the cards at hand.
        computable: metrics whose weights are installed: a record that lacks one of them is not complete.
        runs: where runs go.
        private: the organiser's folder.
        results: root of the public records.
        options: further arguments of `bench score`, the same for all.
    """

    data: Path
    name: str
    version: str
    inputs_hash: str
    truth_hash: str
    phase: str
    seed: int
    metric_versions: Mapping[str, str]
    computable: frozenset[str]
    runs: Path
    private: Path
    results: Path
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one submission.

    Attributes:
        name: ``team/method``.
        state: scored now, scored before, or failed.
        code: public code of the failure.
        fix: what to do about it.
        record: path of the record, as text.
        sha256: of the record's bytes.
        seconds: that it took.
    """

    name: str
    state: Literal["scored", "before", "failed"]
    code: str = ""
    fix: str = ""
    record: str = ""
    sha256: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Task:
    """One submission on one board.

    Attributes:
        name: ``team/method``.
        folder: what was handed in.
        board: what it is scored on.
        options: further arguments of `bench score`, for this one.
    """

    name: str
    folder: Path
    board: Board
    options: tuple[str, ...] = ()

    def run(self, gpu: int | None = None, stop: threading.Event | None = None) -> Outcome:
        """Score the submission unless its record is there.

        Args:
            gpu: number of the only GPU it may use; None leaves it the choice.
            stop: once set, the scorer is ended.
        """
        started = time.monotonic()
        try:
            outcome = self._run(gpu, stop or threading.Event())
        except BenchError as error:
            outcome = self._failed(error.code)
            _write_log(self.log, error.line() + "\n")
        return _with_seconds(outcome, time.monotonic() - started)

    @property
    def log(self) -> Path:
        """What its scorer said, for the organiser alone."""
        return self.board.private / "logs" / f"{self.name.replace('/', '--')}.log"

    def cases_done(self) -> int:
        """How many cases of its runs are generated so far."""
        return sum(1 for _ in (self.board.runs / self.name).glob("*/*/cases/*.json"))

    def _run(self, gpu: int | None, stop: threading.Event) -> Outcome:
        digest, images = content_digest(self.folder)
        code, tries = "", 0
        while tries < TRIES:
            if record := current_record(self.name, digest, self.board, images=images):
                state: Any = "scored" if tries else "before"
                return Outcome(name=self.name, state=state, record=str(record), sha256=sha256_file(record))
            status, code = self._score(digest, gpu, stop)
            if code == "E_LOCKED" and not stop.wait(LOCKED_SECONDS):
                continue
            if status >= 0 and status not in SCORED:
                break
            tries += 1
        record = current_record(self.name, digest, self.board, images=images)
        if record is None or code:
            return self._failed(code or "E_SCORER")
        return Outcome(name=self.name, state="scored", record=str(record), sha256=sha256_file(record))

    def _failed(self, code: str) -> Outcome:
        return Outcome(name=self.name, state="failed", code=code, fix=f"see {self.log}")

    def _score(self, digest: str, gpu: int | None, stop: threading.Event) -> tuple[int, str]:
        """Run `bench score`; its exit status, negative for a signal, and the code of the error that ended it."""
        board = self.board
        runs = board.runs / self.name / digest[:8]
        places = ["--data", board.data, "--runs", runs, "--private", board.private, "--results", board.results]
        arguments = [self.folder, *places, "--seed", board.seed, *board.options, *self.options]
        status, said = scorer(list(map(str, arguments)), _environment(gpu), stop.is_set)
        _write_log(self.log, said)
        codes = CODE.findall(said)
        return status, "" if status in SCORED else codes[-1] if codes and status > 0 else "E_SCORER"


def _with_seconds(outcome: Outcome, seconds: float) -> Outcome:
    return Outcome(**{**vars(outcome), "seconds": round(seconds, 1)})


def content_digest(folder: Path) -> tuple[str, bool]:
    """Content hash of what was handed in, as its record will name it, and whether it is images."""
    from fundus2oct.benchmark.archive_import import pictures_digest
    from fundus2oct.benchmark.challenge_folder import is_picture_folder
    from fundus2oct.benchmark.generator_reference import resolve

    if is_picture_folder(folder):
        return pictures_digest(folder), True
    return resolve(str(folder)).content_hash, False


def current_record(name: str, digest: str, board: Board, *, images: bool = False) -> Path | None:
    """The newest record of a submission as it is now, on this board with these metrics; None where it is to be scored.

    Damaged records are set aside.

    Args:
        name: ``team/method``.
        digest: what `content_digest` found.
        board: dataset, phase and metrics.
        images: a record of images has no seed.
    """
    wanted = {"generator_hash": digest, "seed": None if images else board.seed}
    folder = board.results / name / "results" / f"{board.name}-{board.version}" / board.phase
    for path in reversed([path for path in list_records(folder) if not _set_aside(path)]):
        result = read_result(path)
        if all(result["run"][key] == value for key, value in wanted.items()) and _is_current(result, board):
            return path
    return None


def _set_aside(path: Path) -> bool:
    """Rename a record to ``*.corrupt`` unless it has the bytes that its name tells of; it is then scored again."""
    if sha256_file(path)[:8] == path.stem.split("-")[1]:
        return False
    with contextlib.suppress(FileNotFoundError):  # another process was quicker
        path.replace(path.with_suffix(".corrupt"))
    say(f"a damaged record was set aside: {path}")
    return True


def _is_current(result: Mapping[str, Any], board: Board) -> bool:
    dataset, protocol = result["dataset"], result["protocol"]
    hashes = (dataset["inputs_hash"], dataset["truth_hash"])
    if hashes != (board.inputs_hash, board.truth_hash) or protocol["metric_versions"] != board.metric_versions:
        return False
    without = {name for name, metric in result["metrics"].items() if str(metric["reason"]).startswith("weights ")}
    return not without & board.computable


def scorer(arguments: list[str], environment: Mapping[str, str], stopped: Callable[[], bool]) -> tuple[int, str]:
    """Run `bench score` in a process that ends when this one does.

    Returns:
        its exit status, negative for a signal, and what it said on stderr.
    """
    command = [sys.executable, "-m", "fundus2oct.benchmark.score_all_child", "--quiet", "score", *arguments]
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        ended_at = None
        while True:
            try:
                _, said = process.communicate(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if stopped() and ended_at is None:
                    process.terminate()
                    ended_at = time.monotonic()
                elif ended_at is not None and time.monotonic() - ended_at > STOP_SECONDS:
                    process.kill()
                continue
            return process.returncode, said


def _environment(gpu: int | None) -> dict[str, str]:
    """The variables of this process, without those that would stand for options of `bench score`.

    Threads that wait are to sleep: spinning, they would take the processors from the other scorers.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_SCORE_")}
    chosen = {"OMP_WAIT_POLICY": "PASSIVE"} | kept
    return chosen if gpu is None else chosen | {"CUDA_VISIBLE_DEVICES": str(gpu)}


def _write_log(path: Path, text: str) -> None:
    make_private_folder(path.parent)
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
