"""Values that other people's programs gave: see tests/golden/make_feature_metrics.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FEATURE_METRICS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "feature_metrics.json").read_text("utf-8")
)
