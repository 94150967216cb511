"""From a method and a dataset to a finished generator folder, whole or not at all.

A fit is written into a temporary folder beside the target, which takes the target's name at the end. What it was
made from stands in `training.json`: the same request again finds the work done, another one is refused. The command
line is `baselines.train_command`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fundus2oct.baselines.catalogue import Method
from fundus2oct.baselines.training_set import ShowProgress, silent, training_set
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.submission_file import Submission, write_submission
from fundus2oct.metrics.durable_file import TEMPORARY_PREFIX, write_json
from fundus2oct.metrics.errors import BenchError

TRAINING_FILE = "training.json"
"""What the fit was made from: equal requests give equal files."""

LEARNED_FILE = "learned.json"
"""What the fit tells about itself: name -> number."""

LEFT_BY_A_KILL = (".lock",)
"""What a folder may hold whose first file was never written."""

TEAM = "reference"
VERSIONED = ("fundus2oct", "numpy", "pillow", "scipy")


def fit_into(
    out: Path,
    method: Method,
    dataset: Dataset,
    *,
    split: str,
    seed: int,
    settings: Mapping[str, int | float | str] | None = None,
    show: ShowProgress = silent,
) -> bool:
    """Fit ``method`` on one split of ``dataset`` and leave a generator folder at ``out``.

    Returns:
        False when ``out`` already holds this very fit, True when it was made now.

    Raises:
        BenchError: E_SPLIT or E_TRUTH when there is nothing to learn from, E_EXISTS when ``out`` holds something else.
    """
    training = training_set(dataset, split)
    settings = dict(settings or {})
    record = training_record(method, dataset, split=split, seed=seed, settings=settings)
    if already_fitted(out, record):
        return False
    with _becoming(out) as folder:
        module = importlib.import_module(method.module)
        learned = module.fit(training, folder, seed=seed, show=show, **settings)
        write_json(folder / LEARNED_FILE, learned)
        write_submission(folder, submission_of(method))
        write_json(folder / TRAINING_FILE, record)
    return True


def training_record(
    method: Method, dataset: Dataset, *, split: str, seed: int, settings: Mapping[str, int | float | str]
) -> dict[str, Any]:
    """Everything a fit depends on, as JSON."""
    return {
        "method": method.name,
        "dataset": {"name": dataset.name, "version": dataset.version},
        "split": split,
        "inputs_hash": dataset.inputs_hash(split),
        "truth_hash": dataset.truth_hash(split),
        "seed": seed,
        "settings": dict(settings),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }


def submission_of(method: Method) -> Submission:
    """What `submission.toml` says about a fitted reference generator."""
    return Submission(
        team=TEAM,
        method=method.name,
        kind=method.kind,
        title=method.title,
        description=method.description,
        licence="Apache-2.0",
        generator=f"{method.module}:make_generator",
    )


def already_fitted(out: Path, record: Mapping[str, Any]) -> bool:
    """Whether ``out`` holds the fit that ``record`` describes; False when nothing is there.

    Raises:
        BenchError: E_EXISTS when something else is there, naming what differs.
    """
    if not out.exists() or (out.is_dir() and not any(path.name not in LEFT_BY_A_KILL for path in out.iterdir())):
        return False
    found = _read_record(out / TRAINING_FILE)
    if found == record:
        return True
    differs = sorted(key for key in record if found.get(key) != record[key]) if found else []
    raise BenchError(
        "E_EXISTS",
        "the folder holds another fit" if found else "the folder exists and holds no fit",
        where=out,
        expected="a new folder, or this very fit",
        found=f"other {', '.join(differs)}" if differs else "other files",
        fix="choose another --out, or remove the folder first",
    )


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


@contextlib.contextmanager
def _becoming(out: Path) -> Iterator[Path]:
    """A new folder beside ``out`` that takes its name when the block succeeds and is removed when it fails."""
    temporary = out.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}-{out.name}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, out)
    except OSError as error:
        fix = "check the folder and the free space, then run the same command again"
        raise BenchError("E_DISK", f"cannot write: {error.strerror or error}", where=out, fix=fix) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
