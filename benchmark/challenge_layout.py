"""Pictures in the challenge's layout, ``<source_id>/<source_id>_{0..5}.jpg`` (or .png): what is there, what it holds.

A zip (`archive_import`) and a folder (`challenge_folder`) each bring names and bytes; the rules are here, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.volume import Volume
from fundus2oct.benchmark.worker import VOLUME_SHAPE
from fundus2oct.metrics.errors import BenchError

MEMBER = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,127})/\1_([0-5])\.(jpg|jpeg|png)")
STRAY = re.compile(r"(^|/)(\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)$|^__MACOSX/")
FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG"}
LAYOUT = "<source_id>/<source_id>_{0..5}.jpg or .png at the root"
MAX_PICTURE_BYTES = 4 * 2**20
MAX_SIDE = 2_048
"""Pixels a side by a picture's header: a B-scan of another size is a wrong shape, one beyond this is not decoded."""
MAX_PROBLEMS = 20


@dataclass
class PictureIndex:
    """Which B-scans are there, from their names alone.

    Attributes:
        bscans: source id -> B-scan number -> name.
        jpeg: whether any B-scan is a JPEG.
    """

    bscans: dict[str, dict[int, str]] = field(default_factory=dict)
    jpeg: bool = False

    def place(self, name: str, wanted: Collection[str] | None, where: str) -> BenchError | None:
        """Enter one name, or say what is wrong with it.

        Args:
            name: below the root, with ``/``.
            wanted: source ids of the split; None takes any.
            where: named in the error.
        """
        match = MEMBER.fullmatch(name)
        if match is None:
            return BenchError("E_EXTRA", "unexpected file", where=where, expected=LAYOUT)
        source_id, number = match[1], int(match[2])
        if wanted is not None and source_id not in wanted:
            near = [known for known in wanted if known.lower() == source_id.lower()]
            code, fix = ("E_COLLISION", f"write it {near[0]}") if near else ("E_EXTRA", "remove it")
            return BenchError(code, "not a case of this split", where=where, found=source_id, fix=fix)
        bscans = self.bscans.setdefault(source_id, {})
        if number in bscans:
            return BenchError("E_DUPLICATE", f"B-scan {number} is there twice", where=where)
        bscans[number] = name
        self.jpeg |= match[3] != "png"
        return None


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures that have been found, not yet read.

    Attributes:
        where: the zip or the folder.
        index: which B-scans are there.
        read: (name, most) -> the bytes of that file, at most one more than ``most`` of them; raises BenchError.
        digest: content hash of all of it.
    """

    where: str
    index: PictureIndex
    read: Callable[[str, int], bytes]
    digest: str

    def volume(self, source_id: str) -> Volume:
        """The volume of one eye, (6, 320, 448) uint8.

        Raises:
            BenchError: E_MISSING, E_EMPTY, E_SIZE, E_FORMAT, E_STACK, E_SHAPE or E_ARCHIVE, naming the file.
        """
        bscans: Mapping[int, str] = self.index.bscans.get(source_id, {})
        missing = [i for i in range(VOLUME_SHAPE[0]) if i not in bscans]
        if missing:
            what = "case is missing" if not bscans else f"B-scans missing: {', '.join(map(str, missing))}"
            raise BenchError("E_MISSING", what, where=f"{self.where}: {source_id}/")
        return np.stack([self._bscan(bscans[i]) for i in range(VOLUME_SHAPE[0])])

    def _bscan(self, name: str) -> Volume:
        where = f"{self.where}: {name}"
        data = self.read(name, MAX_PICTURE_BYTES)
        if len(data) > MAX_PICTURE_BYTES:
            raise BenchError("E_SIZE", "picture is too large", where=where, expected=f"<= {MAX_PICTURE_BYTES} bytes")
        if not data:
            raise BenchError("E_EMPTY", "picture is empty", where=where)
        picture = picture_file.decode(data, where=where, max_side=MAX_SIDE)
        expected = FORMATS[name.rpartition(".")[2]]
        if picture.format != expected:
            what = "name and content differ"
            raise BenchError("E_FORMAT", what, where=where, expected=expected, found=picture.format)
        return picture_file.grey_array(picture, where=where, shape=VOLUME_SHAPE[1:])
