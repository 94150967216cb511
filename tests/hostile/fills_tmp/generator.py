"""Fills its private folder, in many files, with at most four times what it may hold."""

from __future__ import annotations

import os
import time
from pathlib import Path

from attack import TARGETS, attempt, generator_that

CHUNK = bytes(2**20)


def attack() -> None:
    attempt("fill the private folder", fill)
    attempt("one large file", one_large_file)
    time.sleep(1.2)


def fill() -> int:
    written = 0
    while written < 4 * TARGETS["tmp_bytes"]:
        Path(os.environ["TMPDIR"], f"{written}").write_bytes(8 * CHUNK)
        written += 8 * len(CHUNK)
    return written


def one_large_file() -> int:
    with open(Path(os.environ["TMPDIR"], "large"), "wb") as file:
        return os.truncate(file.fileno(), TARGETS["file_bytes"] + 1) or 1


make_generator = generator_that(attack)
