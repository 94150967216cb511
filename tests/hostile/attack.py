"""What the hostile generators share; copied beside each of them. Never run outside the sandbox.

An attempt is told in the private log: `HELD` when the walls answered with an error, `GOT` when they did not. `ATTACK`
comes first: it proves that the attack's code ran.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TARGETS: dict[str, Any] = json.loads((Path(__file__).parent / "targets.json").read_text("utf-8"))
"""What the test set up to be found: paths, ports, a token that every process of this attack carries."""

ATTACKED_SEED = 1
PR_SET_NAME = 15


def speckle(seed: int) -> Any:
    """A good answer."""
    return np.random.default_rng(seed).integers(0, 256, (6, 320, 448), np.uint8)


def tell(words: str) -> None:
    """A line in the private log."""
    print(words[:400], file=sys.stderr, flush=True)


def attempt(what: str, action: Callable[[], Any]) -> None:
    """Try something that walls must refuse."""
    try:
        found = action()
    except Exception as error:
        tell(f"HELD {what}: {type(error).__name__}: {error}")
    else:
        tell(f"GOT {what}: {found!r}")


def require(found: Any) -> Any:
    """What was found; an error when that is nothing."""
    if not found:
        raise LookupError("nothing found")
    return found


def carry_token() -> None:
    """Name this process after the test's token, so that the test finds it if it survives."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, TARGETS["token"].encode(), 0, 0, 0)


def system_call(number: int, *arguments: Any) -> int:
    """A call of the kernel; OSError when it refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "system call")
    return result


class Hostile:
    """Attacks on one case, behaves on the others."""

    def __init__(self, attack: Callable[[], Any]) -> None:
        self._attack = attack

    def generate(self, fundus: Any, *, eye: str, seed: int) -> Any:
        """Speckle, after the attack where this is the case for it; what an attack returns is the answer."""
        if seed != ATTACKED_SEED:
            return speckle(seed)
        tell("ATTACK")
        answer = self._attack()
        return speckle(seed) if answer is None else answer


def generator_that(attack: Callable[[], Any]) -> Callable[..., Hostile]:
    """A submission's `make_generator`."""

    def make_generator(*, device: str, folder: Path) -> Hostile:
        return Hostile(attack)

    return make_generator


def write_answer(data: bytes) -> None:
    """Write into the pipe of answers, past the worker."""
    while data:
        data = data[os.write(answers(), data) :]


def answers() -> int:
    """The descriptor of the pipe of answers."""
    for number in range(3, 32):
        with contextlib.suppress(OSError):
            writes = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
            if writes and stat.S_ISFIFO(os.fstat(number).st_mode):
                return number
    raise LookupError("no pipe of answers")
