"""A ledger of shards of features on a shared folder: each shard's statistics once, however often its task was run.

A shard is a fixed range of volumes; its entry names the hash of what it was computed from. Entering it again changes
nothing, entering it with other content is refused, and a damaged entry is set aside and taken as absent. The whole is
merged in a tree that the shards' numbers fix (`metrics.feature_merge`).
"""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path

import numpy as np

from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.value_cache import make_private_folder
from fundus2oct.metrics.durable_file import write_bytes
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.feature_merge import merge_tree
from fundus2oct.metrics.frechet_distance import FeatureStatistics

HEAD = struct.Struct("<32s32sQ")
"""sha256 of all that follows it, sha256 of what the shard was computed from, number of volumes."""


class FeatureLedger:
    """A folder with one file a shard.

    Args:
        folder: made with mode 0700; features of hidden truth may lie in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.set_aside: list[Path] = []
        make_private_folder(folder)

    def enter(self, shard: int, source: str, statistics: FeatureStatistics) -> bool:
        """Enter a shard, unless it is there.

        Args:
            shard: its number, from 0.
            source: hexadecimal sha256 of what it was computed from.
            statistics: of its features.

        Returns:
            whether it was new.

        Raises:
            BenchError: E_CHANGED when the shard was entered with other content.
        """
        known = self._read(shard)
        if known is not None:
            if known[0] != source:
                what, fix = f"shard {shard} was entered from other content", "use another folder for other volumes"
                raise BenchError("E_CHANGED", what, where=self._path(shard), expected=known[0], found=source, fix=fix)
            return False
        buffer = io.BytesIO()
        np.save(buffer, np.concatenate([statistics.mean[None], statistics.factor]), allow_pickle=False)
        rest = HEAD.pack(bytes(32), bytes.fromhex(source), statistics.n)[32:] + buffer.getvalue()
        write_bytes(self._path(shard), hashlib.sha256(rest).digest() + rest)
        step("shard entered")
        return True

    def missing(self, count: int) -> list[int]:
        """Which of the shards 0 to ``count - 1`` are not there, or not whole."""
        return [shard for shard in range(count) if self._read(shard) is None]

    def merged(self, count: int) -> FeatureStatistics:
        """The statistics of shards 0 to ``count - 1`` together.

        Raises:
            BenchError: E_MISSING when one is not there.
        """
        return merge_tree(self._statistics, 0, count)

    def _statistics(self, shard: int) -> FeatureStatistics:
        found = self._read(shard)
        if found is None:
            raise BenchError("E_MISSING", f"shard {shard} was not entered", where=self._path(shard), fix="compute it")
        return found[1]

    def _read(self, shard: int) -> tuple[str, FeatureStatistics] | None:
        path = self._path(shard)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if len(data) < HEAD.size or hashlib.sha256(data[32:]).digest() != data[:32]:
            self.set_aside.append(path.replace(path.with_suffix(".corrupt")))
            return None
        _, source, n = HEAD.unpack_from(data)
        rows = np.load(io.BytesIO(data[HEAD.size :]), allow_pickle=False)
        return source.hex(), FeatureStatistics(n, rows[0], rows[1:])

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard // 1000:05d}" / f"{shard:08d}.stats"
