"""What the table of held-out cases tells without its pictures: names that say more than they should, order, metadata.

Each check takes cases and yields findings; `leak_check` runs them all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.jpeg_metadata import strip_jpeg_metadata
from fundus2oct.benchmark.leak_finding import Finding, Kind

PERMUTATIONS = 2000
LEVEL = 0.01
"""Chance of a false alarm over all tests of order together."""

MIN_ROWS = 8
HARMLESS = frozenset(
    {
        "adobe",
        "adobe_transform",
        "chromaticity",
        "dpi",
        "gamma",
        "jfif",
        "jfif_density",
        "jfif_unit",
        "jfif_version",
        "progression",
        "progressive",
        "srgb",
        "transparency",
    }
)
"""What Pillow tells of every picture: how it is packed, not where it comes from."""


def telling_names(cases: Sequence[Case], labels: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    """Names of cases and photographs that hold the patient, or words of a label.

    Args:
        cases: the held-out cases.
        labels: label -> case id -> value; words of fewer than three letters are not looked for.
    """
    for kind, names in _names(cases).items():
        with_patient = [case for case in cases if _holds(names[case.case_id], case.patient_id)]
        if with_patient:
            yield _in_names("patient-in-name", kind, with_patient, cases, names)
        for label, values in labels.items():
            telling = [case for case in cases if _holds(names[case.case_id], values.get(case.case_id, ""))]
            if telling and len(set(values.values())) > 1:
                yield _in_names("label-in-name", f"{kind}, {label}", telling, cases, names)


def _in_names(
    kind: Kind, where: str, telling: Sequence[Case], cases: Sequence[Case], names: Mapping[str, str]
) -> Finding:
    first = telling[0]
    told = f"{len(telling)} of {len(cases)}, such as {names[first.case_id]} of patient {first.patient_id}"
    return Finding(kind=kind, where=where, told=told)


def _names(cases: Sequence[Case]) -> dict[str, dict[str, str]]:
    """Every kind of name that whoever gets the inputs sees: kind -> case id -> name."""
    return {
        "case_id": {case.case_id: case.case_id for case in cases},
        "source_id": {case.case_id: case.source_id for case in cases},
        "file name": {case.case_id: PurePosixPath(case.fundus).stem for case in cases},
    }


def _holds(name: str, word: str) -> bool:
    """Whether a name holds a word of at least three characters, not inside a longer run of letters or digits.

    >>> _holds("003059-29r", "003059"), _holds("1003059-29r", "003059")
    (True, False)
    """
    if len(word) < 3:
        return False
    return re.search(rf"(?<![a-z0-9]){re.escape(word.lower())}(?![a-z0-9])", name.lower()) is not None


def telling_order(
    cases: Sequence[Case], folder: Path, labels: Mapping[str, Mapping[str, str]], *, seed: int = 0
) -> Iterator[Finding]:
    """Labels that follow the order of the table, of names, or of the files' times and sizes: permutation tests.

    One row a patient is kept, since two eyes of one stand together in any table and share their label. Level: `LEVEL`
    over all tests together (Bonferroni).

    Args:
        cases: the held-out cases in the table's order.
        folder: of the dataset.
        labels: label -> case id -> value.
        seed: of the permutations.
    """
    rows = _one_a_patient(cases)
    orders = _orders(rows, folder)
    tests = [(order, label) for order in orders for label in labels if _varies(rows, labels[label])]
    rng = np.random.default_rng(seed)
    for order, label in tests:
        listed = [rows[i] for i in orders[order]]
        values = [labels[label][case.case_id] for case in listed if case.case_id in labels[label]]
        if len(values) < MIN_ROWS:
            continue
        p = order_p_value(values, rng, permutations=max(PERMUTATIONS, int(4 * len(tests) / LEVEL)))
        if p < LEVEL / len(tests):
            yield Finding(kind="order-tells-label", where=f"order of {order}", told=f"{label} follows it, p = {p:.2g}")


def order_p_value(values: Sequence[str], rng: np.random.Generator, *, permutations: int = PERMUTATIONS) -> float:
    """How often chance gives neighbours as alike as these; from permutations, never 0.

    Numbers are compared by the mean absolute step between the ranks of neighbours, other labels by how often
    neighbours differ.

    Args:
        values: in the order that is tested.
        rng: draws the permutations.
        permutations: how many.
    """
    coded = _coded(values)
    numeric = coded.dtype.kind == "f"

    def roughness(rows: NDArray[Any]) -> NDArray[np.float64]:
        steps = np.diff(rows, axis=-1)
        return np.asarray(np.abs(steps).mean(axis=-1) if numeric else (steps != 0).mean(axis=-1))

    drawn = np.stack([rng.permutation(coded) for _ in range(permutations)])
    as_smooth = int(np.count_nonzero(roughness(drawn) <= roughness(coded) + 1e-12))
    return (1 + as_smooth) / (1 + permutations)


def _coded(values: Sequence[str]) -> NDArray[Any]:
    """Ranks of numbers, ties by their first; else one whole number a label."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return np.unique(np.array(values), return_inverse=True)[1].astype(np.int64)
    return np.searchsorted(np.sort(numbers), numbers).astype(np.float64)


def _one_a_patient(cases: Sequence[Case]) -> list[Case]:
    first: dict[str, Case] = {}
    for case in cases:
        first.setdefault(case.patient_id, case)
    return list(first.values())


def _varies(rows: Sequence[Case], values: Mapping[str, str]) -> bool:
    counts = Counter(values[case.case_id] for case in rows if case.case_id in values)
    return len(counts) > 1


def _orders(rows: Sequence[Case], folder: Path) -> dict[str, list[int]]:
    """Every order that whoever gets the inputs sees: name -> places of the rows."""
    files = [folder / case.fundus for case in rows]
    keys: dict[str, list[Any]] = {
        "the table's rows": list(range(len(rows))),
        "case ids": [case.case_id for case in rows],
        "source ids": [case.source_id for case in rows],
        "the files' names": [case.fundus for case in rows],
        "the files' times": [file.stat().st_mtime_ns for file in files],
    }
    distinct = {name: sorted(range(len(rows)), key=values.__getitem__) for name, values in keys.items()}
    seen: dict[tuple[int, ...], str] = {}
    for name, order in distinct.items():
        seen.setdefault(tuple(order), name)
    return {name: list(order) for order, name in seen.items()}


def metadata_of(data: bytes, picture: Image.Image, where: Path) -> list[str]:
    """What a picture's file says beside its pixels: EXIF, text, comments, profiles, thumbnails, trailing bytes.

    Args:
        data: the bytes of the file.
        picture: decoded from them.
        where: named in errors.
    """
    found = {str(key) for key in picture.info if str(key).lower() not in HARMLESS}
    if picture.getexif():
        found.add("exif")
    if picture_file.is_jpeg(data) and len(strip_jpeg_metadata(data, where=where)) != len(data):
        found.add("metadata segments")
    if not picture_file.is_jpeg(data) and not data.rstrip(b"\0").endswith(b"IEND\xaeB`\x82"):
        found.add("bytes after the picture")
    return sorted(found)
