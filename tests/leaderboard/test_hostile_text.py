"""Strangers' words on every page: shown as text, never as markup."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fundus2oct.metrics.errors import BenchError

Site = Callable[..., Path]
MakeResult = Callable[..., dict]

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "</title><script>alert(1)</script>",
    "<!--",
    "{{7*7}}{% raw %}",
    "<svg onload=alert(1)>",
    "<base href=//evil>",
    "<meta http-equiv=refresh content=0>",
    "<style>@import 'x'</style>",
    "}\n\\end{document}",
)


def build(site: Site, result: MakeResult, text: str) -> str:
    """All pages of a site in which a stranger wrote ``text`` wherever the schema lets them, as one string."""
    hostile = result("a", 1.0, title=text, description=text, eligible=False, reasons=[text], flags=[text])
    hostile["entry"]["licence"] = hostile["entry"]["external_data"] = hostile["run"]["generator"] = text
    hostile["run"]["versions"][text] = hostile["versions"][text] = text
    hostile["cases"]["failures"][text] = 1
    hostile["dataset"]["title"] = hostile["dataset"]["description"] = hostile["protocol"]["failure_policy"] = text
    hostile["metrics"]["ssim"] |= {"value": None, "reason": text, "uncertainty": None}
    hostile["metrics"]["psnr"]["uncertainty"] |= {"method": text, "estimand": text}
    hostile["metrics"][text] = hostile["metrics"]["fvd"]
    folder = site(hostile)
    shutil.rmtree(folder.parent / "results")
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.rglob("*.html")))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute(site: Site, result: MakeResult, text: str) -> None:
    plain = build(site, result, "plain words")
    hostile = build(site, result, text)
    assert hostile.count("<") == plain.count("<")
    # A quote that is not escaped would change how many there are.
    assert hostile.count('"') == plain.count('"')


def test_a_template_in_a_title_is_not_filled_in(site: Site, result: MakeResult) -> None:
    assert "{{7*7}}" in build(site, result, "{{7*7}}")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//evil", "https://good@evil", "file:///"])
def test_an_unsafe_link_never_becomes_an_address(site: Site, result: MakeResult, link: str) -> None:
    folder = site(result("a", 1.0, links=[link]))
    assert all(link not in path.read_text("utf-8") for path in folder.rglob("*.html"))


@pytest.mark.parametrize("slug", ["a\n", "index.html"])
def test_a_slug_that_is_no_slug_makes_no_file(site: Site, result: MakeResult, slug: str) -> None:
    with pytest.raises(BenchError, match=r"E_RECORD|E_SCHEMA"):
        site(result(slug, 1.0))
