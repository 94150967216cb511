"""What the page of an entry says about who checked its record, as one sentence an attestation.

The harness writes the attestations; nothing is checked here but that they lie beside the right bytes, which
`results_tree` has done. Called by `leaderboard.entry_view`.
"""

from __future__ import annotations

from fundus2oct.benchmark.attestation_file import Attestation
from fundus2oct.leaderboard.number_text import counted
from fundus2oct.leaderboard.ranking import Row


def view_trust(row: Row) -> tuple[str, ...]:
    """One line an attestation of the record that counts; what to think where there is none; empty for controls."""
    lines = [_line(attestation) for attestation in row.entry.records[-1].attestations]
    if not lines and not row.is_control:
        return ("nobody yet: the numbers are self-reported",)
    return tuple(lines)


def _line(attestation: Attestation) -> str:
    by = f"by {attestation['who']}, {attestation['when'][:10]}"
    if attestation["kind"] == "organiser-run":
        return f"Generated and scored {by}."
    if attestation["kind"] == "signed":
        signature = attestation["signature"] or {}
        told = (
            f"{signature.get('identity', 'nobody named')}, {signature.get('scheme', '')} key {signature.get('key', '')}"
        )
        return f"Signed by {told}; checked {by}."
    verb = "Reproduced" if attestation["outcome"] == "reproduced" else "Not reproduced"
    return f"{verb} {by}{_cases(attestation)}."


def _cases(attestation: Attestation) -> str:
    """What was compared, such as ": 5 cases generated again, 4 equal, 1 within the declared tolerance"."""
    parts = []
    if cases := attestation["cases"]:
        parts.append(f"{counted(cases['regenerated'], 'case')} generated again, {cases['equal']} equal")
        if cases["within_tolerance"]:
            grey = (attestation["tolerance"] or {}).get("grey", 0)
            parts.append(f"{cases['within_tolerance']} within the declared tolerance of {grey} grey levels")
        if cases["differing"]:
            parts.append(f"{cases['differing']} differing")
    if attestation["rescored"] is not None:
        parts.append("scored again: equal" if attestation["rescored"] else "scored again: different")
    return f": {', '.join(parts)}" if parts else ""
