"""Numbers that others have published, read from `published.toml` beside this file.

They were computed under another protocol on other eyes, so they stand in a table of their own and are never ranked.
Called by the view of the board.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

PUBLISHED_FILE = Path(__file__).parent / "published.toml"


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """One published entry; ``values`` holds only what was reported, by name of the metric's card."""

    method: str
    what: str
    values: dict[str, float]
    source: str
    link: str


@dataclass(frozen=True, kw_only=True)
class Published:
    """The table of published numbers."""

    title: str
    protocol: str
    why: str
    rows: tuple[PublishedRow, ...]


@functools.cache
def read_published() -> Published:
    """The published numbers, in the order of the file."""
    document = tomllib.loads(PUBLISHED_FILE.read_text("utf-8"))
    rows = tuple(PublishedRow(**row) for row in document.pop("row"))
    return Published(**document, rows=rows)
