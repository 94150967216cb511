"""Does an entry use the photograph, and does it repeat its training eyes: what the controls found, in plain words.

From the record's `controls` table; nothing is tested here. Called by the view of an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fundus2oct.leaderboard.forest_drawing import Forest, Mark, draw_forest, linear_scale
from fundus2oct.leaderboard.number_text import counted, interval, signed


@dataclass(frozen=True, kw_only=True)
class GapKind:
    """One score of which the gap is taken: its name, unit and digits, and whether it decides."""

    label: str
    unit: str
    decimals: int


GAPS = {
    "central": GapKind(label="Central thickness (decides)", unit="µm", decimals=1),
    "central_same_disease": GapKind(label="The same, within a disease", unit="µm", decimals=1),
    "grid": GapKind(label="Thickness of nine fields", unit="µm", decimals=1),
    "ssim": GapKind(label="SSIM", unit="", decimals=4),
}
"""Key of a record -> how it is read, in the order of the page."""


@dataclass(frozen=True, kw_only=True)
class PhotographView:
    """The section "Does it use the photograph?".

    Attributes:
        verdict: the answer of the deciding gap in one sentence.
        drawings: one a unit, gaps with their intervals around zero.
        lines: label, gap, p of the permutation test, what it rests on.
        unknown: label and reason of the gaps that were not computed.
    """

    verdict: str
    drawings: tuple[Forest, ...]
    lines: tuple[tuple[str, str, str, str], ...]
    unknown: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class MemorisationView:
    """The section "Does it repeat its training eyes?": a sentence and facts."""

    verdict: str
    facts: tuple[tuple[str, str], ...]


def view_photograph(result: Mapping[str, Any]) -> PhotographView | None:
    """The section of a record; None for a record from before the controls."""
    told = (result.get("controls") or {}).get("photograph_gap")
    if told is None:
        return None
    found = {name: told[name]["gap"] for name in GAPS if name in told and told[name]["gap"]}
    units = dict.fromkeys(GAPS[name].unit for name in found)
    return PhotographView(
        verdict=_gap_verdict(told["central"]),
        drawings=tuple(_draw({n: gap for n, gap in found.items() if GAPS[n].unit == unit}, unit) for unit in units),
        lines=tuple(_gap_line(GAPS[name], gap) for name, gap in found.items()),
        unknown=tuple(
            (kind.label, told[name]["reason"] or "not computed")
            for name, kind in GAPS.items()
            if name in told and name not in found
        ),
    )


def view_memorisation(result: Mapping[str, Any]) -> MemorisationView | None:
    """The section of a record; None for a record from before the controls."""
    told = (result.get("controls") or {}).get("memorisation")
    if told is None:
        return None
    facts = [("Volumes judged", str(told["cases"])), ("Training eyes compared with", str(told["training_cases"]))]
    if told["flagged"] is None:
        verdict = f"Not assessed: {told['reason']}."
    else:
        verdict = _copies_verdict(told["flagged"], told["cases"])
        facts += [("Copies or nearly so", str(told["flagged"])), ("Exact copies", str(told["exact_copies"]))]
    if told.get("flagged_real_eyes") is not None:
        facts.append(("False alarms", f"{told['flagged_real_eyes']} of the {told['cases']} real eyes themselves"))
    return MemorisationView(verdict=verdict, facts=(*facts, ("Version", told["version"])))


def _copies_verdict(flagged: int, cases: int) -> str:
    if flagged == 0:
        return "No volume lies so near to one training eye that it would be a copy of it."
    if flagged == 1:
        return f"1 of {cases} volumes lies so near to one training eye that it looks like a copy of it."
    return f"{flagged} of {cases} volumes lie so near to one training eye each that they look like copies."


def _gap_verdict(central: Mapping[str, Any]) -> str:
    if central["gap"] is None:
        return f"Not assessed: {central['reason']}."
    if central["gap"]["low"] > 0:
        return (
            "Yes, as far as the thickness of the centre shows: it fits the right eye better than other patients' eyes."
        )
    if central["gap"]["high"] < 0:
        return "It seems to read it the wrong way: the thickness of the centre fits other patients' eyes better."
    return "Not shown: the thickness of the centre fits the right eye no better than chance may make it."


def _draw(gaps: Mapping[str, Mapping[str, Any]], unit: str) -> Forest:
    marks = [_mark(GAPS[name], gap) for name, gap in gaps.items()]
    numbers = [number for gap in gaps.values() for number in (gap["low"], gap["value"], gap["high"])]
    return draw_forest(
        marks,
        linear_scale(numbers),
        caption=f"What the right photograph gains over another patient's{f', {unit}' if unit else ', SSIM'}: "
        "gap (dot), 95 % interval (bar)",
        below="photograph hurts",
        above="photograph helps",
    )


def _mark(kind: GapKind, gap: Mapping[str, Any]) -> Mark:
    told = f"{signed(gap['value'], kind.decimals)} {_bounds(gap, kind)}"
    return Mark(label=kind.label, told=told, value=gap["value"], low=gap["low"], high=gap["high"])


def _gap_line(kind: GapKind, gap: Mapping[str, Any]) -> tuple[str, str, str, str]:
    unit = f" {kind.unit}" if kind.unit else ""
    base = f"{counted(gap['n_cases'], 'eye')} of {counted(gap['n_patients'], 'patient')}"
    return kind.label, f"{signed(gap['value'], kind.decimals)}{unit} {_bounds(gap, kind)}", _p_text(gap["p"]), base


def _bounds(gap: Mapping[str, Any], kind: GapKind) -> str:
    return interval((gap["low"], gap["high"]), kind.decimals)


def _p_text(p: float) -> str:
    """A p-value with no more digits than a permutation test has.

    >>> _p_text(0.0004), _p_text(0.21)
    ('< 0.001', '0.210')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
