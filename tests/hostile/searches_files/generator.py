"""Looks through everything it can see for a dataset, this project's tests and demo, other people's folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from attack import TARGETS, attempt, generator_that, require

SKIPPED = ("/proc", "/sys", "/usr")
WANTED = {"cases.csv", "dataset.toml", "sidecar", "test_hostile.py", "conftest.py", "id_rsa", "shadow", ".git"}


def attack() -> None:
    for name in ("repository", "dataset", "home"):
        attempt(f"list the {name}", lambda name=name: require(files_in(TARGETS[name])))
    attempt("read a test", lambda: Path(TARGETS["repository"], "tests/conftest.py").read_bytes()[:9])
    attempt("find something anywhere", lambda: require(list(found())))
    attempt("read the password file", lambda: Path("/etc/shadow").read_bytes()[:9])


def files_in(folder: str) -> list[str]:
    """The files of a folder; empty folders that lead to what is shown are no find."""
    return [entry.name for entry in os.scandir(folder) if entry.is_file()]


def found() -> Iterator[str]:
    for parent, folders, files in os.walk("/"):
        inside = "site-packages" in parent or "/python3" in parent
        folders[:] = [name for name in folders if os.path.join(parent, name) not in SKIPPED and not inside]
        yield from (os.path.join(parent, name) for name in {*files, *folders} & WANTED if not inside)


make_generator = generator_that(attack)
