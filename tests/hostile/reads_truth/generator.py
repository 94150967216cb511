"""Reads the truth, whose path somebody told it; asks for its size; lists its folder."""

from __future__ import annotations

import os
from pathlib import Path

from attack import TARGETS, attempt, generator_that


def attack() -> None:
    truth = Path(TARGETS["truth"])
    attempt("read the truth", lambda: truth.read_bytes()[:9])
    attempt("list the truth", lambda: os.listdir(truth.parent))
    attempt("link to the truth", lambda: os.link(truth, "truth"))
    attempt("read through a link", through_link)
    attempt("size of the truth", lambda: truth.stat().st_size)


def through_link() -> bytes:
    link = Path(os.environ["TMPDIR"], "link")
    link.symlink_to(TARGETS["truth"])
    return link.read_bytes()


make_generator = generator_that(attack)
