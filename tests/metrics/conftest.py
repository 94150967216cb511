"""The real EfficientNet-Lite0 weights for tests marked `weights`: fetched once if absent, else those tests skip."""

from __future__ import annotations

import pytest

from fundus2oct.metrics import weight_install, weight_registry
from fundus2oct.metrics.errors import BenchError


@pytest.fixture(scope="session")
def efficientnet_weights() -> None:
    """The weights are installed once this fixture was asked for."""
    try:
        weight_registry.read_verified(weight_registry.EFFICIENTNET_LITE0)
    except BenchError:
        try:
            weight_install.install(weight_registry.EFFICIENTNET_LITE0)
        except BenchError as error:
            pytest.skip(f"the real EfficientNet-Lite0 weights cannot be installed here: {error}")
