"""`bench score --all`: every submission that has no record yet, several at once; one that fails stops no other."""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from fundus2oct.benchmark.sandbox_limits import GIB, Limits
from fundus2oct.benchmark.score_all_task import Outcome, Task
from fundus2oct.benchmark.steps import step

SCORER_BYTES = 3 * GIB
"""Memory of the scoring process itself: networks, and a few volumes."""

REFRESH_SECONDS = 0.5

Tell = Callable[[Outcome], None]
"""Called in the main thread whenever a submission is done."""


def score_all(tasks: Sequence[Task], *, jobs: int, gpus: Sequence[int] = (), tell: Tell | None = None) -> list[Outcome]:
    """Run tasks, several at once.

    The first interruption starts nothing new and ends the scorers at work, each of which can be resumed.

    Args:
        tasks: one a submission.
        jobs: how many at once.
        gpus: numbers of the GPUs, dealt to the jobs in turn; none leaves the choice to each scorer.
        tell: is told of each outcome as it comes.

    Returns:
        the outcomes in the order of the tasks.
    """
    stop = threading.Event()
    seats: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for seat in range(jobs):
        seats.put(gpus[seat % len(gpus)] if gpus else None)

    def work(task: Task) -> Outcome:
        seat = seats.get()
        try:
            return task.run(seat, stop)
        finally:
            seats.put(seat)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(work, task) for task in tasks]
        try:
            for outcome in _as_completed(futures):
                step("submission done")
                if tell is not None:
                    tell(outcome)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _as_completed(futures: Sequence[Future[Outcome]]) -> Iterator[Outcome]:
    """Outcomes as they come; waits are short, so that an interruption is heard at once."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, REFRESH_SECONDS, FIRST_COMPLETED)
        for future in done:
            yield future.result()


def default_jobs(device: str, gpus: Sequence[int], limits: Limits) -> int:
    """How many submissions at once: one a GPU; on processors as many as these and the memory allow, at least one.

    Each is counted with what it may take at most: the generator's threads and memory limit, and the scorer's own.
    """
    if device.startswith("cuda"):
        return max(1, len(gpus))
    by_memory = available_bytes() // (limits.memory_bytes + SCORER_BYTES)
    return max(1, min(len(os.sched_getaffinity(0)) // limits.threads, by_memory))


def visible_gpus() -> list[int]:
    """Numbers of the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` or the driver's files give them."""
    if named := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return [int(number) for number in named.split(",") if number.strip().isdigit()]
    found = (re.fullmatch(r"nvidia(\d+)", path.name) for path in Path("/dev").glob("nvidia*"))
    return sorted(int(match[1]) for match in found if match)


def available_bytes() -> int:
    """Memory that can be had without swapping; all of it where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
