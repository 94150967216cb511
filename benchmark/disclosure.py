"""What a phase tells the public: how many digits, whether values per case, pictures, scores by hidden labels.

Many exact scores on a hidden split are an oracle from which the truth can be learned; rounded ones are a slow one. The
rule is written into the record, so that everybody sees how it was rounded and can repeat the rounding.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fundus2oct.benchmark.strict_toml import Key

EXACT_KEYS = frozenset({"level", "schema_version"})
"""Numbers that are no measurement: a confidence level is not rounded."""

MEASURED_PARTS = ("metrics", "anatomy", "texture", "strata", "controls")

KEYS = {
    "per_case": Key(bool, "true or false"),
    "pictures": Key(bool, "true or false"),
    "labels": Key(bool, "true or false", required=False),
    "digits": Key(int, "2 to 15 significant digits; leave it out for all", lambda value: 2 <= value <= 15, False),
}


@dataclass(frozen=True, kw_only=True)
class Disclosure:
    """What may be told.

    Attributes:
        per_case: whether the values of every case are published beside the record.
        pictures: whether pictures of this phase may be shown, where the dataset's licence allows it too.
        labels: whether scores by labels of the sidecar, which participants do not have, are told.
        digits: significant digits of every measured number in public; None for all of them.
    """

    per_case: bool = False
    pictures: bool = False
    labels: bool = False
    digits: int | None = None

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Disclosure | None:
        """The rule that a record was filed under; None where there was none."""
        rule = result["protocol"].get("disclosure")
        return None if rule is None else cls(**rule)

    def marked(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """The record with this rule written into it; no number changes."""
        return {**result, "protocol": {**result["protocol"], "disclosure": asdict(self)}}

    def public(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """The record as the public may see it."""
        marked = with_strata(self.marked(result), labels=self.labels)
        dataset = marked["dataset"]
        shown = {"pictures_may_be_published": dataset["pictures_may_be_published"] and self.pictures}
        rounded = {part: round_numbers(marked[part], self.digits) for part in MEASURED_PARTS if part in marked}
        return {**marked, "dataset": {**dataset, **shown}, **rounded}

    def public_cases(self, per_case: str) -> str:
        """`per_case.csv` as the public may see it: case, failure code, and the means of the case metrics.

        Args:
            per_case: the text of the private table; its columns per B-scan, the patient and the eye are left out.
        """
        rows = list(csv.reader(io.StringIO(per_case)))
        header = rows[0]
        means = [name for name in header[4:] if not (name.rpartition("_")[0] in header and name[-1].isdigit())]
        kept = [header.index(name) for name in ("case_id", "code", *means)]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([header[i] for i in kept])
        for row in rows[1:]:
            numbers = [repr(round_numbers(float(row[i]), self.digits)) for i in kept[2:]]
            writer.writerow([row[kept[0]], row[kept[1]], *numbers])
        return buffer.getvalue()


def public_record(result: Mapping[str, Any], rule: Disclosure | None) -> dict[str, Any]:
    """The record as the public may see it: as the rule says, or as the dataset does where there is none.

    A dataset whose pictures may be published hides nothing of its cases that a group's mean could tell.
    """
    if rule is not None:
        return rule.public(result)
    return with_strata(result, labels=result["dataset"]["pictures_may_be_published"])


def with_strata(result: Mapping[str, Any], *, labels: bool) -> dict[str, Any]:
    """The record without the strata of the sidecar's labels, unless ``labels`` may be told."""
    if "strata" not in result or labels:
        return dict(result)
    return {**result, "strata": [stratum for stratum in result["strata"] if stratum["source"] != "sidecar"]}


def round_numbers(value: Any, digits: int | None) -> Any:
    """A JSON value with every number that is no count rounded to ``digits`` significant digits.

    >>> round_numbers({"fvd": 214.637, "ssim": 0.31234, "n": 12345, "level": 0.95}, 3)
    {'fvd': 215.0, 'ssim': 0.312, 'n': 12345, 'level': 0.95}
    """
    if digits is None:
        return value
    if isinstance(value, dict):
        return {key: item if key in EXACT_KEYS else round_numbers(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [round_numbers(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
