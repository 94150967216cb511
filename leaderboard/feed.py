"""`feed.xml`: an Atom feed of the records that stand on the site, so that readers learn what was added.

No date is made up. The feed tells the day that a record was filed, else the day of its first attestation; else it tells
the first day of 1970, which every reader sorts last, and says in words that the day is not known. What is new is known
by its id, which is made of the record's place and its name, in which its hash stands: equal results give equal feeds,
whenever and wherever the site is built. Called by `leaderboard.pages`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.number_text import fixed
from fundus2oct.leaderboard.rendering import Files, Renderer, Site
from fundus2oct.leaderboard.results_tree import Entry, Record
from fundus2oct.leaderboard.safe_text import one_line, visible

MOST_RECORDS = 200
UNKNOWN_DAY = "1970-01-01T00:00:00Z"
NAMESPACE = uuid.UUID("5f1d7c1e-6f0b-5a44-9d0e-0c7f6a3b2e91")
"""Ours, chosen once: a name below it gives the same id in every build."""


@dataclass(frozen=True, kw_only=True)
class Added:
    """One record of the feed.

    Attributes:
        entry: the entry that it belongs to.
        record: the record.
        board: the board on which the entry stands.
        day: when it was there at the latest, or `UNKNOWN_DAY`.
    """

    entry: Entry
    record: Record
    board: Board
    day: str

    @property
    def place(self) -> tuple[str, ...]:
        """What tells this record from every other one."""
        dataset = self.record.result["dataset"]
        folder = f"{dataset['name']}-{dataset['version']}"
        return self.entry.submission.name, folder, self.record.result["phase"], self.record.name


def feed_files(renderer: Renderer) -> Files:
    """The feed of the whole site."""
    yield "feed.xml", feed_text(renderer.site)


def feed_text(site: Site) -> str:
    """The feed as XML: records with a known day first, the newest at the top; the others by their place."""
    found = [added for board in site.boards for added in _records_of(board)]
    found.sort(key=lambda added: added.place)
    found.sort(key=lambda added: added.day, reverse=True)
    updated = found[0].day if found else UNKNOWN_DAY
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<title>{_text(site.title)}: records</title>",
        f"<id>{_id('feed', site.address or site.title)}</id>",
        f"<updated>{updated}</updated>",
        f"<author><name>{_text(site.title)}</name></author>",
        *_links(site),
    ]
    for added in found[:MOST_RECORDS]:
        lines += _entry_lines(added, site)
    return "\n".join([*lines, "</feed>", ""])


def _records_of(board: Board) -> Iterator[Added]:
    for row in board.rows:
        for record in row.entry.records:
            known = record.known_since
            day = f"{known.isoformat()}T00:00:00Z" if known else UNKNOWN_DAY
            yield Added(entry=row.entry, record=record, board=board, day=day)


def _links(site: Site) -> list[str]:
    own = [f'<link rel="self" href={quoteattr(f"{site.address}/feed.xml")}/>'] if site.address else []
    return [f'<link rel="alternate" type="text/html" href={quoteattr(_address(site, "index.html"))}/>', *own]


def _entry_lines(added: Added, site: Site) -> list[str]:
    name = added.entry.submission.name
    page = f"boards/{added.board.slug}/entries/{name}.html"
    return [
        "<entry>",
        f"<title>{_text(f'{added.entry.title} ({name}), record {added.record.name}')}</title>",
        f"<id>{_id('record', *added.place)}</id>",
        f"<updated>{added.day}</updated>",
        f'<link rel="alternate" type="text/html" href={quoteattr(_address(site, page))}/>',
        f"<summary>{_text(_summary(added))}</summary>",
        "</entry>",
    ]


def _summary(added: Added) -> str:
    """What was added, in a sentence or three, with what is known of its day."""
    card, dataset = added.board.ranking_card, added.record.result["dataset"]
    measured = added.record.result["metrics"].get(card.name) or {"value": None}
    value = "not computed" if measured["value"] is None else fixed(measured["value"], card.decimals)
    replaced = added.record.result.get("supersedes")
    why = f" It replaces {replaced['record']}: {replaced['reason']}." if replaced else ""
    day = (
        " No day was filed with the record and nobody attested it: the day is not known."
        if added.day == UNKNOWN_DAY
        else ""
    )
    where = f"{dataset['name']} {dataset['version']}, split {dataset['split']}, phase {added.record.result['phase']}"
    return (
        f"Row of kind {added.entry.kind}, by {added.entry.team_name}: {card.abbreviation} {value} on {where}.{why}{day}"
    )


def _id(*words: str) -> str:
    """An id that no address and no clock enters; names without a meaning for others, so that no host need be owned."""
    return uuid.uuid5(NAMESPACE, "\n".join(words)).urn


def _address(site: Site, path: str) -> str:
    """The whole address of a page, or one relative to the feed."""
    return f"{site.address}/{path}" if site.address else path


def _text(text: str) -> str:
    return escape(one_line(visible(text)))
