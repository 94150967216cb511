"""From a tree of results to a site, in three steps: read everything, render everything, put it in place.

Any bad file ends the first step, so that the old site stays untouched. Called by the command `bench leaderboard build`
and by the demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from fundus2oct.benchmark.ranking_file import read_ranking_rule
from fundus2oct.leaderboard.audit_page import read_audits
from fundus2oct.leaderboard.board import Board, make_boards
from fundus2oct.leaderboard.board_pairs import read_all_pairwise
from fundus2oct.leaderboard.board_pictures import read_entry_pictures
from fundus2oct.leaderboard.pages import render_site
from fundus2oct.leaderboard.past_board import entries_as_of
from fundus2oct.leaderboard.rendering import Site
from fundus2oct.leaderboard.results_tree import Entry, read_entries
from fundus2oct.leaderboard.site_address import check_address
from fundus2oct.leaderboard.site_folder import check_replaceable, replace_site
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.metric_card import MetricCard

DEFAULT_TITLE = "Fundus2OCT Bench"


def build_site(
    results_root: Path,
    out: Path,
    *,
    cards: Sequence[MetricCard],
    ranking_metric: str,
    title: str = DEFAULT_TITLE,
    address: str | None = None,
    as_of: date | None = None,
) -> tuple[Board, ...]:
    """Build the whole site of the results under ``results_root`` into the folder ``out``.

    Args:
        results_root: folder of ``<team>/<method>/results/...``.
        out: the site's folder; replaced as a whole.
        cards: the metrics' cards in the order of the board's columns.
        ranking_metric: name of the card that orders the boards where no `ranking.toml` says otherwise.
        title: name of the site.
        address: where the site will stand, for its sitemap and the links of its feed; None when that is not known.
        as_of: show the boards as they stood at the end of this day (UTC); None for all that is there.

    Returns:
        the boards of the site.

    Raises:
        BenchError: E_RESULTS, E_SITE, E_ADDRESS, E_DISK or what is wrong with a result; the old site stays.
    """
    checked = address and check_address(address)
    _check_apart(results_root, out)
    check_replaceable(out)
    entries, past = read_entries(results_root), None
    audits, pictures = read_audits(results_root), read_entry_pictures(results_root, entries)
    if as_of is not None:
        entries, past = entries_as_of(entries, as_of, where=results_root)
    boards = _boards_of(entries, results_root, cards, ranking_metric)
    site = Site(title=title, boards=boards, audits=audits, pictures=pictures, address=checked, past=past)
    replace_site(out, render_site(site))
    return boards


def read_boards(results_root: Path, *, cards: Sequence[MetricCard], ranking_metric: str) -> tuple[Board, ...]:
    """The boards of the results under ``results_root``; arguments and errors are those of `build_site`."""
    return _boards_of(read_entries(results_root), results_root, cards, ranking_metric)


def _boards_of(
    entries: Sequence[Entry], results_root: Path, cards: Sequence[MetricCard], ranking_metric: str
) -> tuple[Board, ...]:
    rule = read_ranking_rule(results_root, cards, ranking_metric)
    return make_boards(entries, cards=cards, rule=rule, pairwise=read_all_pairwise(results_root))


def _check_apart(results_root: Path, out: Path) -> None:
    root, site = results_root.resolve(), out.resolve()
    if root == site or root in site.parents or site in root.parents:
        raise BenchError(
            "E_SITE",
            "site and results overlap",
            where=out,
            expected=f"a folder outside {results_root}",
            fix="choose another --out",
        )
