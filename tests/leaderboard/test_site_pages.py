"""The built site: sound HTML, strict policy, links that lead somewhere, the same bytes twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

Site = Callable[..., Path]
MakeResult = Callable[..., dict]
VOID = {"meta", "link", "br", "hr", "img", "input"}
SHAPES = {"rect", "line", "circle", "path"}


class Page(HTMLParser):
    """Elements of a page in order; raises at a tag that closes what is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES, f"<{tag}/> is no void element of HTML"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        """The text of the page with single spaces."""
        return " ".join(" ".join(self.text).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element called ``tag``."""
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def pages(site: Site, demo_results: list[Any]) -> dict[Path, Page]:
    """Every page of the demo's site, parsed."""
    return parse_all(site(*demo_results))


@pytest.fixture(scope="module")
def full_pages(full_site: Path) -> dict[Path, Page]:
    """Every page of a site whose records hold all parts, parsed."""
    return parse_all(full_site)


@pytest.fixture(params=["plain", "full"])
def all_pages(request: pytest.FixtureRequest) -> dict[Path, Page]:
    """Every page of a site of old records, then of one of full records."""
    found: dict[Path, Page] = request.getfixturevalue({"plain": "pages", "full": "full_pages"}[request.param])
    return found


def parse_all(folder: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))}


def test_a_board_has_its_pages(pages: dict[Path, Page]) -> None:
    boards, ranking, about, index, relations, metrics, entries = 2, 1, 1, 1, 1, 3, 13
    assert len(pages) == boards + ranking + about + index + relations + metrics + entries


def test_every_tag_that_opens_closes(all_pages: dict[Path, Page]) -> None:
    assert all(not page.open for page in all_pages.values())


def test_the_policy_stands_first_in_every_head(all_pages: dict[Path, Page]) -> None:
    for page in all_pages.values():
        names = [name for name, _ in page.elements]
        first = page.elements[names.index("head") + 1][1]
        assert first["http-equiv"] == "Content-Security-Policy"
        assert first["content"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            "form-action 'none'"
        )
        assert {"name": "referrer", "content": "no-referrer"} in page.all("meta")


def test_no_page_holds_a_style_a_frame_or_a_handler(all_pages: dict[Path, Page]) -> None:
    for page in all_pages.values():
        for tag, attributes in page.elements:
            assert tag not in {"style", "iframe", "object", "embed", "form", "base"}
            assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_every_script_is_a_classic_deferred_file_of_the_site_itself(all_pages: dict[Path, Page]) -> None:
    for path, page in all_pages.items():
        for script in page.all("script"):
            assert set(script) == {"src", "defer"}, "no module: browsers refuse those from a plain file"
            assert (path.parent / str(script["src"])).resolve().parent.name == "assets"
        text = path.read_text("utf-8")
        assert text.count("<script") == text.count("></script>") == len(page.all("script"))


def test_every_link_leads_to_a_file_or_out_over_https(all_pages: dict[Path, Page]) -> None:
    for path, page in all_pages.items():
        for tag, attributes in page.elements:
            address = attributes.get("href") or attributes.get("src")
            if address is None:
                continue
            parts = urlsplit(address)
            if parts.scheme:
                assert (tag, parts.scheme, attributes["rel"]) == ("a", "https", "noopener nofollow ugc")
            elif parts.path:
                assert (path.parent / parts.path).is_file(), f"{path}: {address}"
            else:
                assert parts.fragment in {a.get("id") for _, a in page.elements}


def test_identifiers_are_unique_and_label_something(all_pages: dict[Path, Page]) -> None:
    for page in all_pages.values():
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        labels = {attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes}
        assert labels <= set(ids)


def test_every_page_can_be_read_by_ear(all_pages: dict[Path, Page]) -> None:
    for page in all_pages.values():
        assert page.all("html")[0]["lang"] == "en"
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) == 1
        assert page.all("a")[0]["href"] == "#content"
        assert all("scope" in attributes for attributes in page.all("th"))
        assert all("aria-labelledby" in attributes for attributes in page.all("table"))
        regions = [a for _, a in page.elements if a.get("role") == "region"]
        assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in regions)


def test_the_same_input_gives_the_same_bytes(site: Site, demo_results: list[Any]) -> None:
    def read(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    first = read(site(*demo_results))
    assert read(site(*reversed(demo_results))) == first


def test_the_board_shows_order_reference_interval_and_failures(site: Site, demo_results: list[Any]) -> None:
    words = Page((site(*demo_results) / "index.html").read_text("utf-8")).words
    first = "1 Latent diffusion with sibling attention retina-lab · submission · self-reported"
    assert f"{first} 214.6 [196.6, 232.6] +124.3" in words
    assert "Shown, not ranked: 3 of 24 cases failed, more than 5 %" in words
    assert "eligibility not assessed yet" in words
    assert "A run with more than 5 % failed cases is not ranked." in words
    assert "reported, different protocol" in words
    assert "624.59" in words
    assert words.index("Other real eyes") < words.index("Ridge regression") < words.index("Crash test")


def test_an_entry_page_holds_provenance_history_and_citation(site: Site, result: MakeResult) -> None:
    site(result("a", 500.0))
    folder = site(result("a", 100.0, title="Fine method", failed=1))
    (path,) = folder.glob("boards/*/entries/team-a/a.html")
    words = Page(path.read_text("utf-8")).words
    assert "Rank 1 of 1 ranked, provisionally: eligibility not assessed yet." in words
    assert "E_MISSING 1 case" in words
    assert re.search(r"0002-[0-9a-f]{8} 100\.0 fvd-v1 [0-9a-f]{12} counts 0001-[0-9a-f]{8} 500\.0", words)
    assert "@misc{team-a:a," in words
    assert re.search(r"Truth hash [0-9a-f]{64}", words)
    assert "Isolation bubblewrap" in words


def test_a_metric_page_says_what_it_is(site: Site, result: MakeResult) -> None:
    (path,) = site(result("a", 100.0)).glob("boards/*/metrics/ssim.html")
    words = Page(path.read_text("utf-8")).words
    for text in ("higher is better", "SSIM = …", "Blur gains.", "ssim-v1", "Somebody, 2004", "−1, which a missing"):
        assert text in words


def test_the_about_page_says_what_no_interval_covers(site: Site, result: MakeResult) -> None:
    (path,) = site(result("a", 100.0, spread=5.0)).glob("boards/*/about.html")
    words = Page(path.read_text("utf-8")).words
    for text in ("not clinical evidence", "24 eyes of 12 patients", "CC0-1.0", "training seed", "generation seed"):
        assert text in words


def test_several_boards_are_listed_and_never_mixed(site: Site, result: MakeResult) -> None:
    folder = site(result("a", 1.0), result("b", 2.0, split="final"))
    assert "2 boards" in (folder / "index.html").read_text("utf-8")
    boards = [path.read_text("utf-8") for path in sorted(folder.glob("boards/*/index.html"))]
    assert [("/a.html" in text, "/b.html" in text) for text in boards] == [(False, True), (True, False)]


def test_a_board_without_any_value_is_still_built(site: Site, result: MakeResult) -> None:
    text = (site(result("a", None, ssim=None, psnr=None)) / "index.html").read_text("utf-8")
    assert "Nobody yet" in text
    assert "This board has no real-vs-real row" in text


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_the_paper(site: Site, result: MakeResult, theme: int) -> None:
    css = (site(result("a", 1.0)) / "assets" / "board.css").read_text("utf-8")
    paper = luminance(re.findall(r"--paper: (#[0-9a-f]{6});", css)[theme])
    for name in ("ink", "quiet", "accent"):
        text = luminance(re.findall(rf"--{name}: (#[0-9a-f]{{6}});", css)[theme])
        assert (max(text, paper) + 0.05) / (min(text, paper) + 0.05) >= 4.5


def test_the_stylesheet_loads_nothing(site: Site, result: MakeResult) -> None:
    css = (site(result("a", 1.0)) / "assets" / "board.css").read_text("utf-8")
    assert "url(" not in css
    assert "@import" not in css
