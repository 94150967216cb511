"""The raw export looks like what the challenge's participants received."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fundus2oct.benchmark.phantom.aptos_export import scale_mark, write_aptos_export


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("aptos")
    write_aptos_export(out, n_train=3, n_val=1, seed=0, n_bare=1)
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_name_files_that_exist(export: Path) -> None:
    train, val = rows(export / "train" / "train.csv"), rows(export / "val" / "val.csv")
    assert list(train[0]) == ["PID", "CF_path", "OCT_path"]
    assert list(val[0]) == ["PID", "CF_path"]
    assert [row["CF_path"] for row in train] == ["011574-64L.jpg", "011574-69R.jpg", "011611-64R.jpg"]
    for row in train:
        assert (export / "train" / "CF" / row["CF_path"]).is_file()
        assert len(list((export / "train" / "OCT" / row["OCT_path"]).glob("*.jpg"))) == 6
    assert {row["PID"] for row in train}.isdisjoint(row["PID"] for row in val)
    assert not (export / "val" / "OCT").exists()


def test_bscans_come_as_reports_and_bare(export: Path) -> None:
    sizes = []
    for row in rows(export / "train" / "train.csv"):
        name = row["OCT_path"]
        with Image.open(export / "train" / "OCT" / name / f"{name}_3.jpg") as image:
            sizes.append(image.size)
    assert sizes == [(1264, 596), (1264, 596), (768, 496)]


def test_the_scale_mark_is_burnt_in_inside_the_safe_region(export: Path) -> None:
    mark = scale_mark()
    where_row, where_column = np.nonzero(mark)
    assert where_row.min() >= 425
    assert where_column.max() < 64
    name = rows(export / "train" / "train.csv")[0]["OCT_path"]
    report = np.asarray(Image.open(export / "train" / "OCT" / name / f"{name}_0.jpg"))
    assert report[:496, -768:][mark].mean() > 200


def test_photographs_are_wider_than_high(export: Path) -> None:
    with Image.open(export / "train" / "CF" / "011574-64L.jpg") as image:
        assert image.size == (640, 512)
        assert image.mode == "RGB"
