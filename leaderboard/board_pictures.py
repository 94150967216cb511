"""The pictures that a board may show: those of its own truth and of the very volumes whose records stand on it.

Reading and matching; `benchmark.pictures_file` checks the files, `bench pictures` made them. A folder of pictures that
does not fit the records ends the build, so that no reader sees volumes other than the scored ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fundus2oct.benchmark.pictures_file import (
    FILE_NAME,
    FOLDER,
    Pictures,
    bscans_path,
    en_face_path,
    find_pictures,
    photograph_path,
    read_pictures,
)
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.surface_drawing import draw_surfaces
from fundus2oct.metrics.errors import BenchError

BSCAN = 4
"""The horizontal one, counted from 1: it runs through the fovea, from the nose outwards or the other way."""

EYE_NAMES = {"L": "left eye", "R": "right eye"}


@dataclass(frozen=True, kw_only=True)
class ShownVolume:
    """The pictures of one volume of one eye; paths are those of the site.

    Attributes:
        told: its part of `pictures.json`.
        bscans: path of the six B-scans.
        en_face: path of the en-face picture.
        surfaces: path of the drawing of both surfaces.
    """

    told: Mapping[str, Any]
    bscans: str
    en_face: str
    surfaces: str


@dataclass(frozen=True, kw_only=True)
class BoardPictures:
    """The pictures of one board.

    Attributes:
        pictures: of its split.
        rows: the board's rows that have pictures, in the board's order.
    """

    pictures: Pictures
    rows: tuple[Row, ...]

    @property
    def document(self) -> Mapping[str, Any]:
        """The content of `pictures.json`."""
        return self.pictures.document

    @property
    def eyes(self) -> list[dict[str, Any]]:
        """The eyes as `pictures.json` tells of them."""
        found: list[dict[str, Any]] = self.document["eyes"]
        return found

    @property
    def site_folder(self) -> str:
        """Where they lie in the site."""
        return site_folder(self.pictures)

    def has(self, row: Row) -> bool:
        """Whether there are pictures of the entry in ``row``."""
        return any(row is other for other in self.rows)

    def link(self, *rows: Row, eye: str = "") -> str:
        """The viewer with one or two entries, at one eye or its first, below the board's folder.

        Empty where there are no pictures of one of them.
        """
        if not all(self.has(row) for row in rows):
            return ""
        shown = dict(zip("ab", (row.entry.submission.name for row in rows), strict=False))
        return f"viewer.html#{urlencode({'eye': eye or self.eyes[0]['id'], 'bscan': BSCAN, **shown}, safe='/')}"

    def entry(self, row: Row) -> dict[str, Any]:
        """What `pictures.json` tells of the entry in ``row``."""
        told: dict[str, Any] = self.document["entries"][self._index(row)]
        return told

    def photograph(self, eye: Mapping[str, Any]) -> str:
        """Path of an eye's photograph in the site."""
        return f"{self.site_folder}/{photograph_path(eye['id'])}"

    def truth(self, eye: Mapping[str, Any]) -> ShownVolume:
        """The real volume of an eye."""
        return _volume(self.pictures, eye["id"], "truth", eye["truth"])

    def volume(self, eye: Mapping[str, Any], row: Row) -> ShownVolume | None:
        """The volume that an entry drew of an eye; None where it failed."""
        told = eye["entries"][self._index(row)]
        return None if told is None else _volume(self.pictures, eye["id"], row.entry.submission.name, told)

    def _index(self, row: Row) -> int:
        names = [f"{entry['team']}/{entry['method']}" for entry in self.document["entries"]]
        return names.index(row.entry.submission.name)


def read_entry_pictures(root: Path, entries: Sequence[Entry]) -> tuple[Pictures, ...]:
    """Every folder of pictures below a root of results.

    Args:
        root: of the results.
        entries: all that lie there, whatever is shown of them.

    Raises:
        BenchError: what `read_pictures` raises; E_PICTURES for pictures of a truth that no record was made on, or of
            volumes that no latest record is about; E_LICENCE where a record of the same truth does not allow pictures.
    """
    found = tuple(read_pictures(folder) for folder in find_pictures(root))
    for pictures in found:
        _check_belongs(pictures, [entry for entry in entries if _is_of(pictures, entry.result["dataset"])])
    return found


def pictures_of(board: Board, all_pictures: Sequence[Pictures]) -> BoardPictures | None:
    """The pictures that ``board`` may show; None where there is none of its entries."""
    for pictures in all_pictures:
        if _is_of(pictures, board.dataset):
            listed = _listed(pictures)
            rows = tuple(row for row in board.rows if _key(row.entry) in listed)
            return BoardPictures(pictures=pictures, rows=rows) if rows else None
    return None


def picture_files(shown: BoardPictures) -> Iterator[tuple[str, bytes]]:
    """The pictures of one board's rows by their paths in the site, and a drawing of the surfaces for each volume."""
    for eye in shown.eyes:
        photograph = photograph_path(eye["id"])
        yield f"{shown.site_folder}/{photograph}", shown.pictures.files[photograph]
        for volume in (shown.truth(eye), *(shown.volume(eye, row) for row in shown.rows)):
            if volume is not None:
                for path in (volume.bscans, volume.en_face):
                    yield path, shown.pictures.files[path.removeprefix(f"{shown.site_folder}/")]
                yield volume.surfaces, draw_surfaces(volume.told).encode("utf-8")


def site_folder(pictures: Pictures) -> str:
    """Where the pictures of a split lie in the site."""
    return f"{FOLDER}/{pictures.folder.parent.name}/{pictures.folder.name}"


def _volume(pictures: Pictures, eye: str, source: str, told: Mapping[str, Any]) -> ShownVolume:
    folder = site_folder(pictures)
    return ShownVolume(
        told=told,
        bscans=f"{folder}/{bscans_path(eye, source)}",
        en_face=f"{folder}/{en_face_path(eye, source)}",
        surfaces=f"{folder}/{eye}/surfaces/{source}.svg",
    )


def _is_of(pictures: Pictures, dataset: Mapping[str, Any]) -> bool:
    told = pictures.document["dataset"]
    return all(told[key] == dataset[key] for key in ("name", "version", "split", "truth_hash"))


def _key(entry: Entry) -> tuple[str, str, str]:
    submission = entry.submission
    return submission.team, submission.method, str(entry.result["run"]["volumes_hash"])


def _listed(pictures: Pictures) -> set[tuple[str, str, str]]:
    return {(entry["team"], entry["method"], entry["volumes_hash"]) for entry in pictures.document["entries"]}


def _check_belongs(pictures: Pictures, entries: Sequence[Entry]) -> None:
    """Refuse pictures of no record's truth, of eyes that any record hides, or of volumes that no record is about."""
    where = pictures.folder / FILE_NAME
    if not entries:
        what, found = "pictures of a truth that no record was made on", pictures.truth_hash[:12]
        raise BenchError("E_PICTURES", what, where=where, found=found, fix="remove the folder, or make them again")
    results = [(entry, record.result) for entry in entries for record in entry.records]
    hidden = [told for told in results if not told[1]["dataset"]["pictures_may_be_published"]]
    if hidden:
        entry, result = hidden[0]
        raise BenchError(
            "E_LICENCE",
            "a record of these eyes does not allow pictures",
            where=where,
            found=f"{entry.submission.name}, phase {result['phase']}",
            fix="remove the folder of pictures",
        )
    if strange := sorted(_listed(pictures) - {_key(entry) for entry in entries}):
        team, method, digest = strange[0]
        what, found = f"pictures of other volumes than the record of {team}/{method} shown", digest[:12]
        raise BenchError("E_PICTURES", what, where=where, found=found, fix="run `bench pictures` again")
