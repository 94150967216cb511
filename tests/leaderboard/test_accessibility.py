"""axe-core on a page of every kind, in light and in dark: it may find nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from groups_of_records import group, stratum
from shown_pictures import Shown

from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics import catalogue

pytestmark = pytest.mark.browser
KINDS = {
    "index.html",
    "about.html",
    "audit.html",
    "compare",
    "compare/index.html",
    "entries",
    "groups.html",
    "list of boards",
    "metrics",
    "metrics/index.html",
    "ranking.html",
    "relations.html",
    "two entries",
    "viewer.html",
}
"""What a site may hold, by the path of a page below its board."""


@pytest.fixture(scope="module")
def axe() -> str:
    """The program of axe-core, as a package of PyPI carries it."""
    found = pytest.importorskip("axe_playwright_python.base", reason="axe-core is not installed: run `make test`")
    return str(found.AXE_SCRIPT)


@pytest.fixture(scope="module")
def grouped_site(maker_of_records: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of two boards whose records tell groups."""
    folder, cards = tmp_path_factory.mktemp("grouped"), tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    eye = stratum("eye", [group("L", ssim=(0.30, 0.27, 0.33)), group("R", ssim=(0.33, 0.30, 0.36))])
    for phase in ("open", "final"):
        for method, fvd in (("a", 200.0), ("b", 300.0)):
            record = maker_of_records(method, fvd, spread=9.0, phase=phase, cards=cards, eligible=True)
            publish_result(record | {"strata": [eye]}, folder / "results")
    build_site(folder / "results", folder / "site", cards=catalogue.CARDS, ranking_metric="fvd")
    return folder / "site"


@pytest.fixture(scope="module")
def pages(
    full_site: Path, audited_site: Path, compared_site: Path, grouped_site: Path, shown: Shown
) -> dict[str, Path]:
    """Kind of page -> one page of it, from sites that have every kind between them."""
    found = {"list of boards": grouped_site / "index.html"}
    for site in (full_site, audited_site, compared_site, grouped_site, shown.root / "site"):
        for path in sorted(site.rglob("*.html")):
            found.setdefault(kind_of(path.relative_to(site).as_posix()), path)
    return found | {
        "an entry with pictures": next(shown.root.glob("site/boards/*/entries/team/other.html")),
        "a ranking with comparisons": next(compared_site.glob("boards/*/ranking.html")),
    }


def kind_of(path: str) -> str:
    """The path of a page without what differs between pages of one kind."""
    for pattern, kind in (
        (r"boards/[^/]+/", ""),
        (r"entries/.+", "entries"),
        (r"metrics/(?!index).+", "metrics"),
        (r"compare/[^/]+/[^/]+/.+", "two entries"),
        (r"compare/(?!index).+", "compare"),
    ):
        path = re.sub(pattern, kind, path)
    return path


@pytest.fixture
def page(running_browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An open page in light or in dark."""
    opened = running_browser.new_page(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    yield opened
    opened.close()


def violations(page: Any, path: Path, axe: str, options: str) -> list[str]:
    """What axe finds wrong with one page, as lines."""
    page.goto(path.as_uri())
    page.evaluate(axe)
    found = page.evaluate(f"axe.run(document, {{resultTypes: ['violations']{options}}})")["violations"]
    return [f"{path.name}: {rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]


@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_axe_finds_nothing_on_any_kind_of_page(page: Any, pages: dict[str, Path], axe: str) -> None:
    assert set(pages) >= KINDS
    assert [line for path in pages.values() for line in violations(page, path, axe, "")] == []


@pytest.mark.parametrize("page", ["dark"], indirect=True)
def test_colours_differ_enough_in_the_dark_as_well(page: Any, pages: dict[str, Path], axe: str) -> None:
    only = ", runOnly: ['color-contrast']"  # the rest of a page is the same in both themes
    assert [line for path in pages.values() for line in violations(page, path, axe, only)] == []
