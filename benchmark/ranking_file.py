"""``ROOT/ranking.toml``: how the organiser makes the order of the boards, and which metrics get a column.

::

    rule = "mean-rank"
    metrics = ["fvd", "ssim", "central_thickness_error"]
    columns = ["fvd", "ssim", "psnr", "lpips"]

Without the file the ranking metric alone orders the boards. The direction of a metric is its card's, never the file's.
Read by the board and by `bench compare --all`; loads neither torch nor numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from fundus2oct.benchmark.strict_toml import Key, raise_all, read_toml, table_problems
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.metric_card import MetricCard

FILE_NAME = "ranking.toml"

RuleName = Literal["metric-order", "mean-rank", "median-rank"]
RULES: tuple[RuleName, ...] = get_args(RuleName)
METRIC_ORDER: RuleName = "metric-order"
"""The first metric decides; what prints alike is decided by the next."""
AGGREGATES: tuple[RuleName, ...] = ("mean-rank", "median-rank")
"""Rank in every metric, then the mean of the ranks (the Borda count) or their median."""


@dataclass(frozen=True, kw_only=True)
class RankingRule:
    """The organiser's rule.

    Attributes:
        metrics: names of the metrics that it rests on, in order.
        rule: how they make one order.
        columns: names of the metrics with a column on the board; None leaves it to the cards' roles.
    """

    metrics: tuple[str, ...]
    rule: RuleName = METRIC_ORDER
    columns: tuple[str, ...] | None = None

    @property
    def is_aggregate(self) -> bool:
        """Whether ranks of several metrics are put together, so that an entry's place depends on who else entered."""
        return self.rule in AGGREGATES


def _are_names(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


KEYS = {
    "rule": Key(str, f"one of {', '.join(RULES)}", lambda value: value in RULES, required=False),
    "metrics": Key(list, "names of metrics, each once", _are_names),
    "columns": Key(list, "names of metrics, each once", _are_names, required=False),
}


def read_ranking_rule(root: Path, cards: Sequence[MetricCard], default: str) -> RankingRule:
    """The organiser's rule, or the rule that orders by one metric where there is no file.

    Args:
        root: of the results.
        cards: of every metric that may be named.
        default: name of the metric that orders the boards without a file.

    Raises:
        BenchError: E_RANKING with what is wrong, or BenchErrors with all of it.
    """
    path = root / FILE_NAME
    if not path.exists():
        return RankingRule(metrics=(default,))
    document = read_toml(path, code="E_RANKING")
    raise_all(_problems(document, {card.name: card for card in cards}, path), path)
    columns = document.get("columns")
    return RankingRule(
        metrics=tuple(document["metrics"]),
        rule=document.get("rule", METRIC_ORDER),
        columns=None if columns is None else tuple(columns),
    )


def _problems(document: Mapping[str, Any], cards: Mapping[str, MetricCard], path: Path) -> Iterator[BenchError]:
    problems = list(table_problems(document, KEYS, where=path, code="E_RANKING"))
    yield from problems
    if problems:
        return
    for key in ("metrics", "columns"):
        for name in document.get(key, ()):
            if name not in cards:
                where, known = f"{path}, {key}", f"one of {', '.join(cards)}"
                yield BenchError("E_RANKING", "no such metric", where=where, expected=known, found=name)
    for name in document["metrics"]:
        if name in cards and cards[name].role == "diagnostic":
            fix = "put it among the columns instead"
            yield BenchError("E_RANKING", f"{name} is diagnostic and ranks nobody", where=f"{path}, metrics", fix=fix)
    if document.get("rule") in AGGREGATES and len(document["metrics"]) < 2:
        rule, found = document["rule"], ", ".join(document["metrics"])
        expected = "two metrics or more"
        yield BenchError("E_RANKING", f"{rule} of one metric", where=path, expected=expected, found=found)
