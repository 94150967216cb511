"""Reading the published checkpoint: numpy arrays with I3D's names and shapes, and nothing else, least of all code."""

from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np
import pytest

from fundus2oct.metrics import i3d_weights
from fundus2oct.metrics.errors import BenchError


def published_tree() -> dict[str, Any]:
    """Zeros in the published nesting; batch statistics have four leading axes of one, as in the real file."""
    tree: dict[str, Any] = {"params": {}, "batch_stats": {}}
    for name, shape in i3d_weights.array_shapes().items():
        *path, leaf = name.split("/")
        statistic = leaf in ("mean", "var")
        layer = "BatchNorm_0" if statistic or (leaf == "bias" and path[0] != "Logits") else "Conv_0"
        node = tree["batch_stats" if statistic else "params"]
        for part in ("/".join(path), layer):
            node = node.setdefault(part, {})
        node[leaf] = np.zeros((1, 1, 1, 1, *shape) if statistic else shape, np.float32)
    return tree


def test_i3d_has_58_convolutions_and_12_7_million_parameters() -> None:
    sizes = [int(np.prod(shape)) for shape in i3d_weights.array_shapes().values()]
    assert len(i3d_weights.kernel_shapes()) == 58
    assert sum(sizes) == 12_704_544  # counted in the published checkpoint: 12,689,984 and 14,560 batch statistics


def test_the_published_nesting_becomes_flat_names() -> None:
    arrays = i3d_weights.arrays_from_pickle(pickle.dumps(published_tree()))
    assert {name: array.shape for name, array in arrays.items()} == i3d_weights.array_shapes()


def test_a_pickle_that_would_run_code_is_refused_unrun() -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, ("/nonexistent/never",)

    with pytest.raises(BenchError, match=r"it asks for (posix|nt)\.mkdir"):
        i3d_weights.arrays_from_pickle(pickle.dumps({"params": Harmful()}))


@pytest.mark.parametrize("data", [b"", b"not a pickle", pickle.dumps(published_tree())[:-5]])
def test_a_damaged_pickle_is_a_clear_error(data: bytes) -> None:
    with pytest.raises(BenchError, match="not the expected checkpoint"):
        i3d_weights.arrays_from_pickle(data)


def test_a_missing_array_is_named() -> None:
    tree = published_tree()
    del tree["params"]["Logits/Conv3d_0c_1x1"]["Conv_0"]["bias"]
    with pytest.raises(BenchError, match="found: Logits/Conv3d_0c_1x1/bias"):
        i3d_weights.arrays_from_pickle(pickle.dumps(tree))


@pytest.mark.parametrize("wrong", [np.zeros((1, 1, 1, 64, 32), np.float32), np.zeros((1, 1, 1, 64, 64)), "text"])
def test_an_array_of_another_shape_or_type_is_refused(wrong: Any) -> None:
    tree = published_tree()
    tree["params"]["Conv3d_2b_1x1"]["Conv_0"]["kernel"] = wrong
    with pytest.raises(BenchError, match="where: Conv3d_2b_1x1/kernel"):
        i3d_weights.arrays_from_pickle(pickle.dumps(tree))
