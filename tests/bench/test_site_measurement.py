"""The measurement of sites measures a site: ten columns, every entry, fewer bytes packed than plain."""

from __future__ import annotations

from pathlib import Path

import measure_site
import take_screenshots
from PIL import Image


def test_a_made_site_has_a_column_for_each_metric_and_a_row_for_each_entry(tmp_path: Path) -> None:
    seconds, n_files, total, first, packed = measure_site.measure(3, tmp_path)
    text = (tmp_path / "site/index.html").read_text("utf-8")
    assert text.count('<tr role="row" data-kind=') == 3
    assert all(f'data-sort="{card.name}"' in text for card in measure_site.SHOWN)
    assert len(measure_site.SHOWN) == 10
    assert 0 < packed < first < total
    assert n_files > 3
    assert seconds > 0


def test_the_documentation_has_every_screenshot_in_both_themes_and_they_are_small() -> None:
    folder = Path(__file__).parents[2] / "docs/screenshots"
    names = {f"{name}-{scheme}.webp" for name in take_screenshots.PAGES for scheme in take_screenshots.SCHEMES}
    assert {path.name for path in folder.iterdir()} == names
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    for name in names:
        with Image.open(folder / name) as picture:
            assert picture.size == (take_screenshots.WIDTH, take_screenshots.HEIGHT)
