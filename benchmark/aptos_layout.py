"""The folder layout of the APTOS-2024 challenge: which eyes its two tables name and where their files must lie.

`benchmark.aptos_import` reads the pictures; here only tables are read and names are checked. Source of the layout:
docs/data.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fundus2oct.benchmark.case_table import EYES, SOURCE_ID, read_columns, stays_inside
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import N_BSCANS

TRAIN_COLUMNS = ("PID", "CF_path", "OCT_path")
VAL_COLUMNS = ("PID", "CF_path")


@dataclass(frozen=True, kw_only=True)
class RawEye:
    """One row of `train.csv` or `val.csv`.

    Attributes:
        patient_id: column PID.
        stem: name of the photograph without its ending; its last letter is the eye.
        eye: "L" or "R".
        part: "train" or "val", the table it stands in.
        fundus: path of the photograph.
        bscans: paths of the six B-scans; empty in val.
        where: table and line, for messages.
    """

    patient_id: str
    stem: str
    eye: str
    part: str
    fundus: Path
    bscans: tuple[Path, ...]
    where: str


def read_layout(source: Path) -> tuple[list[RawEye], list[BenchError]]:
    """Every eye the two tables name, and every problem of tables, names and missing files.

    `val` may be absent altogether; an eye with a problem is left out of the list.
    """
    if not (source / "train").is_dir():
        fix = "give the folder that holds train/train.csv"
        return [], [BenchError("E_MISSING", "no folder train", where=source, fix=fix)]
    eyes: list[RawEye] = []
    problems: list[BenchError] = []
    for part, columns in (("train", TRAIN_COLUMNS), ("val", VAL_COLUMNS)):
        if part == "train" or (source / part).is_dir():
            found, wrong = _read_part(source / part, part, columns)
            eyes += found
            problems += wrong
    return eyes, [*problems, *_repeated(eyes)]


def shared_patients(eyes: list[RawEye]) -> list[str]:
    """Patients who stand in both tables: their training pairs would leak into val."""
    train, val = ({eye.patient_id for eye in eyes if eye.part == part} for part in ("train", "val"))
    return sorted(train & val)


def _read_part(folder: Path, part: str, columns: tuple[str, ...]) -> tuple[list[RawEye], list[BenchError]]:
    table = folder / f"{part}.csv"
    rows, problems = read_columns(table, columns)
    eyes = []
    for number, row in enumerate(rows, start=2):
        wrong = list(_row_problems(row, f"{table}:{number}"))
        if not wrong:
            eye = _raw_eye(folder, part, row, f"{table}:{number}")
            wrong = list(_missing_files(eye))
            eyes += [] if wrong else [eye]
        problems += wrong
    return eyes, problems


def _row_problems(row: Mapping[str, str], where: str) -> Iterator[BenchError]:
    if not row["PID"].strip():
        yield BenchError("E_PATIENT", "PID is empty", where=where)
    stem = PurePosixPath(row["CF_path"]).stem
    if not stays_inside(row["CF_path"]) or not SOURCE_ID.fullmatch(stem):
        found = repr(row["CF_path"])
        yield BenchError("E_NAME", "bad name in CF_path", where=where, expected="such as 011574-64L.jpg", found=found)
    elif stem[-1] not in EYES:
        expected = "L or R as the last letter of the name"
        yield BenchError("E_EYE", "CF_path does not tell the eye", where=where, expected=expected, found=stem)
    if "OCT_path" in row and not stays_inside(row["OCT_path"]):
        found = repr(row["OCT_path"])
        yield BenchError("E_NAME", "bad name in OCT_path", where=where, expected="a folder below OCT", found=found)


def _raw_eye(folder: Path, part: str, row: Mapping[str, str], where: str) -> RawEye:
    stem = PurePosixPath(row["CF_path"]).stem
    bscans: tuple[Path, ...] = ()
    if part == "train":
        stack = folder / "OCT" / row["OCT_path"]
        bscans = tuple(stack / f"{stack.name}_{i}.jpg" for i in range(N_BSCANS))
    fundus = folder / "CF" / row["CF_path"]
    return RawEye(
        patient_id=row["PID"].strip(), stem=stem, eye=stem[-1], part=part, fundus=fundus, bscans=bscans, where=where
    )


def _missing_files(eye: RawEye) -> Iterator[BenchError]:
    if not eye.fundus.exists():
        yield BenchError(
            "E_MISSING", "the photograph of this row is missing", where=eye.where, expected=str(eye.fundus)
        )
    missing = [path.name for path in eye.bscans if not path.exists()]
    if eye.bscans and len(missing) == len(eye.bscans):
        expected = f"{eye.bscans[0].parent}/{eye.bscans[0].parent.name}_0.jpg to _{N_BSCANS - 1}.jpg"
        yield BenchError("E_MISSING", "the B-scans of this row are missing", where=eye.where, expected=expected)
    elif missing:
        found = f"{len(eye.bscans) - len(missing)}; missing: {', '.join(missing)}"
        expected = f"{N_BSCANS} B-scans in {eye.bscans[0].parent}"
        yield BenchError("E_STACK", "wrong number of B-scans", where=eye.where, expected=expected, found=found)


def _repeated(eyes: list[RawEye]) -> Iterator[BenchError]:
    seen: dict[str, RawEye] = {}
    for eye in eyes:
        for name in (eye.stem.lower(), *(str(path) for path in eye.bscans[:1])):
            other = seen.setdefault(name, eye)
            if other is not eye:
                what = "two rows name the same photograph" if name == eye.stem.lower() else "two rows name the same OCT"
                found = f"{other.stem} in {other.where}"
                yield BenchError("E_DUPLICATE", what, where=eye.where, expected="one row an eye", found=found)
