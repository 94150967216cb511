"""Making the pictures of one split for viewing: which eyes, how small, and every file, resumably.

An eye is made whole or not at all in a hidden folder beside the final one, which it replaces at the very end; a run
that was killed goes on with the eyes that are missing. Quality is the best whose files keep the budget, from the bytes
of a few eyes, and again from all. Called by `bench pictures`; who may be shown is `benchmark.picture_rights`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fundus2oct.benchmark import picture_encoding as encoding
from fundus2oct.benchmark import pictures_file
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.folder_lock import only_process
from fundus2oct.benchmark.progress import progress, say
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.viewing_eye import MadeEye, make_eye
from fundus2oct.benchmark.viewing_plan import QUALITIES, ShownEntry, ViewingPlan
from fundus2oct.metrics.durable_file import write_bytes, write_json, write_text
from fundus2oct.metrics.errors import BenchError

SAMPLE = 3
"""Eyes whose bytes tell which quality to begin with."""

TEXT_BYTES = 2 * 12_000
"""At most so many bytes of text a volume: surfaces in `pictures.json`, and the drawings a site makes of them."""


def make_pictures(plan: ViewingPlan, folder: Path) -> pictures_file.Document:
    """Make all pictures of ``plan`` and put them in place as ``folder``; returns the content of `pictures.json`.

    Raises:
        BenchError: E_SIZE when the budget cannot be kept; E_LOCKED, E_DISK; the old folder stays.
    """
    if (found := _made_before(plan, folder)) is not None:
        return found
    making = folder.with_name(f".making-{folder.name}")
    making.mkdir(parents=True, exist_ok=True)
    with only_process(making):
        document = _make_within_budget(plan, making)
        write_json(making / pictures_file.FILE_NAME, pictures_file.FILE.check(document, where=making))
        step("pictures.json written")
    _put_in_place(making, folder)
    return document


def _made_before(plan: ViewingPlan, folder: Path) -> pictures_file.Document | None:
    """The pictures that are there already, if they are whole and of this plan."""
    try:
        found = pictures_file.read_pictures(folder).document
    except BenchError:
        return None
    return found if found["made"]["plan"] == plan.digest() else None


def _make_within_budget(plan: ViewingPlan, making: Path) -> pictures_file.Document:
    room = plan.budget_bytes - TEXT_BYTES * len(plan.cases) * (1 + len(plan.entries))
    for quality in QUALITIES[QUALITIES.index(_first_quality(plan, room)) :]:
        eyes = _make_eyes(plan, making, quality)
        document = _document(plan, eyes, quality)
        if document["made"]["bytes"] <= room:
            _remove_notes(plan, making)
            return document
        say(f"quality {quality} takes {document['made']['bytes'] / 1e6:.1f} MB: beyond the budget")
    raise _beyond_budget(plan)


def _first_quality(plan: ViewingPlan, room: int) -> int:
    """The best quality at which the mean of a few eyes keeps the budget."""
    if room <= 0:
        raise _beyond_budget(plan)
    spread = np.unique(np.linspace(0, len(plan.cases) - 1, SAMPLE).astype(int))
    for quality in QUALITIES:
        sizes = [sum(len(data) for data in _pictures_alone(plan, plan.cases[i], quality)) for i in spread]
        if np.mean(sizes) * len(plan.cases) <= room:
            return quality
    raise _beyond_budget(plan)


def _beyond_budget(plan: ViewingPlan) -> BenchError:
    return BenchError(
        "E_SIZE",
        "the pictures do not fit their budget even at the least quality",
        where="--budget",
        expected=f"{plan.budget_bytes / 1e6:g} MB for {len(plan.cases)} eyes of {len(plan.entries)} entries",
        fix="show fewer --eyes or entries, or raise --budget",
    )


def _pictures_alone(plan: ViewingPlan, case: Case, quality: int) -> Iterator[bytes]:
    """The files of one eye whose sizes matter; the star is small and left to the second look."""
    yield encoding.photograph_webp(plan.dataset.fundus(case))[0]
    for volume in plan.volumes(case).values():
        if volume is not None:
            yield encoding.bscans_webp(volume, quality)


def _make_eyes(plan: ViewingPlan, making: Path, quality: int) -> list[dict[str, Any]]:
    """Every eye's part of `pictures.json`; eyes that an earlier run of the same plan finished are taken as they are."""
    mark, wanted = making / "plan", f"{plan.digest()} {quality}\n"
    if not mark.exists() or mark.read_text("utf-8") != wanted:
        for path in making.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        write_text(mark, wanted)
    ids = plan.eye_ids()
    done = {eye for eye in ids if (making / eye / "eye.json").exists()}
    with progress("pictures", len(ids), unit="eye", done=len(done)) as advance:
        for eye, case in zip(ids, plan.cases, strict=True):
            if eye not in done:
                _write_eye(making, eye, make_eye(plan, case, eye, quality))
                advance(1)
    return [json.loads((making / eye / "eye.json").read_text("utf-8")) for eye in ids]


def _write_eye(making: Path, eye: str, made: MadeEye) -> None:
    shutil.rmtree(making / eye, ignore_errors=True)
    for name, data in made.files.items():
        write_bytes(making / name, data)
    write_json(making / eye / "eye.json", {"id": eye, **made.told})
    step("eye made")


def _remove_notes(plan: ViewingPlan, making: Path) -> None:
    for eye in plan.eye_ids():
        (making / eye / "eye.json").unlink()
    (making / "plan").unlink()


def _document(plan: ViewingPlan, eyes: Sequence[dict[str, Any]], quality: int) -> pictures_file.Document:
    ids = dict(zip((case.case_id for case in plan.cases), plan.eye_ids(), strict=True))
    document = {
        "schema": pictures_file.SCHEMA_NAME,
        "schema_version": pictures_file.SCHEMA_VERSION,
        "dataset": {
            "name": plan.dataset.name,
            "version": plan.dataset.version,
            "split": plan.split,
            "truth_hash": plan.truth_hash,
            "licence": plan.dataset.licence,
            "eyes_in_split": len(plan.dataset.split(plan.split)),
        },
        "made": {
            "plan": plan.digest(),
            "quality": quality,
            "photograph_quality": encoding.PHOTOGRAPH_QUALITY,
            "budget_bytes": plan.budget_bytes,
        },
        "entries": [_told_entry(entry, ids) for entry in plan.entries],
        "eyes": list(eyes),
    }
    document["made"]["bytes"] = sum(file["bytes"] for _, file in pictures_file.listed_files(document))  # type: ignore[index]  # a dictionary
    return document


def _told_entry(entry: ShownEntry, ids: Mapping[str, str]) -> dict[str, Any]:
    submission = entry.source.submission
    return {
        "team": submission.team,
        "method": submission.method,
        "volumes_hash": entry.volumes_hash,
        "licences": list(entry.licences),
        "cases": entry.cases.public(ids) if entry.cases else None,
    }


def _put_in_place(making: Path, folder: Path) -> None:
    """The new folder instead of the old one, by two renames."""
    (making / ".lock").unlink(missing_ok=True)
    old = folder.with_name(f".old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    try:
        if folder.exists():
            os.replace(folder, old)
        os.replace(making, folder)
    except OSError as error:
        raise BenchError("E_DISK", f"cannot put the pictures in place: {error.strerror}", where=folder) from None
    shutil.rmtree(old, ignore_errors=True)
