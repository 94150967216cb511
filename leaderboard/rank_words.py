"""Rank intervals and tiers in words, for every page that shows them."""

from __future__ import annotations

from collections.abc import Sequence

from fundus2oct.leaderboard.ranking import Ranking, Row

EN_DASH = "\N{EN DASH}"
SCORE_TITLES = {"mean-rank": "Mean rank", "median-rank": "Median rank"}
"""Heading of the column of the number that orders a board of several metrics."""


def ranking_names(ranking: Ranking) -> str:
    """What orders a board, in a caption: "FVD", "FVD, then SSIM", "mean rank in FVD and SSIM"."""
    names = [card.abbreviation for card in ranking.cards]
    if ranking.is_aggregate:
        return f"{SCORE_TITLES[ranking.rule].lower()} in {listed(names)}"
    return ", then ".join(names)


def rule_sentences(ranking: Ranking) -> tuple[str, ...]:
    """What makes the order of a board, for its head and its foot."""
    names = [card.abbreviation for card in ranking.cards]
    ties = "Values that print alike share a rank."
    if not ranking.is_aggregate and len(names) == 1:
        return (f"{names[0]} orders the rows, {ranking.cards[0].direction} is better.", ties)
    directions = listed([f"{card.abbreviation} ({card.direction} is better)" for card in ranking.cards])
    if not ranking.is_aggregate:
        return (f"The rows are ordered by {directions}: each decides only what prints alike in those before it.", ties)
    middle = "mean of these ranks, that is the Borda count," if ranking.rule == "mean-rank" else "median of these ranks"
    return (
        f"Every ranked entry has a rank in {directions}; the {middle} orders the rows.",
        "Values that print alike share the mean of their ranks.",
        "With ranks put together, two entries may change places because a third one enters or leaves.",
    )


def listed(words: Sequence[str], conjunction: str = "and") -> str:
    """Words as a sentence lists them.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return f" {conjunction} ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def rank_range(bounds: tuple[int, int] | None) -> str:
    """A rank interval, such as "1–3"; empty when there is none.

    >>> rank_range((1, 3)), rank_range((2, 2)), rank_range(None)
    ('1–3', '2', '')
    """
    if bounds is None:
        return ""
    first, last = bounds
    return str(first) if first == last else f"{first}{EN_DASH}{last}"


def opens_tier(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a row is the first of a tier other than the first."""
    return row.tier is not None and row.tier > 1 and row is next(other for other in rows if other.tier == row.tier)


def tier_sentences(rows: Sequence[Row]) -> tuple[str, ...]:
    """One sentence for each tier of a board; none where there are no tiers.

    Args:
        rows: of the board, in order.
    """
    tiers: dict[int, list[Row]] = {}
    for row in rows:
        if row.tier is not None:
            tiers.setdefault(row.tier, []).append(row)
    return tuple(_sentence(tier, members) for tier, members in tiers.items())


def _sentence(tier: int, members: Sequence[Row]) -> str:
    ranks = [row.rank for row in members if row.rank is not None]
    leader = members[0].entry.title
    if len(members) == 1:
        return f"Tier {tier}: rank {ranks[0]}, {leader}."
    span = f"ranks {min(ranks)} to {max(ranks)}" if min(ranks) < max(ranks) else f"rank {ranks[0]}, shared"
    held = ", ".join(row.entry.title for row in members if row.tier_note)
    doubt = f" The place of {held} depends on finite-sample bias." if held else ""
    others = "the other" if len(members) == 2 else "the others"
    return f"Tier {tier}: {span}, led by {leader}; these eyes cannot tell {others} from it.{doubt}"


def ranges(numbers: Sequence[int]) -> str:
    """Rising numbers with runs drawn together; a dash for none.

    >>> ranges([1, 2, 3, 5, 8, 9]), ranges([])
    ('1–3, 5, 8, 9', '–')
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = [f"{run[0]}{EN_DASH}{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(told) or EN_DASH
