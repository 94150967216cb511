"""The anatomy of one entry as readers see it: thickness by zone, who is found thickened, B-scans without a retina.

From the record's `anatomy` table alone; nothing is measured here. Called by the view of an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fundus2oct.leaderboard.forest_drawing import Forest, Mark, draw_forest, linear_scale
from fundus2oct.leaderboard.number_text import counted, fixed, interval, percent, plain, rounded_percent, signed

ZONES = {
    "central": "Central subfield, to 0.5 mm",
    "inner": "Inner ring, 0.5 to 1.5 mm",
    "outer": "Outer ring, 1.5 to 3 mm",
}
"""Zone of a record -> its name, with the distances from the centre of the scan."""

NONE = "–"


@dataclass(frozen=True, kw_only=True)
class ZoneLine:
    """One zone of the retina: how the drawn thickness agrees with the true one, as text."""

    name: str
    n: str
    n_failed: str
    bias: str
    limits: str
    mae: str
    skill: str
    skill_mean_volume: str
    calibration_slope: str
    response_slope: str


@dataclass(frozen=True, kw_only=True)
class DetectionLine:
    """Eyes that are truly thickened, or truly not: how they were drawn, and the share that was drawn right."""

    name: str
    drawn_thick: str
    drawn_thin: str
    share_name: str
    share: str
    interval: str


@dataclass(frozen=True, kw_only=True)
class DetectionView:
    """Whether thickened centres would be found in the generated volumes."""

    threshold: str
    lines: tuple[DetectionLine, ...]
    failed: str


@dataclass(frozen=True, kw_only=True)
class AnatomyView:
    """The section "Anatomy" of an entry.

    Attributes:
        reason: why nothing was measured; empty when something was.
        sentences: the centre's numbers in words.
        drawing: bias and limits of agreement of every zone; None without a zone.
        zones: the table of zones.
        reference: what the skill is measured against.
        detection: the table of thickened eyes, or None.
        missing_bscans: share of generated B-scans without a retina; empty when unknown.
        version: of the segmentation.
    """

    reason: str
    sentences: tuple[str, ...]
    drawing: Forest | None
    zones: tuple[ZoneLine, ...]
    reference: str
    detection: DetectionView | None
    missing_bscans: str
    version: str


def view_anatomy(result: Mapping[str, Any]) -> AnatomyView | None:
    """The section of a record; None for a record from before anatomy was measured."""
    told = result.get("anatomy")
    if told is None:
        return None
    zones = {name: told["zones"][name] for name in ZONES if name in (told.get("zones") or {})}
    missing = told.get("missing_bscans")
    return AnatomyView(
        reason=told.get("reason") or "",
        sentences=tuple(_sentences(zones["central"])) if "central" in zones else (),
        drawing=_draw(zones) if zones else None,
        zones=tuple(_zone_line(ZONES[name], zone) for name, zone in zones.items()),
        reference=told.get("reference") or "",
        detection=_view_detection(told["detection"]) if told.get("detection") else None,
        missing_bscans="" if missing is None else rounded_percent(missing),
        version=told.get("version") or "",
    )


def _sentences(central: Mapping[str, Any]) -> list[str]:
    """Bias, limits and error of the centre in words, each only where it was computed."""
    bias = central["bias"]
    way = "too thick" if bias > 0 else "too thin"
    sentences = [f"On average the centre is drawn {fixed(abs(bias), 1)} µm {way}."]
    if fixed(bias, 1) == fixed(0.0, 1):
        sentences = ["On average the centre is drawn as thick as it is."]
    if central["lower_limit"] is not None:
        limits = f"{signed(central['lower_limit'], 0)} and {signed(central['upper_limit'], 0)} µm"
        sentences.append(f"For about 95 % of eyes the difference lies between {limits}.")
    error = f"The mean absolute error is {fixed(central['mae'], 1)} µm"
    skill = central["skill"]
    if skill is None:
        return [*sentences, f"{error}."]
    less = f"{rounded_percent(abs(skill))} {'less' if skill > 0 else 'more'} than"
    return [*sentences, f"{error}: {less} giving every eye the mean thickness of the training eyes."]


def _draw(zones: Mapping[str, Mapping[str, Any]]) -> Forest:
    marks = [_mark(ZONES[name], zone) for name, zone in zones.items()]
    numbers = [number for mark in marks for number in (mark.low, mark.value, mark.high) if number is not None]
    return draw_forest(
        marks,
        linear_scale(numbers),
        caption="Drawn minus true thickness, µm: mean over eyes (dot), limits of agreement (bar)",
        below="drawn too thin",
        above="drawn too thick",
    )


def _mark(name: str, zone: Mapping[str, Any]) -> Mark:
    low, high = zone["lower_limit"], zone["upper_limit"]
    limits = "" if low is None else f" {_limits(low, high)}"
    return Mark(label=name, told=f"{signed(zone['bias'], 1)}{limits}", value=zone["bias"], low=low, high=high)


def _limits(low: float, high: float) -> str:
    return f"[{signed(low, 0)}, {signed(high, 0)}]"


def _zone_line(name: str, zone: Mapping[str, Any]) -> ZoneLine:
    return ZoneLine(
        name=name,
        n=plain(zone["n"]),
        n_failed=plain(zone["n_failed"]),
        bias=signed(zone["bias"], 1),
        limits=NONE if zone["lower_limit"] is None else _limits(zone["lower_limit"], zone["upper_limit"]),
        mae=fixed(zone["mae"], 1),
        skill=_two(zone["skill"]),
        skill_mean_volume=_two(zone["skill_mean_volume"]),
        calibration_slope=_two(zone["calibration_slope"]),
        response_slope=_two(zone["response_slope"]),
    )


def _two(value: float | None) -> str:
    return NONE if value is None else fixed(value, 2)


def _view_detection(told: Mapping[str, Any]) -> DetectionView:
    threshold = f"{plain(told['threshold_um'])} µm"
    thick = _detection_line(
        f"Truly {threshold} or more",
        told["true_positives"],
        told["false_negatives"],
        "Sensitivity",
        told["sensitivity"],
    )
    thin = _detection_line(
        f"Truly below {threshold}", told["false_positives"], told["true_negatives"], "Specificity", told["specificity"]
    )
    failed = told["failed"]
    note = f"{counted(failed, 'eye')} without a drawn thickness counted as a wrong answer." if failed else ""
    return DetectionView(threshold=threshold, lines=(thick, thin), failed=note)


def _detection_line(
    name: str, drawn_thick: int, drawn_thin: int, share_name: str, share: Mapping[str, Any]
) -> DetectionLine:
    is_known = share["value"] is not None
    bounds = (share["low"], share["high"])
    return DetectionLine(
        name=name,
        drawn_thick=str(drawn_thick),
        drawn_thin=str(drawn_thin),
        share_name=share_name,
        share=f"{share['hits']} of {share['n']}, {percent(round(share['value'], 3))}" if is_known else "no such eye",
        interval="" if None in bounds else interval([bound * 100 for bound in bounds], 0),
    )
