"""Submissions scored by the workers of a Dask cluster: on this machine, at an address, or jobs of SLURM.

What travels is a `Task` and an `Outcome`, a path and a hash; all else lies in folders that every worker sees. A worker
may die: Dask runs its tasks again, and a task that is run twice finds its record. No submission's code runs in a
worker: a task starts `bench score`, and that a sandbox.

Peers send each other pickles, so that whoever reaches the ports runs code: use a private network, and ``tls://``.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.score_all_task import Outcome, Task
from fundus2oct.benchmark.strict_toml import Key, raise_all, read_toml, table_problems
from fundus2oct.metrics.errors import BenchError

if TYPE_CHECKING:
    from distributed import Client

RETRIES = 2
ALLOWED_FAILURES = 10
"""Deaths of workers that a task survives: it is blamed for those of its neighbours too."""

ROUNDS = 2
"""How often what has no answer is handed in again."""

CONNECT_SECONDS = 30

KEYS = {
    "workers": Key(int, "1 or more", lambda value: value >= 1),
    "cores": Key(int, "1 or more", lambda value: value >= 1),
    "memory": Key(str, 'such as "20GB"', bool),
    "walltime": Key(str, 'such as "12:00:00"', bool),
    "queue": Key(str, "name of a partition", bool, required=False),
    "account": Key(str, "name of an account", bool, required=False),
    "directives": Key(list, 'texts such as "--gres=gpu:1"', lambda value: all(map(_is_text, value)), required=False),
    "prologue": Key(list, "lines of a shell script", lambda value: all(map(_is_text, value)), required=False),
}
"""The keys of a `slurm.toml`."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def score_on_cluster(
    tasks: Sequence[Task], client: Client, *, tell: Callable[[Outcome], None] | None = None
) -> list[Outcome]:
    """Run tasks on a cluster; what its workers could not answer is handed in once more.

    Args:
        tasks: one a submission.
        client: of the cluster, from `open_client`.
        tell: is told of each outcome as it comes.

    Returns:
        the outcomes in the order of the tasks.
    """
    outcomes: dict[str, Outcome] = {}
    for _ in range(ROUNDS):
        for outcome in _answers([task for task in tasks if task.name not in outcomes], client):
            outcomes[outcome.name] = outcome
            if tell is not None:
                tell(outcome)
    return [outcomes.get(task.name) or _lost(task) for task in tasks]


def _lost(task: Task) -> Outcome:
    return Outcome(name=task.name, state="failed", code="E_SCORER", fix="run the same command again: it goes on")


def _run(task: Task) -> Outcome:
    """What a worker does."""
    return task.run()


def _answers(tasks: Sequence[Task], client: Client) -> Iterator[Outcome]:
    from distributed import as_completed

    futures = [client.submit(_run, task, retries=RETRIES, pure=False) for task in tasks]
    try:
        for future in as_completed(futures):  # type: ignore[no-untyped-call]  # distributed is typed in part
            if future.status == "finished":
                yield future.result()
            else:
                say(f"no answer from a worker: {future.exception()!r}"[:400])
    finally:
        client.cancel(futures)  # type: ignore[no-untyped-call]  # the same


@contextlib.contextmanager
def open_client(place: str, workers: int) -> Iterator[Client]:
    """Connect to the cluster that ``place`` names, and end what was started for it.

    Args:
        place: ``local``, ``tcp://host:port``, ``tls://host:port`` or a `slurm.toml`.
        workers: of a local cluster.

    Raises:
        BenchError: E_EXTRAS without dask; E_CLUSTER when nothing answers at the address or the file is not good.
    """
    try:
        from distributed import Client
    except ImportError:
        fix = "pip install 'fundus2oct[cluster]'"
        raise BenchError("E_EXTRAS", "dask is not installed", where="--cluster", fix=fix) from None
    with contextlib.ExitStack() as opened:
        if place == "local":
            target: Any = opened.enter_context(_local_cluster(workers))
        elif place.endswith(".toml"):
            target = opened.enter_context(slurm_cluster(Path(place)))
        else:
            target = _address(place)
        try:
            client = opened.enter_context(Client(target, timeout=CONNECT_SECONDS))  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            what, fix = "no cluster at this address", "start `dask scheduler` and `dask worker`s, or name another"
            raise BenchError("E_CLUSTER", what, where=place, found=str(error), fix=fix) from None
        yield client


def _address(place: str) -> str:
    if not place.startswith(("tcp://", "tls://")):
        expected = "local, tcp://host:port, tls://host:port or a slurm.toml"
        raise BenchError("E_CLUSTER", "no such cluster", where="--cluster", expected=expected, found=place)
    return place


def _local_cluster(workers: int) -> Any:
    """Processes on this machine, each restarted when it dies."""
    import dask
    from distributed import LocalCluster

    dask.config.set({"distributed.scheduler.allowed-failures": ALLOWED_FAILURES})
    return LocalCluster(  # type: ignore[no-untyped-call]  # distributed is typed in part
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    )


def slurm_cluster(path: Path) -> Any:
    """Jobs of SLURM as a `slurm.toml` describes them; each is one worker that runs one task at a time.

    Raises:
        BenchError: E_CLUSTER with every problem of the file; E_EXTRAS without dask-jobqueue.
    """
    options = slurm_options(path)
    try:
        jobqueue = importlib.import_module("dask_jobqueue")
    except ImportError:
        what, fix = "dask-jobqueue is not installed", "pip install dask-jobqueue"
        raise BenchError("E_EXTRAS", what, where=path, fix=fix) from None
    workers = options.pop("workers")
    cluster = jobqueue.SLURMCluster(**options)
    cluster.scale(jobs=workers)
    return cluster


def slurm_options(path: Path) -> dict[str, Any]:
    """The arguments of dask-jobqueue's `SLURMCluster` that a `slurm.toml` stands for, and ``workers``.

    Raises:
        BenchError: E_CLUSTER with every problem of the file.
    """
    document = read_toml(path, code="E_CLUSTER")
    raise_all(table_problems(document, KEYS, where=path, code="E_CLUSTER"), path)
    renamed = {"directives": "job_extra_directives", "prologue": "job_script_prologue"}
    options = {renamed.get(key, key): value for key, value in document.items()}
    extra = ["--nthreads", "1"]
    return {**options, "processes": 1, "worker_extra_args": extra}
