"""Pictures of a built site for the documentation: index, entry, viewer and comparison, in light and in dark.

Needs a site with pictures, such as that of `make demo` and `bench pictures`; a page that the site lacks is named and
left out.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

SCHEMES = ("light", "dark")
WIDTH, HEIGHT = 1280, 1100
QUALITY = 72
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run")
PAGES = {
    "index": ("index.html",),
    "entry": ("entries/*/ddpm*.html", "entries/*/*.html"),
    "viewer": ("viewer.html",),
    "compare": ("compare/*/ddpm*/*/*.html", "compare/*/*/*/*.html"),
    "ranking": ("ranking.html",),
}
"""Name of a picture -> patterns of the page below a board's folder; the first that is there is taken."""


def page_of(board: Path, patterns: tuple[str, ...]) -> Path | None:
    """The first page that a pattern finds, indexes last."""
    for pattern in patterns:
        found = sorted(board.glob(pattern), key=lambda path: (path.stem == "index", path.as_posix()))
        if found:
            return found[0]
    return None


def take(browser: Any, path: Path, out: Path, scheme: str) -> int:
    """One picture of the top of a page; returns its bytes."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
    page.goto(path.resolve().as_uri())
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot()))
    page.close()
    picture.convert("RGB").save(out, "WEBP", quality=QUALITY, method=6)
    return out.stat().st_size


def main() -> None:
    """Take every picture and print what each weighs."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    arguments = parser.parse_args()
    board = min((arguments.site / "boards").iterdir())
    arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        for name, patterns in PAGES.items():
            path = page_of(board, patterns)
            if path is None:
                print(f"{name}: the site has no such page", file=sys.stderr)
                continue
            for scheme in SCHEMES:
                size = take(browser, path, arguments.out / f"{name}-{scheme}.webp", scheme)
                print(f"{name}-{scheme}.webp {size / 1e3:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
