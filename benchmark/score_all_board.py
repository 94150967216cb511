"""`bench score --all` from its options to its exit code: one board, the submissions below a folder, a task for each."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

from fundus2oct.benchmark import scoring
from fundus2oct.benchmark.challenge_folder import is_picture_folder
from fundus2oct.benchmark.cluster import open_client, score_on_cluster
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generate_command import HowToRun, choose_device, chosen_limits
from fundus2oct.benchmark.phase_filing import Filing
from fundus2oct.benchmark.score_all import default_jobs, score_all, visible_gpus
from fundus2oct.benchmark.score_all_list import HandedIn, find_submissions
from fundus2oct.benchmark.score_all_table import report, shown
from fundus2oct.benchmark.score_all_task import Board, Outcome, Task
from fundus2oct.benchmark.shard import Shard
from fundus2oct.benchmark.value_cache import make_private_folder
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.errors import ExitCode


def make_board(
    dataset: Dataset, split: str, phase: str, *, seed: int, runs: Path, filing: Filing, options: tuple[str, ...]
) -> Board:
    """What every submission is scored on; paths are made absolute, for workers elsewhere."""
    return Board(
        data=dataset.folder.resolve(),
        name=dataset.name,
        version=dataset.version,
        inputs_hash=dataset.inputs_hash(split),
        truth_hash=dataset.truth_hash(split),
        phase=phase,
        seed=seed,
        metric_versions={card.name: card.version for card in catalogue.CARDS},
        computable=frozenset(card.name for card in catalogue.CARDS if scoring.missing_weights(card) is None),
        runs=runs.resolve(),
        private=filing.private.resolve(),
        results=filing.results.resolve(),
        options=options,
    )


def shared_options(split: str, phase: str, received: datetime, *, reason: str, how: HowToRun) -> tuple[str, ...]:
    """Arguments of `bench score` that are the same for every submission."""
    place = str(Path(phase).resolve()) if phase.endswith(".toml") else phase
    fixed = ("--split", split, "--phase", place, "--received", received.isoformat(), "--device")
    return (*fixed, choose_device(how.device), *(("--reason", reason) if reason else ()))


def code_options(how: HowToRun, *, batch: bool) -> tuple[str, ...]:
    """Arguments of `bench score` for a submission of code.

    Args:
        how: as the caller runs all of them.
        batch: whether this one takes several photographs at once; one that does not is asked one by one.
    """
    limits = () if how.limits is None else ("--limits", str(how.limits.resolve()))
    several = ("--batch", str(how.batch)) if batch and how.batch > 1 else ()
    return ("--sandbox", how.sandbox, *limits, *several, *(("--fresh-process",) if how.fresh_process else ()))


def score_folder(
    root: Path, board: Board, *, how: HowToRun, jobs: int | None, shard: Shard | None, cluster: str | None = None
) -> ExitCode:
    """Score what was handed in below a folder, show how far it is, and say what has no record.

    Raises:
        BenchError: E_MISSING, E_EMPTY or E_DUPLICATE before anything is run; what `cluster.open_client` and
            `sandbox_limits.read_limits` raise.
    """
    limits = chosen_limits(how.limits, None)
    found = find_submissions(root, shard)
    gpus = visible_gpus() if choose_device(how.device) == "cuda" else []
    jobs = jobs or default_jobs(choose_device(how.device), gpus, limits)
    tasks = [_task(one, board, how) for one in found if one.error is None]
    broken = [_broken(one) for one in found if one.error is not None]
    make_private_folder(board.private)
    with contextlib.ExitStack() as opened:
        client = None if cluster is None else opened.enter_context(open_client(cluster, jobs))
        tell = opened.enter_context(shown(tasks))
        if client is None:
            outcomes = score_all(tasks, jobs=jobs, gpus=gpus, tell=tell)
        else:
            outcomes = score_on_cluster(tasks, client, tell=tell)
    return report([*outcomes, *broken])


def _task(one: HandedIn, board: Board, how: HowToRun) -> Task:
    folder = one.folder.resolve()
    return Task(one.name, folder, board, () if is_picture_folder(folder) else code_options(how, batch=one.batch))


def _broken(one: HandedIn) -> Outcome:
    code = "" if one.error is None else one.error.code
    return Outcome(name=one.name, state="failed", code=code, fix=f"run `bench check {one.folder}`")
