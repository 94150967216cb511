"""The viewer in a real browser: from a file and a server, by slider, keyboard and address, and without a script."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shown_pictures import Shown

from fundus2oct.leaderboard.local_server import open_server

pytestmark = pytest.mark.browser
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def roots(shown: Shown) -> Iterator[dict[str, str]]:
    """The site's address as files and on a server of this machine."""
    with open_server(shown.root / "site", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        folder = (shown.root / "site").as_uri()
        yield {"file": folder, "http": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


@pytest.fixture
def opened(running_browser: Any, roots: dict[str, str], shown: Shown) -> Iterator[Open]:
    """Opens the viewer; at the end nothing may stand on the console, and nothing may have been asked for elsewhere."""
    complaints: list[str] = []
    asked: list[str] = []
    pages = []
    board = next((shown.root / "site" / "boards").iterdir()).name

    def open_viewer(fragment: str = "", *, over: str = "file", page_path: str = "viewer.html", **options: Any) -> Any:
        page = running_browser.new_page(**({"viewport": {"width": 1280, "height": 900}} | options))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: complaints.extend(failure(request)))
        page.goto(f"{roots[over]}/boards/{board}/{page_path}{fragment}")
        pages.append(page)
        return page

    yield open_viewer
    for page in pages:
        page.close()
    assert complaints == []
    assert asked
    assert all(address.startswith(tuple(roots.values())) for address in asked)


def failure(request: Any) -> list[str]:
    """Why a request failed; that a picture was turned away from before it had come is no failure."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"{request.url}: {request.failure}"]


def state(page: Any) -> dict[str, str]:
    """What the controls say."""
    values = {name: page.locator(f"#{name}").input_value() for name in ("eye", "bscan", "a", "b")}
    boxes = {name: page.locator(f"#{name}").is_checked() for name in ("difference", "lines")}
    return values | {name: str(checked) for name, checked in boxes.items()}


def source(page: Any, name: str) -> str:
    """The file of a picture below the folder of its split."""
    return str(page.locator(f"#{name}").get_attribute("src")).split("/toy-1/test/")[1]


@pytest.mark.parametrize("over", ["file", "http"])
def test_the_keyboard_turns_bscans_and_eyes_and_the_address_follows(opened: Open, over: str) -> None:
    page = opened(over=over)
    page.keyboard.press("ArrowRight")
    assert (state(page)["bscan"], page.locator("#viewer").get_attribute("data-bscan")) == ("5", "4")
    page.locator("#panels").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("n")
    page.keyboard.press("ArrowLeft")
    assert (state(page)["eye"], state(page)["bscan"]) == ("eye-03", "4")
    assert source(page, "truth-bscans") == "eye-03/bscans/truth.webp"
    page.keyboard.press("n")
    page.keyboard.press("ArrowUp")
    assert page.url.endswith("#eye=eye-02&bscan=4&a=team/blur&b=team/other")
    assert page.locator("#status").inner_text().startswith("Eye 2, left eye, B-scan 4 of 6, 0°")


def test_the_slider_and_the_menus_do_the_same(opened: Open) -> None:
    page = opened()
    page.locator("#bscan").focus()
    page.keyboard.press("ArrowLeft")
    page.locator("#a").select_option("team/other")
    page.locator("#eye-after").click()
    assert page.url.endswith("#eye=eye-02&bscan=3&a=team/other&b=team/other")
    assert source(page, "a-en-face") == "eye-02/en-face/team/other.webp"
    assert str(page.locator("#bscan").get_attribute("aria-valuetext")).startswith("3 of 6, 30°")


def test_letters_and_up_and_down_are_left_alone_outside_the_pictures(opened: Open) -> None:
    page = opened()
    for key in ("n", "d", "s", "ArrowDown"):
        page.keyboard.press(key)
    assert state(page) == state(opened())


@pytest.mark.parametrize("over", ["file", "http"])
def test_an_address_opens_what_it_says(opened: Open, over: str) -> None:
    page = opened("#eye=eye-03&bscan=2&a=team/other&b=team/blur&difference=1&lines=1", over=over)
    assert list(state(page).values()) == ["eye-03", "2", "team/other", "team/blur", "True", "True"]
    page.evaluate("location.hash = '#eye=eye-01&bscan=6'")
    page.wait_for_function("document.getElementById('eye').value === 'eye-01'")
    assert list(state(page).values()) == ["eye-01", "6", "team/other", "team/blur", "False", "False"]


def test_what_an_address_has_unknown_is_passed_over(opened: Open) -> None:
    page = opened("#eye=eye-99&bscan=7&a=<script>&b=../../x&difference=yes&lines&__proto__=1")
    assert state(page) == state(opened())


def test_pictures_of_all_panels_are_loaded_and_show_the_same_bscan(opened: Open) -> None:
    page = opened("#eye=eye-01&bscan=1&lines=1")
    page.wait_for_load_state("networkidle")
    sizes = page.evaluate("[...document.querySelectorAll('.panels img:not(.under)')].map(i => i.naturalWidth)")
    places = page.evaluate("[...document.querySelectorAll('.frame img')].map(i => getComputedStyle(i).objectPosition)")
    assert min(sizes) > 0
    assert set(places[:8]) == {"0px 0px"}


def test_surfaces_are_hidden_until_they_are_asked_for(opened: Open) -> None:
    page = opened()
    assert not page.locator("#a-surfaces").is_visible()
    page.locator("#lines").check()
    assert page.locator("#a-surfaces").is_visible()
    assert page.url.endswith("&lines=1")


def test_the_difference_is_that_of_the_two_pictures_doubled(opened: Open, shown: Shown) -> None:
    page = opened("#eye=eye-01&bscan=1&difference=1&b=team/other", viewport={"width": 480, "height": 900})
    page.wait_for_load_state("networkidle")
    frame = page.locator("#panel-b .frame")
    frame.evaluate("frame => Object.assign(frame.style, {position: 'fixed', left: 0, top: 0, width: '448px'})")
    seen = np.asarray(Image.open(io.BytesIO(frame.screenshot())).convert("L"), float)
    truth, drawn = (
        np.asarray(Image.open(shown.folder / "eye-01" / "bscans" / name).convert("L").crop((0, 0, 448, 320)), float)
        for name in ("truth.webp", "team/other.webp")
    )
    expected = np.clip(2 * np.abs(truth - drawn), 0, 255)
    below_the_letters = slice(40, None)
    assert seen.shape == expected.shape
    assert np.abs(seen - expected)[below_the_letters].mean() < 2
    assert expected[below_the_letters].mean() > 15


def test_an_eye_in_which_an_entry_failed_says_so_and_shows_no_old_picture(opened: Open) -> None:
    page = opened("#eye=eye-02&a=team/blur")
    assert page.locator("#a-absent").is_visible()
    assert not page.locator("#a-bscans").is_visible()
    assert page.locator("#b-bscans").is_visible()


def test_an_entrys_worst_eye_opens_in_the_viewer(opened: Open) -> None:
    page = opened(page_path="entries/team/other.html")
    page.locator(".cases a").nth(2).click()
    page.wait_for_url("**/viewer.html**")
    assert (state(page)["eye"], state(page)["a"]) == ("eye-02", "team/other")


def test_without_a_script_the_plain_page_stands(running_browser: Any, roots: dict[str, str], shown: Shown) -> None:
    context = running_browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(next((shown.root / "site").glob("boards/*/viewer.html")).as_uri())
    assert page.locator("#plain").is_visible()
    assert not page.locator("#viewer").is_visible()
    assert page.locator("#plain img").count() == 4
    context.close()


@pytest.mark.parametrize("width", [320, 760, 1280])
def test_nothing_is_wider_than_the_screen(opened: Open, width: int) -> None:
    for path in ("viewer.html", "entries/team/blur.html"):
        page = opened(page_path=path, viewport={"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
