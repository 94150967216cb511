"""Why an entry is not eligible, for readers who do not know the tests: one plain sentence a reason.

The verdict is the scorer's; only its words are made plainer here, with the numbers of the record's `controls` table.
A reason that this file does not know is shown as it stands. Called by `leaderboard.ranking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fundus2oct.leaderboard.number_text import fixed, interval

GAP_REASON = "shuffled-fundus gap"
"""What the scorer's reason names when a refusal rests on the gap."""


def plain_reasons(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The reasons of a record that is not eligible, in the record's order."""
    reasons = result["eligible"]["reasons"] or ["not eligible; the result gives no reason"]
    return tuple(_plain_reason(reason, result) for reason in reasons)


def _plain_reason(reason: str, result: Mapping[str, Any]) -> str:
    gap = (result.get("controls") or {}).get("photograph_gap", {}).get("central", {}).get("gap")
    if GAP_REASON not in reason or gap is None:
        return reason
    gained = f"{fixed(gap['value'], 1)} µm {interval((gap['low'], gap['high']), 1)}"
    return (
        f"it may ignore the photograph, since its central thickness fits the right eye only {gained} better than other "
        "patients' eyes"
    )
