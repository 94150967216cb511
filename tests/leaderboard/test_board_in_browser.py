"""The board's table in a real browser: sorted and filtered by keyboard and address, on paper, without a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fundus2oct.leaderboard.local_server import open_server

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
SSIM_BEST_FIRST = ["1.0000", "0.5312", "0.4713", "0.4421"]


@pytest.fixture(scope="module")
def roots(demo_site: Path) -> Iterator[dict[str, str]]:
    """The site's address as files and on a server of this machine."""
    with open_server(demo_site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"file": demo_site.as_uri(), "http": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


@pytest.fixture
def opened(running_browser: Any, roots: dict[str, str]) -> Iterator[Open]:
    """Opens the board; nothing may stand on the console at the end, and nothing may have been asked for elsewhere."""
    complaints: list[str] = []
    asked: list[str] = []
    pages = []

    def open_board(fragment: str = "", *, over: str = "file", **options: Any) -> Any:
        page = running_browser.new_page(**({"viewport": {"width": 1280, "height": 900}} | options))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{roots[over]}/index.html{fragment}")
        pages.append(page)
        return page

    yield open_board
    for page in pages:
        page.close()
    assert complaints == []
    assert all(address.startswith(tuple(roots.values())) for address in asked)


def titles(page: Any) -> list[str]:
    """The methods whose rows are seen, from top to bottom."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.board tbody tr:not([hidden]) .method a')].map(a => a.textContent)"
    )
    return found


def column(page: Any, key: str) -> list[str]:
    """What a column says, from top to bottom."""
    found: list[str] = page.evaluate(
        "key => { const i = [...document.querySelectorAll('.board thead th')].findIndex(h => h.dataset.sort === key);"
        " return [...document.querySelectorAll('.board tbody tr:not([hidden])')]"
        ".map(row => (row.cells[i].querySelector('.value') || row.cells[i]).textContent.trim()); }",
        key,
    )
    return found


def press_sort(page: Any, key: str) -> None:
    """Reach the button of a column and press it, as a keyboard does."""
    page.locator(f'th[data-sort="{key}"] .sort').focus()
    page.keyboard.press("Enter")


def direction(page: Any, key: str) -> str | None:
    """What a screen reader is told of a column."""
    found: str | None = page.locator(f'th[data-sort="{key}"]').get_attribute("aria-sort")
    return found


@pytest.mark.parametrize("over", ["file", "http"])
def test_a_column_is_sorted_best_first_then_the_other_way_and_back(opened: Open, over: str) -> None:
    page = opened(over=over)
    in_board_order = titles(page)
    press_sort(page, "ssim")
    assert (column(page, "ssim")[:4], direction(page, "ssim")) == (SSIM_BEST_FIRST, "descending")
    page.keyboard.press("Enter")  # the focus stays on the button, although its column has moved nothing
    assert (column(page, "ssim")[-4:], direction(page, "ssim")) == (SSIM_BEST_FIRST[::-1], "ascending")
    press_sort(page, "fvd")
    assert (column(page, "fvd")[0], direction(page, "fvd"), direction(page, "ssim")) == ("0.0", "ascending", None)
    page.get_by_role("button", name="Board order, all rows").press("Enter")
    assert (titles(page), direction(page, "fvd")) == (in_board_order, None)


def test_every_button_is_reached_by_tab_and_says_what_it_does(opened: Open) -> None:
    page = opened()
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert [name for name in names if name and name.startswith("Sort")] == [
        f"Sort by {name}" for name in ("Rank", "Method", "FVD", "SSIM", "PSNR", "Failed", "Filed")
    ]


@pytest.mark.parametrize("key", ["rank", "method", "fvd", "ssim", "psnr", "failed", "filed"])
def test_a_row_without_a_value_stands_last_in_either_direction(opened: Open, key: str) -> None:
    page = opened()
    for _ in range(2):
        press_sort(page, key)
        cells = column(page, key)
        known = [not cell.startswith("–") for cell in cells]
        assert known == sorted(known, reverse=True)
        assert len(cells) == 13


def test_ranks_stay_those_of_the_board_and_numbers_are_sorted_as_numbers(opened: Open) -> None:
    page = opened()
    ranks = dict(zip(titles(page), column(page, "rank"), strict=True))
    press_sort(page, "fvd")
    page.keyboard.press("Enter")
    assert [value for value in column(page, "fvd") if not value.startswith("–")][:3] == ["2511.0", "905.6", "603.8"]
    assert dict(zip(titles(page), column(page, "rank"), strict=True)) == ranks


def test_kinds_are_hidden_and_shown_from_the_keyboard_and_counted(opened: Open) -> None:
    page = opened()
    boxes = page.locator(".controls input")
    assert [text.split(" (")[0].strip() for text in page.locator(".controls fieldset label").all_text_contents()] == [
        "submission", "baseline", "trivial", "oracle", "degraded-truth",
    ]  # fmt: skip
    for i in (2, 3, 4):
        boxes.nth(i).focus()
        page.keyboard.press("Space")
    assert len(titles(page)) == 6
    assert "Constant grey" not in titles(page)
    assert page.locator(".status").text_content() == "6 of 13 rows, in board order."


def test_a_view_is_in_the_address_and_comes_back_from_it(opened: Open) -> None:
    page = opened()
    press_sort(page, "ssim")
    page.locator(".controls input").nth(2).uncheck()
    fragment = "#" + page.url.split("#")[1]
    assert fragment == "#sort=ssim.descending&show=submission.baseline.oracle.degraded-truth"
    assert titles(opened(fragment)) == titles(page)
    page.get_by_role("button", name="Board order, all rows").click()
    assert "#" not in page.url


@pytest.mark.parametrize(
    "fragment",
    ["#sort=__proto__.ascending", "#sort=ssim.sideways&show=", "#content", "#sort=<img src=x>&show=constructor", "#%"],
)
def test_an_address_that_means_nothing_breaks_nothing(opened: Open, fragment: str) -> None:
    page = opened(fragment)
    assert len(page.locator(".board tbody tr").all()) == 13
    assert page.locator("[aria-sort]").count() == 0


def test_a_narrow_board_is_sorted_by_a_list_and_has_no_hidden_buttons(opened: Open) -> None:
    page = opened(viewport={"width": 320, "height": 800})
    assert not page.locator(".sort").first.is_visible()
    page.locator(".sorter select").select_option("ssim.descending")
    assert column(page, "ssim")[:4] == SSIM_BEST_FIRST
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_a_script_every_row_is_there_and_no_control_is_dead(running_browser: Any, demo_site: Path) -> None:
    context = running_browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((demo_site / "index.html").as_uri())
    assert page.locator(".board tbody tr").count() == 13
    assert page.locator("button, input, select").count() == 0
    context.close()


def test_paper_holds_the_whole_table_and_no_control(opened: Open) -> None:
    page = opened(viewport={"width": 700, "height": 1000})  # A4 with margins of 12 mm
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.evaluate("getComputedStyle(document.querySelector('.board tbody tr')).display") == "table-row"
    assert page.locator(".board tbody tr").last.is_visible()
    assert not any(page.locator(part).first.is_visible() for part in (".sort", "nav", ".controls fieldset"))
    assert page.pdf(format="A4", print_background=True).startswith(b"%PDF")
