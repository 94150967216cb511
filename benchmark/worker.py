"""The process in which a generator runs: it reads photographs from a pipe and answers with volumes, nothing else.

Started as a script with any Python that has numpy; it needs nothing else of this project and imports nothing else.
The harness (`benchmark.worker_process`) trusts no byte that comes from here. Whatever the generator prints goes to
stderr: the pipe of answers is moved to a private descriptor before participants' code is imported.

A frame is ``u64 n | n bytes of JSON | u64 m | m bytes``, little-endian, both ways.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import math
import os
import signal
import struct
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

VOLUME_SHAPE = (6, 320, 448)
VOLUME_BYTES = 6 * 320 * 448
MAX_HEADER = 64 * 1024
MESSAGE_LINES = 20
MAX_MESSAGE = MAX_HEADER // 16
"""Characters of a message: JSON may write one character as twelve bytes."""

PR_SET_PDEATHSIG = 1


def volume_problem(value: Any) -> tuple[str, str] | None:
    """What is wrong with a returned volume, or None: type, shape, finiteness and range are judged before any cast.

    Args:
        value: whatever the generator returned; right is (6, 320, 448) uint8.

    Returns:
        (public error code, message for the organiser's log).

    >>> volume_problem(np.zeros((6, 320, 448), np.uint8)) is None
    True
    >>> volume_problem(np.zeros((320, 448, 6), np.uint8))[0]
    'E_SHAPE'
    """
    if not isinstance(value, np.ndarray):
        return "E_PLUGIN", f"generate() returned {type(value).__name__}, expected a numpy array"
    if value.dtype.kind not in "biuf":
        return "E_DTYPE", f"expected uint8, found {value.dtype}"
    if value.shape != VOLUME_SHAPE:
        hint = ", the axes are permuted (expected B-scan x depth x width)" if _is_permuted(value.shape) else ""
        return "E_SHAPE", f"expected shape {VOLUME_SHAPE}, found {value.shape}{hint}"
    finite = np.isfinite(value)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        return "E_NONFINITE", f"{int((~finite).sum())} values are NaN or infinite, the first at {first}"
    low, high = value.min(), value.max()
    if low < 0 or high > 255:
        return "E_RANGE", f"expected values 0..255, found {low}..{high} ({value.dtype})"
    if value.dtype != np.uint8:
        return "E_DTYPE", f"expected uint8, found {value.dtype} with values {low}..{high}: round and cast it yourself"
    return None


def _is_permuted(shape: tuple[int, ...]) -> bool:
    return sorted(shape) == sorted(VOLUME_SHAPE)


def read_exactly(stream: BinaryIO, n: int) -> bytes:
    """Read ``n`` bytes; EOFError when the stream ends before."""
    data = stream.read(n)
    if len(data) != n:
        raise EOFError(f"expected {n} bytes, found {len(data)}")
    return data


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read one frame: its header and its body."""
    (n,) = struct.unpack("<Q", read_exactly(stream, 8))
    header = json.loads(read_exactly(stream, n))
    (m,) = struct.unpack("<Q", read_exactly(stream, 8))
    return header, read_exactly(stream, m)


def frame(header: dict[str, Any], body: bytes = b"") -> bytes:
    """The bytes of one frame.

    >>> frame({}, b"x")[-1:]
    b'x'
    """
    text = json.dumps(header).encode("utf-8")
    return struct.pack("<Q", len(text)) + text + struct.pack("<Q", len(body)) + body


def main() -> None:
    """Load the generator that the first frame names, then answer one photograph after another until the pipe ends."""
    _die_with_the_harness()
    answers = os.fdopen(os.dup(1), "wb")
    questions = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    _send(answers, frame({"status": "started"}))
    setup, _ = read_frame(questions)
    generator = _load(setup, answers)
    _send(answers, frame({"status": "ready"}))
    while True:
        try:
            header, body = read_frame(questions)
        except EOFError:
            return
        _send(answers, _answer(generator, header, body))


def _die_with_the_harness() -> None:
    """Have Linux kill this process when the harness is killed; elsewhere it ends when it next reads or answers."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _send(answers: BinaryIO, data: bytes) -> None:
    answers.write(data)
    answers.flush()


def _load(setup: dict[str, Any], answers: BinaryIO) -> Any:
    """Import ``module:callable`` and make the generator; a failure is answered in words and ends the process."""
    try:
        sys.path[:0] = setup["import_paths"]
        module, name = setup["target"].split(":")
        make_generator = getattr(importlib.import_module(module), name)
        generator = make_generator(device=setup["device"], folder=Path(setup["folder"]))
        if not callable(getattr(generator, "generate", None)):
            raise TypeError(f"{setup['target']} returned {type(generator).__name__}, which has no method generate()")
    except BaseException as error:
        _send(answers, frame({"status": "error", "code": "E_PLUGIN", "message": _describe(error)}))
        raise SystemExit(1) from error
    return generator


def _answer(generator: Any, header: dict[str, Any], body: bytes) -> bytes:
    """The frame that answers a question: the volumes one after another, or what is wrong with the first bad one."""
    try:
        values = list(_ask(generator, header, body))
        problems = [problem for value in values if (problem := volume_problem(value)) is not None]
    except MemoryError as error:
        return frame({"status": "error", "code": "E_MEMORY", "message": _describe(error)})
    except Exception as error:
        return frame({"status": "error", "code": "E_PLUGIN", "message": _describe(error)})
    if problems:
        return frame({"status": "error", "code": problems[0][0], "message": problems[0][1]})
    return frame({"status": "ok"}, b"".join(np.ascontiguousarray(value).tobytes() for value in values))


def _ask(generator: Any, header: dict[str, Any], body: bytes) -> Iterable[Any]:
    """What the generator returns for the photographs of a question, one after another in ``body``."""
    asked, pictures, start = header["photographs"], [], 0
    for photograph in asked:
        size = math.prod(photograph["shape"])
        pictures.append(np.frombuffer(body, np.uint8, size, start).reshape(photograph["shape"]).copy())
        start += size
    eyes, seeds = [photograph["eye"] for photograph in asked], [photograph["seed"] for photograph in asked]
    if not header["together"]:
        return [generator.generate(pictures[0], eye=eyes[0], seed=seeds[0])]
    volumes = list(generator.generate_batch(pictures, eyes=eyes, seeds=seeds))
    if len(volumes) != len(asked):
        raise ValueError(f"generate_batch() returned {len(volumes)} volumes for {len(asked)} photographs")
    return volumes


def _describe(error: BaseException) -> str:
    """The last lines of a traceback: for the organiser's private log only."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join(lines[-MESSAGE_LINES:])[-MAX_MESSAGE:]


if __name__ == "__main__":
    main()
