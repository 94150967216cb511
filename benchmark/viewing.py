"""Making the pictures of one split for viewing: which eyes, how small, and every file, resumably.

An eye is made whole or not at all in a hidden folder beside the final one, which it replaces at the very end; a run
that was killed goes on with the eyes that are missing. Quality is the best whose files keep the budget, from the bytes
of a few eyes, and again from all. Called by `bench pictures`; who may be shown is `benchmark.picture_rights`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import features as pillow_features

from fundus2oct.benchmark import picture_encoding as encoding
from fundus2oct.benchmark import pictures_file
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.folder_lock import only_process
from fundus2oct.benchmark.picture_rights import licence_of
from fundus2oct.benchmark.progress import progress, say
from fundus2oct.benchmark.scan_place import line_ends, scan_place
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.viewing_cases import PickedCases
from fundus2oct.benchmark.volume import Volume
from fundus2oct.benchmark.volume_source import VolumeSource
from fundus2oct.metrics.durable_file import canonical_json, write_bytes, write_json, write_text
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.retinal_layers import SEGMENTATION_VERSION, volume_surfaces
from fundus2oct.metrics.retinal_thickness import subfield_thickness_um, thickness_um

QUALITIES = (90, 85, 80, 75, 70, 65, 60, 55, 50, 40, 30, 20)
"""Of B-scans, best first."""

SAMPLE = 3
"""Eyes whose bytes tell which quality to begin with."""

TEXT_BYTES = 2 * 12_000
"""At most so many bytes of text a volume: surfaces in `pictures.json`, and the drawings a site makes of them."""

Floats = encoding.Floats


@dataclass(frozen=True, kw_only=True)
class ShownEntry:
    """One entry whose pictures are made.

    Attributes:
        source: its volumes.
        volumes_hash: of all of them, as in its record.
        licences: under which its pictures stand.
        cases: its best, median and worst case, where values per case may be told.
    """

    source: VolumeSource
    volumes_hash: str
    licences: tuple[str, ...]
    cases: PickedCases | None

    @property
    def name(self) -> str:
        """``team/method``."""
        return self.source.submission.name

    def among(self, case_ids: Iterable[str]) -> ShownEntry:
        """The same entry, its best and worst case taken from these alone."""
        return replace(self, cases=self.cases.among(case_ids) if self.cases else None)


@dataclass(frozen=True, kw_only=True)
class ViewingPlan:
    """Everything that decides the bytes of the pictures.

    Attributes:
        dataset: with truth.
        split: whose eyes are shown.
        truth_hash: of that split.
        cases: the eyes, in the table's order: ``eye-01`` and so on.
        entries: whose volumes are shown beside the truth.
        budget_bytes: of all files together.
    """

    dataset: Dataset
    split: str
    truth_hash: str
    cases: tuple[Case, ...]
    entries: tuple[ShownEntry, ...]
    budget_bytes: int

    def eye_ids(self) -> list[str]:
        """Neutral names of the eyes."""
        return [f"eye-{number:02d}" for number in range(1, len(self.cases) + 1)]

    def digest(self) -> str:
        """Hexadecimal sha256 of the plan: equal plans give equal pictures."""
        entries = [[e.name, e.volumes_hash, e.licences, e.cases.told() if e.cases else None] for e in self.entries]
        versions = [metadata.version("pillow"), pillow_features.version("webp"), SEGMENTATION_VERSION]
        sides = [encoding.PHOTOGRAPH_SIDE, encoding.PHOTOGRAPH_QUALITY, encoding.EN_FACE_SIDE, encoding.EN_FACE_QUALITY]
        cases = [case.case_id for case in self.cases]
        told = [self.truth_hash, cases, entries, self.budget_bytes, QUALITIES, sides, versions]
        return hashlib.sha256(canonical_json(told).encode("utf-8")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class MadeEye:
    """One eye: its part of `pictures.json` without its name, and its files by their paths below the folder."""

    told: dict[str, Any]
    files: Mapping[str, bytes]


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
    for volume in _volumes(plan, case).values():
        if volume is not None:
            yield encoding.bscans_webp(volume, quality)


def _volumes(plan: ViewingPlan, case: Case) -> dict[str, Volume | None]:
    return {"truth": plan.dataset.volume(case)} | {e.name: e.source.get(case.case_id) for e in plan.entries}


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


def make_eye(plan: ViewingPlan, case: Case, eye: str, quality: int) -> MadeEye:
    """All pictures and numbers of one eye."""
    data, (width, height) = encoding.photograph_webp(plan.dataset.fundus(case))
    files = {pictures_file.photograph_path(eye): data}
    told: list[dict[str, Any] | None] = []
    levels: tuple[float, float] | None = None
    for name, volume in _volumes(plan, case).items():
        if volume is None:
            told.append(None)
            continue
        ilm_row, bm_row = volume_surfaces(volume)
        values = encoding.slab(volume, ilm_row, bm_row)
        levels = levels or encoding.grey_range(values)  # the truth comes first
        bscans, en_face = encoding.bscans_webp(volume, quality), encoding.en_face_webp(values, levels)
        files |= {pictures_file.bscans_path(eye, name): bscans, pictures_file.en_face_path(eye, name): en_face}
        told.append(_told_volume(bscans, en_face, ilm_row, bm_row) | {"value": _value(plan, name, case)})
    return MadeEye(
        told={
            "side": case.eye,
            "licence": {kind: licence_of(plan.dataset, case, kind) for kind in ("fundus", "oct")},
            "photograph": {"file": _told_file(data), "width": width, "height": height},
            "scan": _told_scan(plan.dataset, case, width),
            "truth": told[0],
            "entries": told[1:],
        },
        files=files,
    )


def _told_file(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _told_volume(bscans: bytes, en_face: bytes, ilm_row: Floats, bm_row: Floats) -> dict[str, Any]:
    central = subfield_thickness_um(thickness_um(ilm_row, bm_row)).central_um
    return {
        "bscans": _told_file(bscans),
        "en_face": _told_file(en_face),
        "ilm": [surface_text(row) for row in ilm_row],
        "bm": [surface_text(row) for row in bm_row],
        "central_um": round(float(central), 1) if np.isfinite(central) else None,
    }


def surface_text(row: Floats) -> str:
    """A surface in every fourth column, to half a row; a dash where it is not seen.

    >>> surface_text(np.array([10.2, 0, 0, 0, np.nan, 0, 0, 0, 11.6]))
    '10 - 11.5'
    """
    return " ".join("-" if np.isnan(v) else f"{round(2 * v) / 2:g}" for v in row[:: pictures_file.COLUMN_STEP])


def _told_scan(dataset: Dataset, case: Case, width: int) -> dict[str, Any]:
    """The six lines in the shown photograph, whose upper left corner is 0, 0."""
    full_height, full_width = dataset.fundus(case).shape[:2]
    place, scale = scan_place(case, width=full_width, height=full_height), width / full_width
    lines = [[round((value + 0.5) * scale, 1) for point in ends for value in point] for ends in line_ends(place)]
    return {"lines": lines, "um_per_px": round(place.um_per_px / scale, 3), "notes": list(place.notes)}


def _value(plan: ViewingPlan, name: str, case: Case) -> float | None:
    for entry in plan.entries:
        if entry.name == name and entry.cases is not None:
            return entry.cases.values.get(case.case_id)
    return None


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
