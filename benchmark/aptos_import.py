"""From the files of the APTOS-2024 challenge to a dataset folder: crop, scale mark, size, names, splits.

`benchmark.aptos_layout` says which files belong to an eye, `benchmark.dataset_writer` makes the folder appear whole or
not at all. Called by `bench data import aptos2024`; the rules are told in docs/data.md.
"""

from __future__ import annotations

import functools
import hashlib
import os
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.aptos_layout import RawEye, read_layout, shared_patients
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset_check import MIN_FUNDUS_SIDE, OnProgress
from fundus2oct.benchmark.dataset_writer import dataset_folder, refuse_existing, write_dataset_files
from fundus2oct.benchmark.jpeg_metadata import strip_jpeg_metadata
from fundus2oct.benchmark.scale_mark import NATIVE_SHAPE, fill_scale_mark
from fundus2oct.metrics.durable_file import write_bytes
from fundus2oct.metrics.errors import BenchError, BenchErrors
from fundus2oct.metrics.scan_geometry import DEPTH, WIDTH

COLOUR_TOLERANCE = 24
"""Grey levels between channels that JPEG's coarser colour can leave beside a coloured overlay."""

DESCRIPTION = (
    "Pairs of a colour fundus photograph and six radial OCT B-scans of the APTOS-2024 challenge, imported by "
    "fundus2oct: B-scans cropped from the export, scale mark filled, resized from 496 x 768 to 320 x 448; metadata of "
    "the photographs removed. 'val' is the challenge's own validation part, whose OCT its organisers hold."
)


@dataclass(frozen=True, kw_only=True)
class AptosImport:
    """What to import, and how.

    Attributes:
        source: folder with `train/` and, if at hand, `val/`.
        out: the dataset folder to make.
        seed: chooses the patients of "test" and the case ids.
        test_fraction: share of the training patients put into split "test".
        licence: what the challenge's terms say, in the user's words.
        drop_shared: leave out training pairs of patients who also stand in val, instead of refusing.
    """

    source: Path
    out: Path
    seed: int = 0
    test_fraction: float = 0.2
    licence: str = "unknown: see the terms of the challenge"
    drop_shared: bool = False


def import_aptos(job: AptosImport, *, on_progress: OnProgress | None = None) -> list[Case]:
    """Import the challenge's files; returns the cases written.

    Args:
        job: what to import.
        on_progress: told (eyes done, eyes in all).

    Raises:
        BenchErrors: every problem of tables and pictures together; nothing is left behind.
    """
    refuse_existing(job.out)
    eyes, problems = read_layout(job.source)
    problems += _shared_problems(eyes, job)
    eyes = kept_eyes(eyes) if job.drop_shared else eyes
    if not eyes and not problems:
        problems = [BenchError("E_EMPTY", "no eyes are left to import", where=job.source)]
    splits = patient_splits(eyes, seed=job.seed, test_fraction=job.test_fraction)
    cases = [_case(eye, splits[eye.patient_id], job.seed) for eye in eyes]
    with dataset_folder(job.out) as folder:
        written, picture_problems = _convert_all(eyes, cases, folder, on_progress or (lambda done, total: None))
        problems += picture_problems
        if problems:
            raise BenchErrors(problems, where=job.source)
        _write_tables(folder, written, job)
    return written


def kept_eyes(eyes: list[RawEye]) -> list[RawEye]:
    """All eyes but the training pairs of patients who also stand in val."""
    shared = set(shared_patients(eyes))
    return [eye for eye in eyes if eye.part == "val" or eye.patient_id not in shared]


def _shared_problems(eyes: list[RawEye], job: AptosImport) -> list[BenchError]:
    shared = shared_patients(eyes)
    if not shared or job.drop_shared:
        return []
    fix = "leave their training pairs out with --drop-shared-patients"
    return [
        BenchError("E_PATIENT", f"patient {patient} is in train.csv and in val.csv", where=job.source, fix=fix)
        for patient in shared
    ]


def patient_splits(eyes: list[RawEye], *, seed: int, test_fraction: float) -> dict[str, str]:
    """Split of each patient: the challenge's val stays, its train is cut by patient into train and test.

    The patients of "test" depend on the seed and on the set of patients alone, not on the order of rows.
    """
    splits = {eye.patient_id: eye.part for eye in eyes}
    train = sorted(patient for patient, part in splits.items() if part == "train")
    chosen = random.Random(f"fundus2oct test patients {seed}").sample(train, round(test_fraction * len(train)))
    return splits | dict.fromkeys(chosen, "test")


def case_id(stem: str, seed: int) -> str:
    """A case id that tells nothing of name, order or split, and stays the same when eyes are added."""
    return "case-" + hashlib.sha256(f"fundus2oct case {seed} {stem}".encode()).hexdigest()[:12]


def bscan_from_export(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The B-scan of a dataset from the B-scan of the device: scale mark filled, resized over the whole extent.

    Args:
        pixels: (496, 768) uint8.

    Returns:
        (320, 448) uint8.
    """
    filled = Image.fromarray(fill_scale_mark(pixels).astype(np.float32))
    resized = np.asarray(filled.resize((WIDTH, DEPTH), Image.Resampling.BILINEAR))  # antialiased: Pillow widens it
    rounded: NDArray[np.uint8] = np.clip(np.rint(resized), 0, 255).astype(np.uint8)
    return rounded


def read_export(path: Path) -> NDArray[np.uint8]:
    """The B-scan in an exported OCT picture of either kind, as (496, 768) uint8 with the scale mark still in it.

    A bare B-scan is 496 x 768. A report export holds it in its top 496 rows and right 768 columns.

    Raises:
        BenchError: E_SHAPE, E_STACK or E_FORMAT, naming the file.
    """
    picture = picture_file.decode(picture_file.read_bytes(path), where=path)
    rows, columns = NATIVE_SHAPE
    is_bare = picture.size == (columns, rows)
    if not is_bare and not (picture.width > columns and picture.height >= rows):
        expected = f"{rows} high x {columns} wide, or a report export with the B-scan at its top right"
        found = f"{picture.height} high x {picture.width} wide"
        raise BenchError("E_SHAPE", "wrong size of OCT picture", where=path, expected=expected, found=found)
    return _grey(picture.crop((picture.width - columns, 0, picture.width, rows)), path)


def _grey(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    if picture.mode == "RGB":
        channels = np.asarray(picture).astype(np.int16)
        coloured = np.ptp(channels, axis=-1) > COLOUR_TOLERANCE
        if coloured.mean() > 0.001:
            found = f"{coloured.mean():.1%} coloured pixels"
            raise BenchError("E_STACK", "the B-scan has colours", where=path, expected="greyscale", found=found)
        picture = picture.convert("L")
    return picture_file.grey_array(picture, where=path)


def _case(eye: RawEye, split: str, seed: int) -> Case:
    name = case_id(eye.stem, seed)
    return Case(
        case_id=name,
        source_id=eye.stem,
        patient_id=eye.patient_id,
        eye=eye.eye,
        split=split,
        fundus=f"fundus/{name}.jpg",
        oct=f"oct/{name}" if eye.bscans else "",
    )


def _convert_all(
    eyes: list[RawEye], cases: list[Case], folder: Path, on_progress: OnProgress
) -> tuple[list[Case], list[BenchError]]:
    """Convert eye by eye in threads; every problem is collected, in the order of the tables."""
    written, problems = [], []
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for case, wrong in pool.map(functools.partial(_convert, folder), eyes, cases):
            written.append(case)
            problems += wrong
            on_progress(len(written), len(cases))
    finally:
        pool.shutdown(cancel_futures=True)
    return written, problems


def _convert(folder: Path, eye: RawEye, case: Case) -> tuple[Case, list[BenchError]]:
    problems: list[BenchError] = []
    for number, path in enumerate(eye.bscans):
        try:
            pixels = bscan_from_export(read_export(path))
            write_bytes(folder / case.oct / f"{case.case_id}_{number}.png", picture_file.png_bytes(pixels))
        except BenchError as error:
            problems.append(error)
    try:
        case = _convert_fundus(eye.fundus, case, folder)
    except BenchError as error:
        problems.append(error)
    return case, problems


def _convert_fundus(path: Path, case: Case, folder: Path) -> Case:
    """Write the photograph without metadata: a JPEG keeps its very pixels, a PNG is packed anew."""
    data = picture_file.read_bytes(path)
    pixels = picture_file.rgb_array(picture_file.decode(data, where=path), where=path)
    if min(pixels.shape[:2]) < MIN_FUNDUS_SIDE:
        expected, found = f"both sides >= {MIN_FUNDUS_SIDE}", f"{pixels.shape[0]} high x {pixels.shape[1]} wide"
        raise BenchError("E_SHAPE", "photograph is too small", where=path, expected=expected, found=found)
    name, stripped = case.fundus, strip_jpeg_metadata(data, where=path) if picture_file.is_jpeg(data) else b""
    if not stripped:
        name, stripped = f"fundus/{case.case_id}.png", picture_file.png_bytes(pixels)
    write_bytes(folder / name, stripped)
    return Case(**{**case.__dict__, "fundus": name})


def _write_tables(folder: Path, cases: list[Case], job: AptosImport) -> None:
    write_dataset_files(
        folder,
        cases,
        name="aptos2024",
        version=f"1-seed{job.seed}",
        title="APTOS 2024 fundus to OCT",
        description=DESCRIPTION,
        licence=job.licence,
        pictures_may_be_published=False,
    )
