"""Does a metric keep what its card promises? Rules from values to verdicts; pure, no dataset, no scoring.

A card declares beforehand which degradations must make its value worse and which it must ignore. The rules below are
printed into every audit file. Called by `benchmark.audit_file`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.benchmark.audit import Trial, Value
from fundus2oct.benchmark.degradations import Degradation
from fundus2oct.metrics.metric_card import MetricCard

RULES = {
    "reacts": (
        "declared to react: at the strongest dose the value is worse than the truth copy's by more than the metric's "
        "tolerance, and no less so than at the mildest dose, for a metric may be at its worst before"
    ),
    "ignores": "declared to ignore: at every dose the value is within the tolerance of the truth copy's",
    "finite": "every dose has a finite value that rests on as many cases as the truth copy's",
    "best": "a copy of the truth has the card's best value, and no degradation beats it by more than the tolerance, "
    "unless the card promises neither, or is an unbiased estimate that can fall below its best",
    "constant": "a volume of plain grey is worse than a copy of the truth by more than the tolerance",
}

EXACT = 1e-6
"""Share of the best value, at least of 1, by which a copy of the truth may miss it: rounding."""

REACTS, IGNORES, WORSE, ALIKE, BETTER, BROKEN, ABSENT = (
    "reacts as declared",
    "ignores as declared",
    "worse",
    "no change",
    "better",
    "broken",
    "not computed",
)


@dataclass(frozen=True)
class Verdict:
    """What one metric did under one degradation.

    Attributes:
        word: one of the words above; ``worse``, ``no change`` and ``better`` where nothing was declared.
        broken: which promise was broken and how, one sentence each; empty when all were kept.
    """

    word: str
    broken: tuple[str, ...] = ()


def judge_truth(card: MetricCard, truth: Value) -> list[str]:
    """What is wrong with the value of a copy of the truth; a metric without weights has none, and is not at fault."""
    if truth.value is None:
        return [f"{card.name} of a copy of the truth is {truth.reason}"] if truth.reason == NOT_FINITE else []
    if card.copy_is_best and abs(truth.value - card.best) > EXACT * max(1.0, abs(card.best)):
        return [f"{card.name} of a copy of the truth is {truth.value:.6g}, its best value is {card.best:g}"]
    return []


def judge(card: MetricCard, degradation: Degradation, truth: Value, values: Sequence[Value]) -> Verdict:
    """The verdict on one metric under one degradation.

    Args:
        card: with its declarations.
        degradation: the fault.
        truth: the value of a copy of the truth.
        values: one a dose, from mild to strong.
    """
    if truth.value is None:
        return Verdict(ABSENT)
    missing = [_missing(card, degradation, dose, truth, v) for dose, v in zip(degradation.doses, values, strict=True)]
    if problems := [problem for problem in missing if problem]:
        return Verdict(BROKEN, tuple(problems))
    harm = [harm_of(card, truth.value, value.value) for value in values if value.value is not None]
    problems = [*_universal(card, degradation, harm), *_declared(card, degradation, harm)]
    return Verdict(BROKEN, tuple(problems)) if problems else Verdict(_word(card, degradation, harm[-1]))


def harm_of(card: MetricCard, truth: float, value: float) -> float:
    """How much worse than the truth copy, in the metric's unit; negative when better."""
    return value - truth if card.direction == "lower" else truth - value


def judge_trial(trial: Trial) -> dict[str, dict[str, Verdict]]:
    """Metric -> degradation -> verdict."""
    return {
        card.name: {
            fault.name: judge(card, fault, trial.truth[card.name], trial.degraded[fault.name].get(card.name, ()))
            for fault in trial.degradations
        }
        for card in trial.cards
    }


NOT_FINITE = "not a finite number"


def _missing(card: MetricCard, fault: Degradation, dose: float, truth: Value, value: Value) -> str | None:
    where = f"{card.name} under {fault.name} {dose:g}"
    if value.value is None:
        return f"{where}: no value, {value.reason}"
    if value.n_cases != truth.n_cases:
        return f"{where}: {value.n_cases} cases have a value, {truth.n_cases} of the truth's do"
    return None


def _universal(card: MetricCard, fault: Degradation, harm: Sequence[float]) -> list[str]:
    found = []
    if card.copy_is_best and not card.is_signed and min(harm) < -card.tolerance:
        found.append(f"{card.name} under {fault.name} is better than for a copy of the truth by {-min(harm):.4g}")
    if fault.name == "constant" and harm[-1] <= card.tolerance:
        found.append(f"{card.name} of plain grey is no worse than of a copy of the truth: {harm[-1]:.4g} worse")
    return found


def _declared(card: MetricCard, fault: Degradation, harm: Sequence[float]) -> list[str]:
    if fault.name in card.reacts_to:
        if harm[-1] <= card.tolerance:
            told = f"{harm[-1]:.4g} worse at the strongest dose, tolerance {card.tolerance:g}"
            return [f"{card.name} must react to {fault.name} and does not: {told}"]
        if harm[-1] < harm[0]:
            told = f"{harm[0]:.4g} worse at the mildest dose, {harm[-1]:.4g} at the strongest"
            return [f"{card.name} must react to {fault.name} in order: {told}"]
    if fault.name in card.ignores and (most := max(harm, key=abs)) and abs(most) > card.tolerance:
        change = f"{abs(most):.4g} {'worse' if most > 0 else 'better'}"
        return [f"{card.name} must ignore {fault.name} and does not: {change}, tolerance {card.tolerance:g}"]
    return []


def _word(card: MetricCard, fault: Degradation, harm: float) -> str:
    if fault.name in card.reacts_to:
        return REACTS
    if fault.name in card.ignores:
        return IGNORES
    if abs(harm) <= card.tolerance:
        return ALIKE
    return WORSE if harm > 0 else BETTER
