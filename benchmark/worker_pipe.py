"""The two pipes to a worker: frames out and in, each with a deadline and a size known beforehand.

Nothing that arrives is believed: a frame that is too large, not JSON or late ends the worker (`WorkerGone`). What is
asked and how an answer is judged is `benchmark.worker_process`'s part.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import subprocess
import time
from typing import Any, BinaryIO, cast

from fundus2oct.benchmark import worker


class WorkerGone(Exception):
    """The worker ended, hung or broke the protocol: ``code`` is public, the message is for the private log."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WorkerPipe:
    """Frames to and from a process.

    Args:
        process: with pipes as stdin and stdout.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._questions = cast(BinaryIO, process.stdin)
        self._answers = cast(BinaryIO, process.stdout)
        for pipe in (self._questions, self._answers):
            os.set_blocking(pipe.fileno(), False)

    def close(self) -> None:
        """Close both pipes."""
        for pipe in (self._questions, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()

    def exchange(self, question: bytes, seconds: float, *, max_body: int) -> tuple[dict[str, Any], bytes]:
        """Send a frame and receive one.

        Raises:
            WorkerGone: E_TIMEOUT, E_PROTOCOL or E_CRASH.
        """
        if self._is_readable():
            raise WorkerGone("E_PROTOCOL", "the worker spoke without being asked")
        deadline = time.monotonic() + seconds
        self._send(question, deadline, seconds)
        return self._receive_frame(deadline, seconds, max_body)

    def receive(self, seconds: float, *, max_body: int = 0) -> tuple[dict[str, Any], bytes]:
        """Receive a frame that nobody asked for; raises what `exchange` does."""
        return self._receive_frame(time.monotonic() + seconds, seconds, max_body)

    def _receive_frame(self, deadline: float, seconds: float, max_body: int) -> tuple[dict[str, Any], bytes]:
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
        view = memoryview(data)
        while view:
            self._wait(self._questions, deadline, seconds, writing=True)
            try:
                view = view[os.write(self._questions.fileno(), view) :]
            except BrokenPipeError:
                raise self._ended() from None

    def _receive_sized(self, deadline: float, seconds: float, most: int) -> bytes:
        (size,) = struct.unpack("<Q", self._receive(8, deadline, seconds))
        if size > most:
            raise WorkerGone("E_PROTOCOL", f"answer announces {size} bytes, at most {most} are allowed")
        return self._receive(size, deadline, seconds)

    def _receive(self, size: int, deadline: float, seconds: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait(self._answers, deadline, seconds, writing=False)
            chunk = os.read(self._answers.fileno(), min(size - len(data), 2**20))
            if not chunk:
                raise self._ended()
            data += chunk
        return bytes(data)

    def _wait(self, pipe: BinaryIO, deadline: float, seconds: float, *, writing: bool) -> None:
        ready = select.poll()  # select() knows no descriptor above 1023
        ready.register(pipe, select.POLLOUT if writing else select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0 or not ready.poll(left * 1000):
            raise WorkerGone("E_TIMEOUT", f"no answer within {seconds:g} s")

    def _is_readable(self) -> bool:
        ready = select.poll()
        ready.register(self._answers, select.POLLIN)
        return any(event & select.POLLIN for _, event in ready.poll(0))

    def _ended(self) -> WorkerGone:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        return WorkerGone("E_CRASH", f"the worker ended with status {self._process.returncode}")
