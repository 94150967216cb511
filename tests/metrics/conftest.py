"""The real I3D weights for tests marked `i3d`: fetched once if absent; without a network those tests skip by name."""

from __future__ import annotations

import pytest

from fundus2oct.metrics import weight_install, weight_registry
from fundus2oct.metrics.errors import BenchError


@pytest.fixture(scope="session")
def i3d_weights() -> None:
    """The weights are installed once this fixture was asked for."""
    try:
        weight_registry.read_verified(weight_registry.I3D)
    except BenchError:
        try:
            weight_install.install(weight_registry.I3D)
        except BenchError as error:
            pytest.skip(f"the real I3D weights cannot be installed here: {error}")
