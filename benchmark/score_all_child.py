"""`bench` in a process that dies with the one that started it, so that a killed parent leaves no scorer behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent ends; end at once if it has. Nothing where there is no such call."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent == 1 or os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    die_with_parent()
    from fundus2oct.benchmark.cli import main

    main()
