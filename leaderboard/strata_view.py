"""The case metrics of one entry by group: one drawing a metric, every group against all eyes of the entry.

From the record's `strata` table alone; which groups may be told was decided when the record was made. Called by the
view of an entry and by the page of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fundus2oct.leaderboard.forest_drawing import Forest, Mark, draw_forest, linear_scale
from fundus2oct.leaderboard.number_text import counted, fixed, interval, percent, sentence
from fundus2oct.metrics.metric_card import MetricCard

EYE_COLUMN = "eye"
EYE_SIDES = {"L": "left", "R": "right"}
NOT_STATED = "not stated"
"""Name of the group of cases of which a column says nothing."""


@dataclass(frozen=True, kw_only=True)
class StrataView:
    """The section "By group" of an entry.

    Attributes:
        drawings: one a metric, in the board's order.
        left_out: a sentence for each column of which groups are not told.
        hidden: names of the columns that participants do not have.
    """

    drawings: tuple[Forest, ...]
    left_out: tuple[str, ...]
    hidden: str


def view_strata(result: Mapping[str, Any], cards: Sequence[MetricCard]) -> StrataView | None:
    """The section of a record; None for a record that tells nothing of groups."""
    strata = result.get("strata") or ()
    drawings = tuple(drawn for card in cards if (drawn := _draw(result, card)))
    left_out = tuple(text for stratum in strata if (text := left_out_text(stratum)))
    if not drawings and not left_out:
        return None
    hidden = [column_name(stratum) for stratum in strata if stratum["source"] == "sidecar" and stratum["groups"]]
    return StrataView(drawings=drawings, left_out=left_out, hidden=", ".join(hidden))


def column_name(stratum: Mapping[str, Any]) -> str:
    """A column for readers, such as "Eye side"."""
    column = str(stratum["column"])
    name = "eye side" if column == EYE_COLUMN else column.replace("_", " ").strip() or column
    return sentence(name)


def group_name(stratum: Mapping[str, Any], group: Mapping[str, Any]) -> str:
    """A group for readers, such as "left"."""
    name = str(group["group"])
    return EYE_SIDES.get(name, name) if stratum["column"] == EYE_COLUMN else name or NOT_STATED


def left_out_text(stratum: Mapping[str, Any]) -> str:
    """How many groups of a column are not told, and why; empty where all are."""
    n, reason = stratum["left_out"], stratum["reason"] or "no reason given"
    return f"{column_name(stratum)}: {counted(n, 'group')} not shown, {reason}." if n else ""


def rests_on(measured: Mapping[str, Any]) -> str:
    """What a number rests on, such as "16 eyes of 10 patients"."""
    return f"{counted(measured['n_cases'], 'eye')} of {counted(measured['n_patients'], 'patient')}"


def value_text(measured: Mapping[str, Any], card: MetricCard) -> str:
    """Value and interval."""
    bounds = measured["uncertainty"] and measured["uncertainty"]["interval"]
    return f"{fixed(measured['value'], card.decimals)}{f' {interval(bounds, card.decimals)}' if bounds else ''}"


def _draw(result: Mapping[str, Any], card: MetricCard) -> Forest | None:
    """Every group of every column as its distance from all eyes; None where the metric is told in no group."""
    overall = result["metrics"].get(card.name)
    found = list(_groups(result, card.name))
    if not found or overall is None or overall["value"] is None:
        return None
    marks = [_mark(label, measured, overall["value"], card) for label, measured in found]
    numbers = [number for mark in marks for number in (mark.low, mark.value, mark.high) if number is not None]
    levels = sorted({measured["uncertainty"]["level"] for _, measured in found if measured["uncertainty"]})
    bar = f"; {' or '.join(map(percent, levels))} interval, bar" if levels else ""
    everybody = f"all {counted(overall['n_cases'], 'eye')} ({fixed(overall['value'], card.decimals)})"
    lower, higher = ("better", "worse") if card.direction == "lower" else ("worse", "better")
    return draw_forest(
        marks,
        linear_scale(numbers),
        caption=f"{card.title}{f', {card.unit}' if card.unit else ''}: group minus {everybody}, dot{bar}",
        below=lower,
        above=higher,
    )


def _groups(result: Mapping[str, Any], metric: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Label and numbers of every group in one metric."""
    for stratum in result.get("strata") or ():
        for group in stratum["groups"]:
            if metric in group["metrics"]:
                measured = group["metrics"][metric]
                yield f"{column_name(stratum)}, {group_name(stratum, group)}: {rests_on(measured)}", measured


def _mark(label: str, measured: Mapping[str, Any], overall: float, card: MetricCard) -> Mark:
    bounds = measured["uncertainty"]["interval"] if measured["uncertainty"] else (None, None)
    low, high = (None if bound is None else bound - overall for bound in bounds)
    return Mark(label=label, told=value_text(measured, card), value=measured["value"] - overall, low=low, high=high)
