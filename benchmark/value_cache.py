"""Numbers that need not be computed twice, kept by the content they were computed from.

The key names everything that could change the number: inputs' digests, metric version, library, device class. A file
whose checksum does not match is set aside and computed anew. The folder belongs to the organiser (mode 0700): features
of hidden truth lie in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.steps import step
from fundus2oct.metrics.durable_file import canonical_json, remove_temporaries, write_bytes
from fundus2oct.metrics.errors import BenchError

ABANDONED_SECONDS = 3600.0
"""A temporary file of this age belongs to no living writer: one value is written in milliseconds."""


class ValueCache:
    """A folder of float64 vectors, each under the sha256 of its key.

    Several processes may share it, so what killed writers left is swept only once it is an hour old.

    Args:
        folder: made with mode 0700 when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.set_aside: list[Path] = []
        make_private_folder(folder)
        for part in folder.iterdir():
            remove_temporaries(part, before=time.time() - ABANDONED_SECONDS)

    def get(self, key: list[Any]) -> NDArray[np.float64] | None:
        """The vector kept under ``key``, or None; a damaged file is renamed to ``*.corrupt`` and counts as absent."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BenchError("E_DISK", f"cannot read: {error.strerror}", where=path) from None
        if len(data) % 8 == 0 and hashlib.sha256(data[32:]).digest() == data[:32]:
            return np.frombuffer(data, "<f8", offset=32).astype(np.float64)
        aside = path.with_suffix(".corrupt")
        with contextlib.suppress(OSError):
            path.replace(aside)
        self.set_aside.append(aside)
        return None

    def put(self, key: list[Any], values: NDArray[np.float64]) -> None:
        """Keep a vector under ``key``, whole or not at all.

        Scorers that share a disk would wait for each other's fsync hundreds of times; what a power cut takes away is
        noticed by its checksum.
        """
        payload = np.ascontiguousarray(values, "<f8").tobytes()
        write_bytes(self._path(key), hashlib.sha256(payload).digest() + payload, survives_power_cut=False)
        step("value cached")

    def _path(self, key: list[Any]) -> Path:
        digest = hashlib.sha256(canonical_json(key).encode("utf-8")).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:]}.f64"


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner can read.

    Raises:
        BenchError: E_DISK when it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.chmod(folder, 0o700)
    except OSError as error:
        raise BenchError("E_DISK", f"cannot make the folder: {error.strerror}", where=folder) from None
