"""Training in real processes: two of them together, and one that is told to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.metrics.errors import ExitCode

SUPPORT = Path(__file__).parents[2] / "support"
SECONDS = 300


def environment() -> dict[str, str]:
    """One thread a process, and the tests' own modules."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SUPPORT)}


def test_two_processes_agree_on_every_weight(eyes: Dataset, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    line = [*torchrun, str(SUPPORT / "two_processes.py"), str(eyes.folder), str(tmp_path / "out"), str(report)]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(report.read_text()) == {"processes": 2, "difference": 0.0, "mean_gradient": 1.5}
    assert json.loads((tmp_path / "out" / "progress.json").read_text())["finished"]


def test_sigterm_saves_and_ends_with_its_code(eyes: Dataset, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "fundus2oct.benchmark.cli", "train", "ddpm", "--data", str(eyes.folder)]
    line += ["--out", str(tmp_path), "--profile", "tiny", "--max-steps", "100000", "--set", "train.save_seconds=0.01"]
    started = subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + SECONDS
    while not (tmp_path / "state.pt").exists() and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGTERM)
    _, said = started.communicate(timeout=SECONDS)
    assert started.returncode == ExitCode.INTERRUPTED, said
    assert "the same command goes on from there" in said
    assert not list(tmp_path.glob(".tmp-*"))
    assert json.loads((tmp_path / "progress.json").read_text())["step"] > 0
