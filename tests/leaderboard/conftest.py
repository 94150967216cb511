"""Made results for the tests of the board: valid records with chosen numbers, filed as the scorer files them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from full_records import complete
from made_audits import make_audit
from made_comparisons import compared, file_comparisons, with_matched
from shown_pictures import Shown, write_shown

from fundus2oct.benchmark.audit_file import filed_path, write_audit
from fundus2oct.benchmark.result_file import SCHEMA_NAME, SCHEMA_VERSION, Result, publish_result
from fundus2oct.leaderboard.board import Board, make_boards
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.metric_card import MetricCard

FVD = dataclasses.replace(
    catalogue.card("fvd"),
    abbreviation="FVD",
    direction="lower",
    best=0.0,
    decimals=1,
    version="fvd-v1",
    parameters={"network": "a stand-in", "frames": "16"},
    description=("A first paragraph.", "A second one."),
    formula="FVD = |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½)",
    traps=("It rewards sameness.", "It cannot see the photograph."),
)
SSIM = dataclasses.replace(
    catalogue.card("ssim"),
    abbreviation="SSIM",
    direction="higher",
    worst=-1.0,
    decimals=4,
    version="ssim-v1",
    formula="SSIM = …",
    traps=("Blur gains.",),
    source="Somebody, 2004",
)
PSNR = dataclasses.replace(catalogue.card("psnr"), abbreviation="PSNR", decimals=2, version="psnr-v1")
CARDS = (FVD, SSIM, PSNR)


def digest(text: str) -> str:
    """A made-up hash that depends on ``text``."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def measured(card: MetricCard, value: float | None, *, spread: float = 0.0) -> dict[str, Any]:
    """One metric of a record; an interval of +- ``spread`` unless it is 0."""
    uncertainty = None
    if value is not None and spread:
        uncertainty = {
            "method": "delete-one-patient jackknife" if card.level == "set" else "bootstrap by patient",
            "standard_error": spread / 2,
            "level": 0.95,
            "interval": [value - spread, value + spread],
            "estimand": f"expected {card.abbreviation} at this number of patients",
        }
    return {
        "version": card.version,
        "value": value,
        "reason": "the feature network was not installed" if value is None else None,
        "n_cases": 24,
        "n_patients": 12,
        "uncertainty": uncertainty,
    }


PLAIN: dict[str, Any] = {
    "team": "team-a",
    "kind": "submission",
    "title": "",
    "description": "What it does.",
    "links": [],
    "spread": 0.0,
    "ssim": 0.31,
    "psnr": 17.5,
    "failed": 0,
    "eligible": None,
    "reasons": [],
    "truth": "truth",
    "split": "test",
    "phase": "demo",
    "dataset_version": "1.0",
    "dataset_title": "Retinal phantom, mini",
    "isolation": "bubblewrap",
    "flags": [],
    "cards": CARDS,
}
"""A plain submission without a failure."""


def dataset_table(given: dict[str, Any]) -> dict[str, Any]:
    """The `dataset` table of a record."""
    return {
        "name": "phantom-mini",
        "version": given["dataset_version"],
        "title": given["dataset_title"],
        "description": "Made eyes with one hidden anatomy behind photograph and OCT. A software benchmark, not "
        "clinical evidence.",
        "licence": "CC0-1.0",
        "pictures_may_be_published": True,
        "split": given["split"],
        "inputs_hash": digest(f"inputs {given['truth']}"),
        "truth_hash": digest(given["truth"]),
        "n_cases": 24,
        "n_patients": 12,
    }


def make_result(method: str, fvd: float | None, **changes: Any) -> Result:
    """A valid record; ``changes`` name what differs from a plain submission without a failure."""
    given = dict(PLAIN)
    unknown = changes.keys() - given.keys()
    if unknown:
        raise TypeError(f"unknown changes: {sorted(unknown)}")
    given |= changes
    fvd_card, ssim_card, psnr_card = given["cards"]
    metrics = {
        "fvd": measured(fvd_card, fvd, spread=given["spread"]),
        "ssim": measured(ssim_card, given["ssim"], spread=0.0 if fvd == 0 else 0.012),
        "psnr": measured(psnr_card, given["psnr"], spread=0.0 if fvd == 0 else 0.34),
    }
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "entry": {
            "team": given["team"],
            "method": method,
            "kind": given["kind"],
            "title": given["title"],
            "description": given["description"],
            "licence": "Apache-2.0",
            "external_data": "",
            "links": given["links"],
        },
        "phase": given["phase"],
        "dataset": dataset_table(given),
        "protocol": {
            "container": "raw",
            "failure_policy": "A missing or failed case gets each case metric's declared worst value, and enters set "
            "metrics as an all-black volume. A run with more than 5 % failed cases is not ranked.",
            "headline_mean": "B-scans -> eye -> patient -> mean over patients",
            "metric_versions": {name: m["version"] for name, m in metrics.items()},
        },
        "run": {
            "generator": f"fundus2oct.baselines.{method.replace('-', '_')}:make_generator",
            "generator_hash": digest(f"generator {method}"),
            "seed": 0,
            "volumes_hash": digest(f"volumes {method} {fvd}"),
            "isolation": given["isolation"],
            "versions": {"numpy": "2.1.0", "python": "3.11.7"},
        },
        "cases": {
            "expected": 24,
            "scored": 24 - given["failed"],
            "failed": given["failed"],
            "failures": {"E_MISSING": given["failed"]} if given["failed"] else {},
        },
        "metrics": metrics,
        "eligible": {"value": given["eligible"], "reasons": given["reasons"]},
        "flags": given["flags"],
        "sample": None,
        "versions": {"fundus2oct": "0.1.0", "torch": "2.6.0"},
    }


def realistic_results() -> list[Result]:
    """The rows of a demo board, and a few submissions."""
    real = {"team": "oracle", "isolation": "not-applicable"}
    ours = {"team": "baselines", "isolation": "none"}
    return [
        make_result("truth-copy", 0.0, kind="oracle", title="Copy of the truth", ssim=1.0, psnr=60.0, **real),
        make_result(
            "real-vs-real", 90.3, kind="oracle", title="Other real eyes", spread=14.2, ssim=0.2143, psnr=14.02, **real
        ),
        make_result(
            "truth-blurred",
            412.7,
            kind="degraded-truth",
            title="Blurred truth",
            spread=22.0,
            ssim=0.5312,
            psnr=20.11,
            **real,
        ),
        make_result("nearest-fundus", 100.4, kind="trivial", title="Nearest fundus", spread=15.1, ssim=0.2291, **ours),
        make_result("random-train", 110.2, kind="trivial", title="Random training eye", spread=16.0, ssim=0.21, **ours),
        make_result("ridge", 603.8, kind="baseline", title="Ridge regression", spread=31.5, ssim=0.4421, **ours),
        make_result("mean-volume", 905.6, kind="trivial", title="Mean volume", spread=28.1, ssim=0.4713, **ours),
        make_result(
            "constant",
            2511.0,
            kind="trivial",
            title="Constant grey",
            spread=40.2,
            ssim=0.1012,
            psnr=11.8,
            flags=["constant-volumes"],
            **ours,
        ),
    ]


def submitted_results() -> list[Result]:
    """Strangers' entries: a good one, a close second, a refused one, a failing one and one without a number."""
    return [
        make_result(
            "latent-diffusion",
            214.6,
            team="retina-lab",
            title="Latent diffusion with sibling attention",
            spread=18.0,
            eligible=True,
            links=["https://arxiv.org/abs/2506.07542"],
        ),
        make_result("flow", 231.9, team="octave", title="Flow matching", spread=21.0, eligible=True, failed=1),
        make_result(
            "memory",
            96.0,
            team="copycats",
            title="Memory",
            spread=14.0,
            eligible=False,
            reasons=["the lower 97.5 % bound of its shuffled-fundus gap is not above zero"],
        ),
        make_result("fast-gan", 180.0, team="haste", title="Fast GAN", spread=30.0, failed=3, isolation="reduced"),
        make_result("crash", None, team="haste", title="Crash test", failed=0),
    ]


def full_results() -> list[Result]:
    """Rows that hold everything a scorer of today writes: references, a blurred entry, a good one and refused ones."""
    three = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    refused = {
        "eligible": False,
        "reasons": ["the lower 97.5 % bound of its shuffled-fundus gap in central thickness error is not above zero"],
    }
    copied = {"eligible": False, "reasons": ["24 of 24 volumes are copies of training volumes, or nearly so"]}
    rows: list[tuple[Result, dict[str, Any]]] = [
        (make_result("real-vs-real", 205.3, kind="oracle", team="oracle", spread=21.0, cards=three), {"draws": 50}),
        (make_result("mean-volume", 905.6, kind="trivial", cards=three), {"bias_um": 35.0, "sharpness": 0.004}),
        (
            make_result("ridge", 603.8, kind="baseline", eligible=True, cards=three),
            {"error_um": 18.0, "sharpness": 0.03},
        ),
        (make_result("diffusion", 214.6, eligible=True, spread=18.0, cards=three), {"error_um": 23.4}),
        (make_result("blind", 196.0, cards=three, **refused), {"gap_um": 5.1}),
        (make_result("memory", 190.0, cards=three, **copied), {}),
    ]
    results = [complete(result, catalogue.CARDS, **parts) for result, parts in rows]
    results[-1]["controls"]["memorisation"] |= {"flagged": 24, "exact_copies": 22}
    return results


def make_site(root: Path, out: Path, results: list[Result], cards: tuple[MetricCard, ...] = CARDS) -> tuple[Board, ...]:
    """File ``results`` under ``root`` and build a site of all that lies there."""
    for result in results:
        publish_result(result, root)
    return build_site(root, out, cards=cards, ranking_metric="fvd")


@pytest.fixture
def result() -> Callable[..., Result]:
    """The maker of records."""
    return make_result


@pytest.fixture(scope="session")
def maker_of_records() -> Callable[..., Result]:
    """The maker of records, for fixtures that live longer than a test."""
    return make_result


@pytest.fixture
def demo_results() -> list[Result]:
    """The rows of a demo board and strangers' entries."""
    return realistic_results() + submitted_results()


@pytest.fixture
def cards() -> tuple[MetricCard, ...]:
    """Stand-ins of the catalogue's cards."""
    return CARDS


@pytest.fixture
def boards(tmp_path: Path) -> Callable[..., tuple[Board, ...]]:
    """File records and read them back as boards."""

    def make(*results: Result) -> tuple[Board, ...]:
        for result in results:
            publish_result(result, tmp_path / "results")
        return make_boards(read_entries(tmp_path / "results"), cards=CARDS, ranking_metric="fvd")

    return make


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Path]:
    """File records and build a site of all records filed so far; returns its folder."""

    def make(*results: Result) -> Path:
        make_site(tmp_path / "results", tmp_path / "site", list(results))
        return tmp_path / "site"

    return make


@pytest.fixture(scope="session")
def full_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of records that hold all parts, with every card of the catalogue. Read it, never write there."""
    folder = tmp_path_factory.mktemp("full")
    make_site(folder / "results", folder / "site", full_results(), catalogue.CARDS)
    return folder / "site"


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Records and pictures of three eyes, and their site in ``site``. Read it, never write there."""
    made = write_shown(tmp_path_factory.mktemp("shown"))
    assert made.make("--private", str(made.root / "private")) == 0
    build_site(made.results, made.root / "site", cards=catalogue.CARDS, ranking_metric=catalogue.RANKING_METRIC)
    return made


@pytest.fixture(scope="session")
def demo_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a demo's rows and strangers' entries. Read it, never write there."""
    folder = tmp_path_factory.mktemp("demo")
    make_site(folder / "results", folder / "site", realistic_results() + submitted_results())
    return folder / "site"


@pytest.fixture(scope="session")
def compared_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of records whose comparisons are filed. Read it, never write there."""
    folder = tmp_path_factory.mktemp("compared")
    three = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    values = {"near": (200.0, 0.20), "close": (203.0, 0.40), "far": (300.0, 0.30)}
    made = [
        make_result(name, fvd, ssim=ssim, spread=9.0, cards=three, eligible=True)
        for name, (fvd, ssim) in values.items()
    ]
    records = with_matched([*made, make_result("control", 250.0, kind="trivial", cards=three)])
    for record in records:
        publish_result(record, folder / "results")
    file_comparisons(folder / "results", compared(records))
    build_site(folder / "results", folder / "site", cards=catalogue.CARDS, ranking_metric="fvd")
    return folder / "site"


@pytest.fixture(scope="session")
def audited_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of one entry whose board has an audit. Read it, never write there."""
    folder, audit = tmp_path_factory.mktemp("audited"), make_audit()
    write_audit(filed_path(folder / "results", audit), audit)
    make_site(folder / "results", folder / "site", [make_result("one", 100.0)])
    return folder / "site"


CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def running_browser(chromium: Path) -> Iterator[Any]:
    """A running chromium, shared by the tests that need no other start of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def worst_names_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose entries were compared, pair by pair and eye by eye, under the worst names. Never write there."""
    folder = tmp_path_factory.mktemp("worst-names")
    cards = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    titles = {
        "w" * 64: "W" * 80,
        "markup": "<script>alert(1)</script><img src=https://evil.example/x.png>",
        "rtl": "שלום",
    }
    results = with_matched(
        [
            make_result(method, 300.0 + 100 * i, cards=cards, eligible=True, title=title, spread=9.0)
            for i, (method, title) in enumerate(titles.items())
        ]
    )
    for result in results:
        result["protocol"]["disclosure"] = {"per_case": True, "pictures": False, "digits": None}
        record = publish_result(result, folder / "results")
        lines = [f"e{i},,{0.31 + (i - 11.5) / 100!r},{17.5 + 11.5 - i!r}\n" for i in range(24)]
        cases = "case_id,code,ssim,psnr\n" + "".join(lines)
        record.with_name(f"{record.stem}.per_case.csv").write_text(cases, "utf-8")
    file_comparisons(folder / "results", compared(results))
    build_site(folder / "results", folder / "site", cards=catalogue.CARDS, ranking_metric="fvd")
    return folder / "site"
