"""`cases.csv`: one row an eye, and every rule a table of cases must keep.

No picture is opened here. `benchmark.dataset` reads tables, importers and the phantom write them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.errors import BenchError

COLUMNS = ("case_id", "source_id", "patient_id", "eye", "split", "fundus", "oct")
CASE_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
EYES = ("L", "R")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One eye: one row of `cases.csv`.

    Attributes:
        case_id: the harness's name of the case, ``[a-z0-9][a-z0-9_-]{0,63}``.
        source_id: the origin's name; folders of a challenge archive carry it.
        patient_id: patients never cross splits.
        eye: "L" or "R".
        split: such as train, val or test.
        fundus: path of the photograph, relative to the dataset folder.
        oct: folder of the six B-scans, relative to the dataset folder; empty when the truth is elsewhere.
        columns: every further column, name -> text.
    """

    case_id: str
    source_id: str
    patient_id: str
    eye: str
    split: str
    fundus: str
    oct: str
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_truth(self) -> bool:
        """Whether the table names an OCT volume for this case."""
        return self.oct != ""

    def row(self) -> dict[str, str]:
        """The case as a row of `cases.csv`."""
        return {name: getattr(self, name) for name in COLUMNS} | dict(self.columns)


def inspect_rows(folder: Path) -> tuple[list[dict[str, str]], list[BenchError]]:
    """The rows of `cases.csv` as text, one dictionary each, and what is wrong with the file as a table.

    A ragged row is left out and reported; without a needed column there are no rows.
    """
    return read_columns(folder / "cases.csv", COLUMNS)


def read_columns(path: Path, columns: tuple[str, ...]) -> tuple[list[dict[str, str]], list[BenchError]]:
    """The rows of a CSV file that must have ``columns``, and every problem of the file as a table."""
    try:
        text = picture_file.read_bytes(path).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        header = list(reader.fieldnames or ())
        rows = list(reader)
    except BenchError as error:
        return [], [error]
    except UnicodeDecodeError as error:
        return [], [BenchError("E_FORMAT", "not UTF-8", where=path, found=str(error))]
    except csv.Error as error:
        return [], [BenchError("E_FORMAT", "not a table of comma-separated values", where=path, found=str(error))]
    problems = list(_header_problems(header, columns, path))
    if problems:
        return [], problems
    whole = [row for row in rows if _is_whole(row)]
    what = "row has another number of fields than the header"
    problems = [
        BenchError("E_COLUMN", what, where=f"{path}:{n}") for n, row in enumerate(rows, 2) if not _is_whole(row)
    ]
    if not rows:
        problems.append(BenchError("E_EMPTY", "the table has no rows", where=path))
    return whole, problems


def _is_whole(row: Mapping[str | None, object]) -> bool:
    return None not in row and None not in row.values()


def _header_problems(header: list[str], columns: tuple[str, ...], path: Path) -> Iterator[BenchError]:
    if missing := [name for name in columns if name not in header]:
        what, found = f"column missing: {', '.join(missing)}", ", ".join(header) or "nothing"
        yield BenchError("E_COLUMN", what, where=path, expected=",".join(columns), found=found)
    if twice := sorted({name for name in header if header.count(name) > 1}):
        yield BenchError("E_COLUMN", f"column given twice: {', '.join(twice)}", where=path)


def cases_text(cases: Iterable[Case]) -> str:
    """The text of a `cases.csv` holding ``cases``, in their order."""
    rows = [case.row() for case in cases]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def case_from_row(row: Mapping[str, str]) -> Case:
    """A row of the table as a case; nothing is checked."""
    fixed = {name: row[name] for name in COLUMNS}
    return Case(**fixed, columns={name: value for name, value in row.items() if name not in COLUMNS})


def table_problems(cases: tuple[Case, ...], path: Path) -> Iterator[BenchError]:
    """Every broken rule of the table, one error each."""
    for number, case in enumerate(cases, start=2):
        yield from _row_problems(case, f"{path}:{number}")
    yield from _id_problems(cases, path)
    for patient, splits in sorted(_splits_of_patients(cases).items()):
        if len(splits) > 1:
            yield BenchError(
                "E_PATIENT", f"patient {patient} is in several splits", where=path, found=", ".join(sorted(splits))
            )


def _row_problems(case: Case, where: str) -> Iterator[BenchError]:
    if not CASE_ID.fullmatch(case.case_id):
        yield BenchError("E_NAME", "bad case id", where=where, expected=CASE_ID.pattern, found=repr(case.case_id))
    if not SOURCE_ID.fullmatch(case.source_id):
        yield BenchError("E_NAME", "bad source id", where=where, expected=SOURCE_ID.pattern, found=repr(case.source_id))
    if not case.patient_id.strip():
        yield BenchError("E_PATIENT", "patient_id is empty", where=where)
    if case.eye not in EYES:
        yield BenchError("E_EYE", "eye is neither L nor R", where=where, expected="L or R", found=repr(case.eye))
    if not CASE_ID.fullmatch(case.split):
        yield BenchError("E_SPLIT", "bad split name", where=where, expected=CASE_ID.pattern, found=repr(case.split))
    for column, value in (("fundus", case.fundus), ("oct", case.oct)):
        if (value or column == "fundus") and not stays_inside(value):
            expected = "a path inside the dataset folder"
            yield BenchError("E_PATH", f"bad path in {column}", where=where, expected=expected, found=repr(value))


def stays_inside(path: str) -> bool:
    """Whether a path written in a table is relative, printable and does not climb out of the folder.

    >>> stays_inside("fundus/case-1.png"), stays_inside("../secret.png")
    (True, False)
    """
    parts = PurePosixPath(path).parts
    plain = path.isprintable() and "\\" not in path and not PurePosixPath(path).is_absolute()
    return bool(parts) and plain and ".." not in parts


def _id_problems(cases: tuple[Case, ...], path: Path) -> Iterator[BenchError]:
    for column in ("case_id", "source_id"):
        seen: dict[str, str] = {}
        for case in cases:
            value = getattr(case, column)
            other = seen.get(value.lower())
            seen[value.lower()] = value
            if other is None:
                continue
            if other == value:
                yield BenchError("E_DUPLICATE", f"{column} used twice", where=path, found=value)
            else:
                found = f"{other}, {value}"
                yield BenchError("E_COLLISION", f"two {column}s are equal but for case", where=path, found=found)


def _splits_of_patients(cases: Iterable[Case]) -> dict[str, set[str]]:
    splits: dict[str, set[str]] = {}
    for case in cases:
        splits.setdefault(case.patient_id, set()).add(case.split)
    return splits
