"""What the audit page shows: each metric's values under known faults, in words and as small multiples.

The audit itself is made by `bench audit` and read from its file; no metric is computed and no verdict changed here.
Called by `leaderboard.pages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from fundus2oct.benchmark.audit_file import find_audits, read_audit
from fundus2oct.leaderboard.audit_drawing import Scale, draw_panel, make_scale
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.number_text import counted, fixed, plain
from fundus2oct.leaderboard.safe_text import visible_everywhere

Audit = dict[str, Any]

SHORT_WORDS = {"reacts as declared": "reacts", "ignores as declared": "ignores", "not computed": "–"}
"""Verdicts as narrow places have them; the others are short already."""

OPEN_ROLES = ("headline",)
"""Metrics whose panels are open when the page is."""


@dataclass(frozen=True, kw_only=True)
class CellView:
    """One metric under one degradation at its strongest dose."""

    value: str
    word: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class PanelView:
    """One small drawing with its words."""

    title: str
    doses: str
    verdict: str
    kind: str
    value: str
    drawing: Markup


@dataclass(frozen=True, kw_only=True)
class MetricView:
    """One row of the table, and its panels; ``other_version`` is empty where the board has the audited version."""

    name: str
    title: str
    abbreviation: str
    version: str
    other_version: str
    direction: str
    is_open: bool
    truth: str
    real: str
    tolerance: str
    cells: tuple[CellView, ...]
    panels: tuple[PanelView, ...]
    promises: str
    broken: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AuditView:
    """Everything the template of the audit page shows beside the board itself."""

    audit: Audit
    size: str
    verdict: str
    degradations: tuple[dict[str, Any], ...]
    metrics: tuple[MetricView, ...]
    absent: tuple[tuple[str, str], ...]
    films: tuple[tuple[str, str], ...]
    pixels: tuple[tuple[str, str], ...]
    crop: tuple[tuple[str, str], ...]
    rules: tuple[str, ...]


def read_audits(root: Path) -> tuple[Audit, ...]:
    """Every audit filed below a root of results.

    Raises:
        BenchError: what is wrong with a file, naming it.
    """
    return tuple(visible_everywhere(read_audit(path)) for path in find_audits(root))


def audit_of(board: Board, audits: Sequence[Audit]) -> Audit | None:
    """The audit made on the truth of ``board``; None where there is none."""
    wanted = (board.dataset["truth_hash"], board.dataset["split"])
    found = [a for a in audits if (a["dataset"]["truth_hash"], a["dataset"]["split"]) == wanted]
    return found[0] if found else None


def view_audit(audit: Audit, board: Board) -> AuditView:
    """Turn an audit into text and drawings."""
    faults = audit["degradations"]
    roles = {card.name: card.role for card in board.cards}
    versions = board.any_result["protocol"]["metric_versions"]
    named = [(name, audit["metrics"][name]) for name in audit["order"]]
    shown = [(name, metric) for name, metric in named if metric["truth_copy"] is not None]
    findings = audit["findings"]
    return AuditView(
        audit=audit,
        size=_size(audit["dataset"]),
        verdict=_verdict(audit),
        degradations=tuple(faults),
        metrics=tuple(_metric(n, m, faults, roles.get(n, ""), versions.get(n, m["version"])) for n, m in shown),
        absent=tuple((m["title"], m["reason"] or "") for _, m in named if m["truth_copy"] is None),
        films=_taus(findings["films"]["tau"]) if findings["films"] else (),
        pixels=_taus({f"FVD and {_abbreviation(audit, n)}": t for n, t in findings["pixels_against_fvd"].items()}),
        crop=_shares({_abbreviation(audit, name): share for name, share in findings["crop"].items()}),
        rules=tuple(audit["rules"].values()),
    )


def _size(dataset: Mapping[str, Any]) -> str:
    eyes = f"{counted(dataset['n_cases'], 'eye')} of {counted(dataset['n_patients'], 'patient')}"
    return eyes if dataset["n_cases"] == dataset["cases_in_split"] else f"{eyes}, of {dataset['cases_in_split']} eyes"


def _verdict(audit: Audit) -> str:
    measured = [metric for metric in audit["metrics"].values() if metric["truth_copy"] is not None]
    names = {fault["name"] for fault in audit["degradations"]}
    promises = sum(len(names & {*metric["reacts_to"], *metric["ignores"]}) for metric in measured)
    kept = f"{counted(promises, 'declaration')} of {counted(len(measured), 'metric')}"
    if not audit["broken"]:
        return f"All {kept} were kept."
    return f"{counted(len(audit['broken']), 'promise')} broken, beside {kept}."


def _metric(
    name: str, metric: Mapping[str, Any], faults: Sequence[dict[str, Any]], role: str, board_version: str
) -> MetricView:
    decimals = metric["decimals"]
    scale = _scale(metric)
    return MetricView(
        name=name,
        title=metric["title"],
        abbreviation=metric["abbreviation"],
        version=metric["version"],
        other_version="" if board_version == metric["version"] else board_version,
        direction=metric["direction"],
        is_open=role in OPEN_ROLES,
        truth=fixed(metric["truth_copy"], decimals),
        real="" if metric["real_vs_real"] is None else fixed(metric["real_vs_real"], decimals),
        tolerance=f"{plain(metric['tolerance'])} {metric['unit']}".strip(),
        cells=tuple(_cell(metric, fault) for fault in faults),
        panels=tuple(_panel(metric, fault, scale) for fault in faults),
        promises=_promises(metric, faults),
        broken=tuple(metric["broken"]),
    )


def _cell(metric: Mapping[str, Any], fault: Mapping[str, Any]) -> CellView:
    found = metric["degradations"][fault["name"]]
    word = found["verdict"]
    return CellView(value=_last(metric, found["values"]), word=SHORT_WORDS.get(word, word), kind=_kind(word))


def _panel(metric: Mapping[str, Any], fault: Mapping[str, Any], scale: Scale) -> PanelView:
    found = metric["degradations"][fault["name"]]
    declared = fault["name"] in (*metric["reacts_to"], *metric["ignores"])
    doses = ", ".join(plain(dose) for dose in fault["doses"])
    word = found["verdict"]
    drawing = draw_panel(
        [None if value is None else _harm(metric, value) for value in found["values"]],
        scale,
        tolerance=metric["tolerance"],
        reference=None if metric["real_vs_real"] is None else _harm(metric, metric["real_vs_real"]),
        is_declared=declared,
        label=_label(metric, fault, found["values"]),
    )
    return PanelView(
        title=fault["title"],
        doses=f"{fault['unit']}: {doses}",
        verdict=SHORT_WORDS.get(word, word),
        kind=_kind(word),
        value=_last(metric, found["values"]),
        drawing=drawing,
    )


def _label(metric: Mapping[str, Any], fault: Mapping[str, Any], values: Sequence[float | None]) -> str:
    told = ", ".join(
        f"{_number(metric, value)} at {plain(dose)}" for dose, value in zip(fault["doses"], values, strict=True)
    )
    real = "" if metric["real_vs_real"] is None else f"; other real eyes {_number(metric, metric['real_vs_real'])}"
    name, truth = metric["abbreviation"], _number(metric, metric["truth_copy"])
    return f"{name} under {_in_sentence(fault['title'])} ({fault['unit']}): {told}; copy of the truth {truth}{real}"


def _promises(metric: Mapping[str, Any], faults: Sequence[Mapping[str, Any]]) -> str:
    titles = {fault["name"]: _in_sentence(fault["title"]) for fault in faults}
    parts = []
    for key, verb in (("reacts_to", "must react to"), ("ignores", "must ignore")):
        names = [title for name, title in titles.items() if name in metric[key]]
        if names:
            parts.append(f"{verb} {', '.join(names)}")
    return "; ".join(parts) or "declares nothing of these faults"


def _scale(metric: Mapping[str, Any]) -> Scale:
    values = [v for found in metric["degradations"].values() for v in found["values"] if v is not None]
    real = [] if metric["real_vs_real"] is None else [metric["real_vs_real"]]
    return make_scale([_harm(metric, value) for value in [*values, *real]])


def _harm(metric: Mapping[str, Any], value: float) -> float:
    """How much worse than the truth copy."""
    difference = float(value - metric["truth_copy"])
    return difference if metric["direction"] == "lower" else -difference


def _last(metric: Mapping[str, Any], values: Sequence[float | None]) -> str:
    return _number(metric, values[-1] if values else None)


def _number(metric: Mapping[str, Any], value: float | None) -> str:
    return "none" if value is None else fixed(value, metric["decimals"])


def _in_sentence(title: str) -> str:
    """A title in the middle of a sentence: ``Blur`` as ``blur``, but ``JPEG`` and ``B-scan shuffle`` as they are."""
    return title if title[1:2].isupper() or title[1:2] == "-" else title[:1].lower() + title[1:]


def _kind(verdict: str) -> str:
    """The stylesheet's class for a verdict."""
    return {"reacts as declared": "kept", "ignores as declared": "kept", "broken": "broken"}.get(verdict, "told")


def _abbreviation(audit: Audit, name: str) -> str:
    return str(audit["metrics"][name]["abbreviation"]) if name in audit["metrics"] else name


def _taus(taus: Mapping[str, float | None]) -> tuple[tuple[str, str], ...]:
    names = {"fvd": "16 blended frames", "fvd_repeat3": "each B-scan three times", "fvd_closed": "closed half turn"}
    return tuple((_renamed(pair, names), fixed(tau, 2)) for pair, tau in sorted(taus.items()) if tau is not None)


def _renamed(pair: str, names: Mapping[str, str]) -> str:
    return " and ".join(names.get(name, name) for name in pair.split(" and "))


def _shares(shares: Mapping[str, float | None]) -> tuple[tuple[str, str], ...]:
    return tuple((name, f"{share * 100:.0f}\N{NO-BREAK SPACE}%") for name, share in shares.items() if share is not None)
