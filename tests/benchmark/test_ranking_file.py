"""`ranking.toml`: what it may say, what it says when it is not there, and every mistake in it named."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundus2oct.benchmark.ranking_file import RankingRule, read_ranking_rule
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.errors import BenchError, BenchErrors


def read(tmp_path: Path, text: str | None) -> RankingRule:
    if text is not None:
        (tmp_path / "ranking.toml").write_text(text, "utf-8")
    return read_ranking_rule(tmp_path, CARDS, "fvd")


def test_without_a_file_the_ranking_metric_alone_orders(tmp_path: Path) -> None:
    assert read(tmp_path, None) == RankingRule(metrics=("fvd",), rule="metric-order", columns=None)


def test_the_order_of_metrics_is_the_rule_where_none_is_named(tmp_path: Path) -> None:
    rule = read(tmp_path, 'metrics = ["ssim", "fvd"]')
    assert (rule.rule, rule.metrics, rule.is_aggregate) == ("metric-order", ("ssim", "fvd"), False)


def test_ranks_of_several_metrics_are_put_together(tmp_path: Path) -> None:
    rule = read(tmp_path, 'rule = "mean-rank"\nmetrics = ["fvd", "ssim"]\ncolumns = ["psnr", "sharpness_error"]')
    assert rule == RankingRule(metrics=("fvd", "ssim"), rule="mean-rank", columns=("psnr", "sharpness_error"))
    assert rule.is_aggregate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('metrics = ["fvd"]\nmetric = 1', "unknown key 'metric'"),
        ('rule = "mean-rank"', "key 'metrics' is missing"),
        ('rule = "borda"\nmetrics = ["fvd", "ssim"]', "one of metric-order, mean-rank, median-rank"),
        ('metrics = ["fvd", "fvd"]', "each once"),
        ("metrics = []", "each once"),
        ('metrics = "fvd"', "names of metrics"),
        ('metrics = ["fdv"]', "no such metric"),
        ('metrics = ["fvd"]\ncolumns = ["nothing"]', "no such metric"),
        ('metrics = ["fvd", "sharpness_error"]', "sharpness_error is diagnostic"),
        ('rule = "median-rank"\nmetrics = ["fvd"]', "median-rank of one metric"),
        ("metrics = [", "not valid TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(BenchError) as caught:
        read(tmp_path, text)
    assert caught.value.code == "E_RANKING"
    assert expected in str(caught.value)
    assert "ranking.toml" in str(caught.value)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BenchErrors) as caught:
        read(tmp_path, 'metrics = ["fdv", "sism"]')
    assert [problem.found for problem in caught.value.problems] == ["fdv", "sism"]
