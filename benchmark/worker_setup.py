"""What a worker is started with: plain values, read by `worker_process` and by the walls in `sandbox`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fundus2oct.benchmark.sandbox_limits import Limits

Isolation = Literal["bubblewrap", "reduced", "none"]
"""The walls around a worker, from strong to none; kept in the plan, the result and on the board."""

CHOICES = ("auto", "bubblewrap", "reduced", "none")
"""What `--sandbox` takes; `sandbox.choose_isolation` turns it into an isolation."""


@dataclass(frozen=True, kw_only=True)
class WorkerSetup:
    """What a worker is started with.

    Attributes:
        target: ``module:callable`` that makes the generator.
        folder: the submission's folder, handed to the callable.
        device: such as "cpu" or "cuda".
        import_paths: folders put first on the worker's import path.
        python: the interpreter to run it with.
        prefixes: folders that the interpreter reads; of each, only ``bin`` and ``lib`` are shown to the worker.
        read_only: further files and folders that the worker may read, at the paths they have outside.
        hidden: what must never be readable from inside, such as the dataset with its truth.
        isolation: the walls.
        limits: how much of everything it may take.
    """

    target: str
    folder: Path
    device: str = "cpu"
    import_paths: Sequence[str] = ()
    python: str = field(default_factory=lambda: sys.executable)
    prefixes: Sequence[str] = (sys.prefix, sys.base_prefix)
    read_only: Sequence[Path] = ()
    hidden: Sequence[Path] = ()
    isolation: Isolation = "none"
    limits: Limits = field(default_factory=Limits)
