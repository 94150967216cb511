"""The harness's end of the pipe: starts the worker, hands it one photograph at a time, and believes nothing it says.

Every wait has a deadline, every answer's size is known beforehand, and what the generator prints goes to a capped
private log. Walls around the process are added here; the run itself is `benchmark.generation`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import worker
from fundus2oct.metrics.errors import BenchError

LOG_CAP_BYTES = 2**20
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
FIXED_VARIABLES = {
    "PYTHONHASHSEED": "0",  # `python -I` would ignore it
    "PYTHONSAFEPATH": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUNBUFFERED": "1",  # what is printed before a kill is in the log
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
PUBLIC_CODES = frozenset(
    {"E_PLUGIN", "E_DTYPE", "E_SHAPE", "E_NONFINITE", "E_RANGE", "E_TIMEOUT", "E_CRASH", "E_PROTOCOL"}
)


@dataclass(frozen=True, kw_only=True)
class WorkerSetup:
    """What a worker is started with.

    Attributes:
        target: ``module:callable`` that makes the generator.
        folder: the submission's folder, handed to the callable.
        device: such as "cpu" or "cuda".
        import_paths: folders put first on the worker's import path.
        python: the interpreter to run it with.
        start_seconds: wall-clock limit for importing and loading.
        case_seconds: wall-clock limit for one case.
        threads: threads for numerical libraries.
    """

    target: str
    folder: Path
    device: str = "cpu"
    import_paths: Sequence[str] = ()
    python: str = field(default_factory=lambda: sys.executable)
    start_seconds: float = 600.0
    case_seconds: float = 600.0
    threads: int = 2


@dataclass(frozen=True)
class Answer:
    """A volume, or the public code and the private message of a failure; never both."""

    volume: NDArray[np.uint8] | None
    code: str = ""
    message: str = ""


class WorkerGone(Exception):
    """The worker ended, hung or broke the protocol: ``code`` is public, the message is for the private log."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WorkerProcess:
    """One worker, started when first needed and again after it died.

    Args:
        setup: what to run.
        log: the private log that takes its stderr and every failure's message.
    """

    def __init__(self, setup: WorkerSetup, log: Path) -> None:
        self._setup = setup
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._drain: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the worker and wait until its generator is loaded.

        Raises:
            BenchError: E_PLUGIN when the generator cannot be imported or made; the log has the traceback.
        """
        self._process = self._spawn()
        try:
            header, _ = self._exchange(worker.frame(self._setup_header()), self._setup.start_seconds, max_body=0)
        except WorkerGone as gone:
            header = {"status": "error", "message": str(gone)}
        if header.get("status") != "ready":
            message = str(header.get("message", "no message"))
            self.stop()
            self._note(f"loading {self._setup.target} failed:\n{message}")
            raise BenchError(
                "E_PLUGIN",
                "the generator could not be loaded",
                where=self._setup.target,
                found=(message.strip().splitlines() or ["no message"])[-1][:300],
                fix=f"its traceback is in {self._log}",
            )

    def generate(self, fundus: NDArray[np.uint8], *, eye: str, seed: int) -> Answer:
        """One photograph in, one answer out; a dead or hung worker is a failed case, and the next call starts anew.

        Args:
            fundus: (height, width, 3) uint8.
            eye: "L" or "R".
            seed: of this case alone.
        """
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self.start()
        question = worker.frame({"shape": fundus.shape, "eye": eye, "seed": seed}, fundus.tobytes())
        try:
            header, body = self._exchange(question, self._setup.case_seconds, max_body=worker.VOLUME_BYTES)
            answer = self._judge(header, body)
        except WorkerGone as gone:
            self.stop()
            answer = Answer(None, gone.code, str(gone))
        if answer.code:
            self._note(f"{answer.code}: {answer.message}")
        return answer

    def stop(self) -> None:
        """End the worker, whatever state it is in."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()
        if self._drain is not None:
            self._drain.join(timeout=5)

    def _spawn(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [self._setup.python, worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(),
            start_new_session=True,
        )
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(cast(BinaryIO, pipe).fileno(), False)
        self._drain = threading.Thread(target=_drain, args=(cast(BinaryIO, process.stderr), self._log), daemon=True)
        self._drain.start()
        return process

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        threads = dict.fromkeys(
            ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(self._setup.threads)
        )
        return kept | threads | FIXED_VARIABLES

    def _setup_header(self) -> dict[str, Any]:
        return {
            "target": self._setup.target,
            "folder": str(self._setup.folder),
            "device": self._setup.device,
            "import_paths": list(self._setup.import_paths),
        }

    def _judge(self, header: dict[str, Any], body: bytes) -> Answer:
        if header.get("status") == "ok":
            if len(body) != worker.VOLUME_BYTES:
                raise WorkerGone("E_PROTOCOL", f"expected {worker.VOLUME_BYTES} bytes, found {len(body)}")
            return Answer(np.frombuffer(body, np.uint8).reshape(worker.VOLUME_SHAPE))
        code = str(header.get("code"))
        return Answer(None, code if code in PUBLIC_CODES else "E_PLUGIN", str(header.get("message", "")))

    def _exchange(self, question: bytes, seconds: float, *, max_body: int) -> tuple[dict[str, Any], bytes]:
        deadline = time.monotonic() + seconds
        self._send(question, deadline, seconds)
        header = self._receive_sized(deadline, seconds, worker.MAX_HEADER)
        body = self._receive_sized(deadline, seconds, max_body)
        try:
            parsed = json.loads(header)
        except (ValueError, RecursionError) as error:
            raise WorkerGone("E_PROTOCOL", f"answer is not JSON: {error}") from None
        if not isinstance(parsed, dict):
            raise WorkerGone("E_PROTOCOL", "answer is not a JSON object")
        return parsed, body

    def _send(self, data: bytes, deadline: float, seconds: float) -> None:
        pipe = self._pipe("stdin")
        view = memoryview(data)
        while view:
            self._wait(pipe, deadline, seconds, writing=True)
            try:
                view = view[os.write(pipe.fileno(), view) :]
            except BrokenPipeError:
                raise self._ended() from None

    def _receive_sized(self, deadline: float, seconds: float, most: int) -> bytes:
        (size,) = struct.unpack("<Q", self._receive(8, deadline, seconds))
        if size > most:
            raise WorkerGone("E_PROTOCOL", f"answer announces {size} bytes, at most {most} are allowed")
        return self._receive(size, deadline, seconds)

    def _receive(self, n: int, deadline: float, seconds: float) -> bytes:
        pipe = self._pipe("stdout")
        chunks: list[bytes] = []
        while n:
            self._wait(pipe, deadline, seconds, writing=False)
            chunk = os.read(pipe.fileno(), min(n, 2**20))
            if not chunk:
                raise self._ended()
            chunks.append(chunk)
            n -= len(chunk)
        return b"".join(chunks)

    def _wait(self, pipe: BinaryIO, deadline: float, seconds: float, *, writing: bool) -> None:
        left = deadline - time.monotonic()
        reads, writes = ([], [pipe]) if writing else ([pipe], [])
        if left <= 0 or not any(select.select(reads, writes, [], left)[:2]):
            raise WorkerGone("E_TIMEOUT", f"no answer within {seconds:g} s")

    def _pipe(self, name: str) -> BinaryIO:
        if self._process is None:
            raise WorkerGone("E_CRASH", "the worker is not running")
        pipe: BinaryIO = getattr(self._process, name)
        return pipe

    def _ended(self) -> WorkerGone:
        process = self._process
        with contextlib.suppress(subprocess.TimeoutExpired):
            if process is not None:
                process.wait(timeout=5)
        status = None if process is None else process.returncode
        return WorkerGone("E_CRASH", f"the worker ended with status {status}")

    def _note(self, message: str) -> None:
        with open(self._log, "a", encoding="utf-8", errors="replace") as log:
            log.write(message + "\n")


def _drain(stream: BinaryIO, log: Path) -> None:
    """Copy a worker's stderr to the private log up to the cap; read and forget the rest, so that it never blocks."""
    written = log.stat().st_size if log.exists() else 0
    with stream, open(log, "ab", buffering=0) as file:
        while chunk := os.read(stream.fileno(), 2**16):
            file.write(chunk[: max(0, LOG_CAP_BYTES - written)])
            written += len(chunk)
