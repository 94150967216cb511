"""The site in a real browser: nothing on the console, nothing from elsewhere, nothing wider than the screen."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
WIDTHS = (320, 390, 768, 1280)


@pytest.fixture
def browser(running_browser: Any) -> Any:
    """The one chromium of all tests: a second start of its driver in a process is refused."""
    return running_browser


@pytest.fixture
def folder(site: Callable[..., Path], demo_results: list[Any], result: Callable[..., Any]) -> Path:
    """A site with a name as long as the schema allows and one that is hostile."""
    long = result("w" * 64, 777.0, team="m" * 64, title="W" * 80, description="x" * 2000, spread=9.0)
    hostile = result("hostile", 333.0, title="<script>alert(1)</script><img src=https://evil.example/x.png>")
    return site(*demo_results, long, hostile)


def some_pages(folder: Path) -> list[Path]:
    """One page of every kind, the longest entry among them."""
    patterns = ("index.html", "boards/*/about.html", "boards/*/metrics/fvd.html", "boards/*/entries/m*/w*.html")
    return [path for pattern in patterns for path in folder.glob(pattern)]


def test_no_page_complains_or_asks_for_anything_elsewhere(browser: Any, folder: Path) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    for path in sorted(folder.rglob("*.html")):
        page.goto(path.as_uri())
    page.close()
    assert complaints == []
    assert asked
    assert all(address.startswith(folder.as_uri()) for address in asked)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(browser: Any, folder: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    wide = []
    for path in some_pages(folder):
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(path.name)
    page.close()
    assert wide == []


@pytest.mark.parametrize("width", [320, 760, 1280])
def test_no_page_of_full_records_scrolls_sideways(browser: Any, full_site: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    patterns = ("index.html", "boards/*/*.html", "boards/*/metrics/*.html", "boards/*/entries/*/*.html")
    wide = []
    for path in sorted(path for pattern in patterns for path in full_site.glob(pattern)):
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(path.name)
    page.close()
    assert wide == []


def test_every_table_of_an_entry_fits_the_printed_page(browser: Any, full_site: Path) -> None:
    width = 700  # A4 with margins of 12 mm, in pixels of a page
    page = browser.new_page(viewport={"width": width, "height": 1000})
    page.emulate_media(media="print")
    page.goto(next(full_site.glob("boards/*/entries/team-a/diffusion.html")).as_uri())
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert wide <= width


def test_marks_of_a_drawing_lie_on_the_line_of_their_label(browser: Any, full_site: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(next(full_site.glob("boards/*/entries/team-a/diffusion.html")).as_uri())
    distances = page.evaluate(
        "[...document.querySelectorAll('.forest li')].map(line => {"
        " const middle = e => { const box = e.getBoundingClientRect(); return (box.top + box.bottom) / 2; };"
        " return Math.abs(middle(line.querySelector('.dot')) - middle(line.querySelector('.label'))); })"
    )
    page.close()
    assert len(distances) == 3 + 3 + 4 + 5 * 4  # zones, textures, gaps, and four groups in each of five metrics
    assert max(distances) < 2


def test_numbers_have_room_where_the_board_is_stacked(browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((folder / "index.html").as_uri())
    cells = "[...document.querySelectorAll('.board tbody .number')].map(cell => cell.getBoundingClientRect().width)"
    widths = page.evaluate(cells)
    page.close()
    assert min(widths) > 60


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_stylesheet_is_applied_from_a_plain_file(browser: Any, folder: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto((folder / "index.html").as_uri())
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.close()
    assert colour == {"light": "rgb(255, 254, 251)", "dark": "rgb(22, 21, 19)"}[scheme]


def test_the_whole_board_fits_a_desktop_without_scrolling(
    browser: Any, site: Callable[..., Path], demo_results: list[Any]
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site(*demo_results) / "index.html").as_uri())
    hidden = page.evaluate("(s => s.scrollWidth - s.clientWidth)(document.querySelector('.scroller'))")
    page.close()
    assert hidden == 0


def test_the_keyboard_reaches_the_content_first(browser: Any, folder: Path) -> None:
    page = browser.new_page()
    page.goto((folder / "index.html").as_uri())
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.className")
    page.keyboard.press("Enter")
    focused = page.evaluate("document.activeElement.id")
    page.close()
    assert (first, focused) == ("skip", "content")


def test_names_of_a_drawing_cover_neither_each_other_nor_a_mark(browser: Any, full_site: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(next(full_site.glob("boards/*/relations.html")).as_uri())
    boxes_of = "d => [...d.querySelectorAll('.point')].map(n => n.getBBox()).map(b => [b.x, b.y, b.width, b.height])"
    drawings = page.evaluate(f"[...document.querySelectorAll('.scatter')].map({boxes_of})")
    page.close()
    assert [len(boxes) for boxes in drawings] == [6, 6]
    for boxes in drawings:
        for (x, y, width, height), (u, v, wide, high) in itertools.combinations(boxes, 2):
            apart = x >= u + wide or u >= x + width or y + 4 >= v + high or v + 4 >= y + height  # leading overlaps
            assert apart


@pytest.mark.parametrize("width", [320, 1280])
def test_no_page_of_comparisons_scrolls_sideways_or_runs_a_name(
    browser: Any, worst_names_site: Path, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda asked: None if asked.url.startswith("file:") else complaints.append(asked.url))
    paths = [*worst_names_site.glob("boards/*/compare/**/*.html"), *worst_names_site.glob("boards/*/relations.html")]
    assert len(paths) == 1 + 3 + 3 + 1
    for path in sorted(paths):
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.scrollWidth") > width:
            complaints.append(path.name)
    page.close()
    assert complaints == []
