"""Whether held-out eyes can be found in public sets, or their labels guessed without looking: for organisers.

No sandbox stops answers that were memorised, so they must not be there to memorise. Reads every photograph once; called
by `bench data leaks`.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import leak_hashes, leak_names, picture_file
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.leak_finding import Finding, Kind
from fundus2oct.metrics.errors import BenchError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
LABELS_FILE = Path("sidecar/labels.csv")
NOT_LABELS = frozenset({"scan_centre_x", "scan_centre_y", "um_per_px", "licence", "fundus_licence", "oct_licence"})
"""Columns that describe the photograph itself, which whoever gets it sees anyway."""


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """One photograph as it can be recognised.

    Attributes:
        path: of the file.
        sha256: of the file's bytes.
        pixels: content hash of the decoded RGB pixels.
        hashes: (TURNS, BITS) perceptual hashes.
        metadata: what the file says beside its pixels.
    """

    path: Path
    sha256: str
    pixels: str
    hashes: NDArray[np.bool_]
    metadata: tuple[str, ...]


OnProgress = Callable[[int, int], None]
"""Called with the photographs read so far and those to read in all."""


def check_leaks(
    held_out: Dataset,
    split: str,
    public: Sequence[Path],
    *,
    labels: Path | None = None,
    on_progress: OnProgress | None = None,
) -> list[Finding]:
    """Every leak that is found.

    Args:
        held_out: the organiser's dataset.
        split: its hidden split.
        public: dataset folders, or folders of pictures; the hidden split itself is left out of them.
        labels: a table with `case_id` and labels; the dataset's own sidecar where it has one.
        on_progress: told after every photograph.

    Raises:
        BenchError: E_SPLIT for an unknown split, E_MISSING for a public folder without pictures.
    """
    held_out.split(split)  # an unknown split is an error
    cases = [case for case in held_out.cases if case.split == split]  # in the table's order, which may tell something
    secret = [held_out.folder / case.fundus for case in cases]
    known = {path.resolve() for path in secret}
    others = {folder: [p for p in pictures_below(folder) if p.resolve() not in known] for folder in public}
    reader = _Reader(len(secret) + sum(map(len, others.values())), on_progress)
    hidden, findings = reader.read_all(secret)
    findings += _metadata(hidden)
    labelled = label_table(held_out, cases, labels)
    findings += leak_names.telling_names(cases, labelled)
    findings += leak_names.telling_order(cases, held_out.folder, labelled)
    for folder, paths in others.items():
        findings += _tables(cases, split, held_out, folder)
        findings += matches(hidden, reader.read_all(paths)[0])
    return findings


def pictures_below(folder: Path) -> list[Path]:
    """The photographs of a dataset's folder, or every picture below any other folder, sorted.

    Raises:
        BenchError: E_MISSING when there is none.
    """
    if (folder / "dataset.toml").is_file():
        return [folder / case.fundus for case in read_dataset(folder).cases]
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        expected = "a dataset folder, or PNG and JPEG files"
        raise BenchError("E_MISSING", "no pictures to compare with", where=folder, expected=expected)
    return found


def read_photograph(path: Path) -> Photograph:
    """Read one photograph; greyscale ones too.

    Raises:
        BenchError: what `picture_file.decode` raises.
    """
    data = picture_file.read_bytes(path)
    picture = picture_file.decode(data, where=path)
    colours = np.asarray(picture.convert("RGB"))
    return Photograph(
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        pixels=hashlib.sha256(repr(colours.shape).encode() + colours.tobytes()).hexdigest(),
        hashes=leak_hashes.turned_hashes(leak_hashes.field_square(colours)),
        metadata=tuple(leak_names.metadata_of(data, picture, path)),
    )


def matches(hidden: Sequence[Photograph], public: Sequence[Photograph]) -> Iterator[Finding]:
    """Held-out photographs that are in a public set: as the same file, the same pixels, or looking alike."""
    if not hidden or not public:
        return
    bits = leak_hashes.distances(*(np.stack([photograph.hashes for photograph in many]) for many in (hidden, public)))
    for i, secret in enumerate(hidden):
        for j in map(int, np.flatnonzero(_suspects(secret, public, bits[i]))):
            found = public[j]
            kind: Kind = "look-alike"
            told = f"{bits[i, j]} of {leak_hashes.BITS} bits differ"
            if secret.sha256 == found.sha256:
                kind, told = "same-file", f"sha256 {secret.sha256[:12]}"
            elif secret.pixels == found.pixels:
                kind, told = "same-pixels", f"sha256 of the pixels {secret.pixels[:12]}"
            yield Finding(kind=kind, where=f"{secret.path.name} and {found.path}", told=told)


def _suspects(secret: Photograph, public: Sequence[Photograph], bits: NDArray[np.int64]) -> NDArray[np.bool_]:
    equal = [secret.sha256 == other.sha256 or secret.pixels == other.pixels for other in public]
    return np.asarray(equal) | (bits <= leak_hashes.NEAR_BITS)


def label_table(dataset: Dataset, cases: Sequence[Case], path: Path | None) -> dict[str, dict[str, str]]:
    """Label -> case id -> value: from a table with `case_id`, from further columns of the cases, and the eye."""
    place = path or dataset.folder / LABELS_FILE
    table: dict[str, dict[str, str]] = {}
    if place.is_file():
        for row in csv.DictReader(place.read_text("utf-8").splitlines()):
            for name, value in row.items():
                if name != "case_id":
                    table.setdefault(name, {})[row["case_id"]] = value
    for case in cases:
        for name, value in case.columns.items():
            if name not in NOT_LABELS:
                table.setdefault(name, {})[case.case_id] = value
    chosen = {case.case_id for case in cases}
    return {name: {key: value for key, value in values.items() if key in chosen} for name, values in table.items()}


class _Reader:
    """Reads photographs and tells how many of all it has read."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._done, self._total, self._tell = 0, total, on_progress

    def read_all(self, paths: Iterable[Path]) -> tuple[list[Photograph], list[Finding]]:
        """Every photograph that can be read; the others as findings."""
        found, findings = [], []
        for path in paths:
            try:
                found.append(read_photograph(path))
            except BenchError as error:
                findings.append(Finding(kind="unreadable", where=path.name, told=f"{error.code}: {error.what}"))
            self._done += 1
            if self._tell:
                self._tell(self._done, self._total)
        return found, findings


def _metadata(hidden: Iterable[Photograph]) -> Iterator[Finding]:
    for photograph in hidden:
        if photograph.metadata:
            yield Finding(kind="metadata", where=photograph.path.name, told=", ".join(photograph.metadata))


def _tables(cases: Sequence[Case], split: str, held_out: Dataset, folder: Path) -> Iterator[Finding]:
    """Patients and sources of the hidden split that a public dataset names too."""
    if not (folder / "dataset.toml").is_file():
        return
    public = read_dataset(folder)
    same = folder.resolve() == held_out.folder.resolve()
    others = [case for case in public.cases if not (same and case.split == split)]
    pairs: Mapping[str, Kind] = {"patient_id": "patient-overlap", "source_id": "source-overlap"}
    for column, kind in pairs.items():
        named = {getattr(case, column) for case in others}
        shared = sorted({getattr(case, column) for case in cases} & named)
        if shared:
            told = f"{len(shared)} in both, such as {shared[0]}"
            yield Finding(kind=kind, where=f"{column} of {public.name} {public.version} in {folder}", told=told)
