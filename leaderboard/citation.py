"""How to cite one entry: a sentence and a BibTeX record, made from its latest result. Called by the entry's view."""

from __future__ import annotations

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.number_text import fixed
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.safe_text import bibtex_text, one_line


def plain_citation(entry: Entry, board: Board, site_title: str) -> str:
    """One sentence that names team, method, value, data, metric version and record."""
    return f"{entry.submission.team}. {one_line(entry.title)}. {site_title}: {_told(entry, board)}."


def bibtex_citation(entry: Entry, board: Board, site_title: str) -> str:
    """A BibTeX ``@misc`` record. It has no year: a record carries no date, and none is made up."""
    submission = entry.submission
    fields = {
        "author": "{" + bibtex_text(submission.team) + "}",
        "title": "{" + bibtex_text(entry.title) + "}",
        "howpublished": bibtex_text(f"Entry {submission.name} on {site_title}"),
        "note": bibtex_text(_told(entry, board)),
    }
    if submission.links:
        fields["url"] = submission.links[0].replace("{", "%7B").replace("}", "%7D")
    key = submission.name.replace("/", ":")  # of slugs alone, and no two entries share one
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _told(entry: Entry, board: Board) -> str:
    card, dataset = board.ranking_card, entry.result["dataset"]
    measured = entry.measured(card.name)
    value = "not computed" if measured["value"] is None else fixed(measured["value"], card.decimals)
    return (
        f"{card.abbreviation} {value} ({measured['version'] or card.version}) on {dataset['name']} "
        f"{dataset['version']}, split {dataset['split']}, record {entry.records[-1].name}"
    )
