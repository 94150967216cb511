"""Named steps of long work, so that a test can say where a kill struck, or strike there.

Nothing happens unless the environment asks: BENCH_STEP_FILE=PATH keeps the name of the last step in a file;
BENCH_KILL_AT=NAME[:COUNT] sends SIGKILL to this process when the step is reached for the COUNT-th time.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

_reached: Counter[str] = Counter()


def step(name: str) -> None:
    """Say that the step called ``name`` has been reached."""
    if place := os.environ.get("BENCH_STEP_FILE"):
        Path(place).write_text(name, encoding="utf-8")
    if wanted := os.environ.get("BENCH_KILL_AT"):
        wanted_name, _, count = wanted.partition(":")
        _reached[name] += 1
        if name == wanted_name and _reached[name] == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)
