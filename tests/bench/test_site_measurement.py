"""The measurement of sites measures a site: ten columns, every entry, fewer bytes packed than plain."""

from __future__ import annotations

from pathlib import Path

import measure_site


def test_a_made_site_has_a_column_for_each_metric_and_a_row_for_each_entry(tmp_path: Path) -> None:
    seconds, n_files, total, first, packed = measure_site.measure(3, tmp_path)
    text = (tmp_path / "site/index.html").read_text("utf-8")
    assert text.count('<tr role="row" data-kind=') == 3
    assert all(f'data-sort="{card.name}"' in text for card in measure_site.SHOWN)
    assert len(measure_site.SHOWN) == 10
    assert 0 < packed < first < total
    assert n_files > 3
    assert seconds > 0
