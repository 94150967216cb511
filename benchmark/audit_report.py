"""The table of an audit as Markdown, for docs/audit.md: ``python -m fundus2oct.benchmark.audit_report FILE``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.audit_file import Audit, read_audit

COLUMNS = 6
"""Metrics side by side; a page has no room for more."""

FORMS = {
    "reacts as declared": "**{}** r",
    "ignores as declared": "**{}** i",
    "worse": "{}",
    "no change": "{} =",
    "better": "{} +",
    "broken": "**{}** broken",
    "not computed": "–",
}


def report_text(document: Audit) -> str:
    """Markdown tables: degradations down, metrics across, a few metrics a table."""
    shown = [metric for metric in map(document["metrics"].get, document["order"]) if metric["truth_copy"] is not None]
    blocks = [shown[start : start + COLUMNS] for start in range(0, len(shown), COLUMNS)]
    return "\n".join("\n".join(_table(document, block)) + "\n" for block in blocks)


def _table(document: Audit, metrics: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield _row("strongest dose of", [metric["abbreviation"] for metric in metrics])
    yield _row("---", ["---:" for _ in metrics])
    yield _row("nothing: copy of the truth", [number_text(metric, metric["truth_copy"]) for metric in metrics])
    yield _row("other real eyes", [number_text(metric, metric["real_vs_real"]) for metric in metrics])
    for fault in document["degradations"]:
        found = [(metric, metric["degradations"][fault["name"]]) for metric in metrics]
        yield _row(fault["name"], [FORMS[f["verdict"]].format(number_text(m, f["values"][-1])) for m, f in found])


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


def number_text(metric: dict[str, Any], value: float | None) -> str:
    """A value with its metric's decimals; no minus before a zero.

    >>> number_text({"decimals": 1}, -0.01), number_text({"decimals": 1}, None)
    ('0.0', 'none')
    """
    return "none" if value is None else f"{round(value, metric['decimals']) + 0.0:.{metric['decimals']}f}"


if __name__ == "__main__":
    sys.stdout.write(report_text(read_audit(Path(sys.argv[1]))))
