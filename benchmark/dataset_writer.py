"""Writing a dataset folder so that it is there whole or not at all: `dataset.toml`, `cases.csv` and what a maker adds.

Importers use it. Everything goes into a temporary folder beside the destination, which is renamed at the very end.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import tomli_w

from fundus2oct.benchmark.case_table import Case, cases_text
from fundus2oct.benchmark.dataset import scan_description
from fundus2oct.metrics.durable_file import TEMPORARY_PREFIX, write_text
from fundus2oct.metrics.errors import BenchError


@contextlib.contextmanager
def dataset_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside ``out`` that becomes ``out`` when the block ends well, and is removed otherwise.

    Raises:
        BenchError: E_EXISTS when ``out`` is there and is not an empty folder; E_DISK when it cannot be written.
    """
    refuse_existing(out)
    temporary = out.absolute().parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}-{out.absolute().name}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, out)
    except OSError as error:
        raise BenchError("E_DISK", f"cannot write: {error.strerror or error}", where=out) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(out: Path) -> None:
    """Raise E_EXISTS unless ``out`` is free or an empty folder: nothing that lies there is ever replaced."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        fix = "choose another folder, or remove this one first"
        raise BenchError("E_EXISTS", "the destination exists", where=out, expected="a new or empty folder", fix=fix)


def write_dataset_files(
    folder: Path,
    cases: Iterable[Case],
    *,
    name: str,
    version: str,
    title: str,
    description: str,
    licence: str,
    pictures_may_be_published: bool,
) -> None:
    """Write `cases.csv`, sorted by case id so that the order tells nothing, and `dataset.toml`."""
    document = {
        "name": name,
        "version": version,
        "title": title,
        "description": description,
        "licence": licence,
        "pictures_may_be_published": pictures_may_be_published,
        "scan": scan_description(),
    }
    write_text(folder / "cases.csv", cases_text(sorted(cases, key=lambda case: case.case_id)))
    write_text(folder / "dataset.toml", tomli_w.dumps(document))
