"""The harness's end of a worker: starts it, hands it photographs, judges its answers, and ends it in any state.

A wait has a deadline (`worker_pipe`), memory is watched (`sandbox_watch`), what the generator prints goes to a capped
private log. Failures of ours and theirs are told apart: a worker that ends before it said that it started has run
nothing of the submission, and is started again. The run itself is `benchmark.generation`.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import sandbox, sandbox_bubblewrap, worker
from fundus2oct.benchmark.sandbox_watch import Peak, Watch
from fundus2oct.benchmark.worker_pipe import WorkerGone, WorkerPipe
from fundus2oct.benchmark.worker_setup import WorkerSetup
from fundus2oct.metrics.errors import BenchError, ExitCode

START_TRIES = 3
RETRY_SECONDS = 0.5
SWEEP_SECONDS = 5.0
NOTE_BYTES = 2**13
NOTES_BYTES = 2**22
"""Longest private note of one failure, and how far notes let the log grow beyond its cap."""

PUBLIC_CODES = frozenset(
    {
        *("E_PLUGIN", "E_DTYPE", "E_SHAPE", "E_NONFINITE", "E_RANGE"),
        *("E_TIMEOUT", "E_CRASH", "E_PROTOCOL", "E_MEMORY", "E_LIMIT"),
    }
)


@dataclass(frozen=True)
class Photograph:
    """One question to a generator.

    Attributes:
        fundus: (height, width, 3) uint8.
        eye: "L" or "R".
        seed: of this case alone.
    """

    fundus: NDArray[np.uint8]
    eye: str
    seed: int


@dataclass(frozen=True)
class Answer:
    """A volume, or the public code and the private message of a failure; never both."""

    volume: NDArray[np.uint8] | None
    code: str = ""
    message: str = ""


class WorkerProcess:
    """One worker, started when first needed and again after it died.

    Args:
        setup: what to run.
        log: the private log that takes its stderr and every failure's message.

    Attributes:
        peak: the most that any of its processes took, known once each has been stopped.
    """

    def __init__(self, setup: WorkerSetup, log: Path) -> None:
        self.peak = Peak()
        self._setup = setup
        self._limits = setup.limits
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: WorkerPipe | None = None
        self._launch: sandbox.Launch | None = None
        self._drain: threading.Thread | None = None
        self._watch: Watch | None = None
        self._namespace: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the worker and wait until its generator is loaded.

        Raises:
            BenchError: E_PLUGIN when the generator cannot be imported or made, the log has the traceback; E_WORKER when
                the process itself does not start; E_SANDBOX when the generator could read what it must not.
        """
        question = self._start_process()
        try:
            header, _ = self._connected().exchange(question, self._limits.start_seconds, max_body=0)
        except WorkerGone as gone:
            header = {"status": "error", "message": str(self._cause(gone))}
        if header.get("status") != "ready":
            message = str(header.get("message", "no message"))
            self.stop()
            self._note(f"loading {self._setup.target} failed:\n{message}")
            raise BenchError(
                "E_PLUGIN",
                "the generator could not be loaded",
                where=self._setup.target,
                found=sandbox.last_line(message.splitlines()) or "no message",
                fix=f"its traceback is in {self._log}",
            )

    def generate(self, fundus: NDArray[np.uint8], *, eye: str, seed: int) -> Answer:
        """One photograph in, one answer out; a dead or hung worker is a failed case, and the next call starts anew.

        Args:
            fundus: (height, width, 3) uint8.
            eye: "L" or "R".
            seed: of this case alone.
        """
        return self.generate_batch([Photograph(fundus, eye, seed)], together=False)[0]

    def generate_batch(self, photographs: Sequence[Photograph], *, together: bool = True) -> list[Answer]:
        """Several photographs in, as many answers out: all volumes, or the same failure for each.

        Args:
            photographs: at least one.
            together: whether the generator's `generate_batch` is asked; if not, its `generate`, for one photograph.
        """
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self.start()
        n = len(photographs)
        seconds = n * self._limits.case_seconds
        question = worker.frame(_header(photographs, together), b"".join(p.fundus.tobytes() for p in photographs))
        try:
            answer = self._connected().exchange(question, seconds, max_body=n * worker.VOLUME_BYTES)
            answers = _judge(*answer, n)
        except WorkerGone as gone:
            gone = self._cause(gone)
            self.stop()
            answers = [Answer(None, gone.code, str(gone))] * n
        if answers[0].code:
            self._note(f"{answers[0].code}: {answers[0].message}")
        return answers

    def stop(self) -> None:
        """End the worker and everything it started, whatever state it is in."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._watch is not None:
            self._watch.stop()
            self.peak |= self._watch.peak
        if self._launch is not None:
            _end(process, self._launch)
        if self._pipe is not None:
            self._pipe.close()
        process.wait()
        self._wait_for_namespace()
        if self._drain is not None:
            self._drain.join(timeout=5)
        if self._launch is not None and self._launch.scratch is not None:
            shutil.rmtree(self._launch.scratch, ignore_errors=True)

    def _wait_for_namespace(self) -> None:
        """Wait until nothing is left behind bubblewrap: its outer process ends before what it walled in is gone."""
        namespace, self._namespace = self._namespace, None
        if namespace is not None:
            ended = select.poll()  # select() knows no descriptor above 1023
            ended.register(namespace, select.POLLIN)
            ended.poll(SWEEP_SECONDS * 1000)
            os.close(namespace)

    def _connected(self) -> WorkerPipe:
        if self._pipe is None:
            raise WorkerGone("E_CRASH", "the worker is not running")
        return self._pipe

    def _start_process(self) -> bytes:
        """Start a process and hear that it started; returns the frame that names its generator.

        Raises:
            BenchError: E_WORKER after a few tries; the fault is not the submission's.
        """
        for attempt in range(START_TRIES):
            try:
                return self._spawn()
            except (OSError, WorkerGone) as error:
                self.stop()
                self._note(f"the worker did not start: {error}")
                time.sleep(RETRY_SECONDS * attempt)
        raise BenchError(
            "E_WORKER",
            "the generator's process does not start; nothing of the generator has run",
            where=self._setup.python,
            fix=f"what it said is in {self._log}; `bench doctor` tries this machine's walls",
            exit_code=ExitCode.INTERNAL,
        )

    def _spawn(self) -> bytes:
        with sandbox.launch(self._setup) as launch:
            process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(launch.environment),
                pass_fds=launch.descriptors,
                start_new_session=True,
            )
        self._process, self._launch = process, launch
        self._pipe = WorkerPipe(process)
        stderr = cast(BinaryIO, process.stderr)
        self._drain = threading.Thread(target=_drain, args=(stderr, self._log, self._limits.log_bytes), daemon=True)
        self._drain.start()
        self._watch = Watch(process.pid, self._limits, lambda: _end(process, launch), launch.scratch)
        self._watch.start()
        header, _ = self._pipe.receive(self._limits.start_seconds)
        if header != {"status": "started"}:
            raise WorkerGone("E_PROTOCOL", "the worker's first words are not that it started")
        if self._setup.isolation == "bubblewrap":
            self._namespace = sandbox_bubblewrap.open_namespace(process.pid)
        return worker.frame(
            {
                "target": self._setup.target,
                "folder": launch.folder,
                "device": launch.device,
                "import_paths": launch.import_paths,
            }
        )

    def _cause(self, gone: WorkerGone) -> WorkerGone:
        """Why the worker is gone: the watch knows better than the pipe."""
        excess = self._watch.excess if self._watch is not None else None
        return gone if excess is None else WorkerGone(*excess)

    def _note(self, message: str) -> None:
        with contextlib.suppress(OSError), open(self._log, "a", encoding="utf-8", errors="replace") as log:
            if log.tell() < self._limits.log_bytes + NOTES_BYTES:
                log.write(message[:NOTE_BYTES] + "\n")


def _end(process: subprocess.Popen[bytes], launch: sandbox.Launch) -> None:
    """End a worker and what it started: by its own launcher where that sweeps, and in any case by force."""
    if launch.sweeps and process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=SWEEP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _header(photographs: Sequence[Photograph], together: bool) -> dict[str, Any]:
    """What a worker is told: sizes, eyes and seeds; no name and no number of a case."""
    return {
        "together": together,
        "photographs": [{"shape": p.fundus.shape, "eye": p.eye, "seed": p.seed} for p in photographs],
    }


def _judge(header: dict[str, Any], body: bytes, n: int) -> list[Answer]:
    """The ``n`` answers that a frame holds."""
    if header.get("status") == "ok":
        expected = n * worker.VOLUME_BYTES
        if len(body) != expected:
            raise WorkerGone("E_PROTOCOL", f"expected {expected} bytes, found {len(body)}")
        return [Answer(volume) for volume in np.frombuffer(body, np.uint8).reshape(n, *worker.VOLUME_SHAPE)]
    code = str(header.get("code"))
    return [Answer(None, code if code in PUBLIC_CODES else "E_PLUGIN", str(header.get("message", "")))] * n


def _drain(stream: BinaryIO, log: Path, cap: int) -> None:
    """Copy a worker's stderr to the private log up to the cap; read and forget the rest, so that it never blocks.

    A full disk is ours and ends the run where a volume is stored; here it must not make the worker wait.
    """
    written = log.stat().st_size if log.exists() else 0
    with stream, open(log, "ab", buffering=0) as file:
        while chunk := os.read(stream.fileno(), 2**16):
            with contextlib.suppress(OSError):
                file.write(chunk[: max(0, cap - written)])
            written += len(chunk)
