"""The public record: a strict reader, a valid schema, a round trip, and an append-only tree."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundus2oct.benchmark.result_file import (
    SCHEMA_VERSION,
    check_result,
    list_records,
    publish_result,
    read_result,
    result_schema,
    write_result,
)
from fundus2oct.metrics.errors import BenchError

HASH = "0123456789abcdef" * 4
METRIC = {"version": "v1", "value": 1.5, "reason": None, "n_cases": 3, "n_patients": 2, "uncertainty": None}
RESULT: dict[str, Any] = {
    "schema": "fundus2oct-result",
    "schema_version": 1,
    "entry": {
        "team": "kyoto",
        "method": "flow",
        "kind": "submission",
        "title": "Flow 網膜",
        "description": "",
        "licence": "",
        "external_data": "",
        "links": [],
    },
    "phase": "final",
    "dataset": {
        "name": "toy",
        "version": "1",
        "title": "Toy",
        "description": "",
        "licence": "CC0-1.0",
        "pictures_may_be_published": True,
        "split": "test",
        "inputs_hash": HASH,
        "truth_hash": HASH,
        "n_cases": 3,
        "n_patients": 2,
    },
    "protocol": {"container": "raw", "failure_policy": "", "headline_mean": "", "metric_versions": {"psnr": "v1"}},
    "run": {
        "generator": "m:f",
        "generator_hash": None,
        "seed": 0,
        "volumes_hash": HASH,
        "isolation": "none",
        "versions": {},
    },
    "cases": {"expected": 3, "scored": 3, "failed": 0, "failures": {}},
    "metrics": {"psnr": METRIC},
    "eligible": {"value": None, "reasons": []},
    "flags": [],
    "sample": None,
    "versions": {},
}


def changed(*keys: str, value: Any) -> dict[str, Any]:
    """The good record with one value replaced."""
    result = copy.deepcopy(RESULT)
    place = result
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return result


def test_the_schema_is_a_valid_schema_and_closed_at_every_level() -> None:
    jsonschema.Draft202012Validator.check_schema(result_schema())
    text = json.dumps(result_schema())
    assert text.count('"additionalProperties"') == text.count('"type": "object"')


def test_a_good_record_is_read_back_equal(tmp_path: Path) -> None:
    write_result(tmp_path / "result.json", RESULT)
    assert read_result(tmp_path / "result.json") == RESULT


def test_a_record_of_the_first_version_is_read_as_it_is(tmp_path: Path) -> None:
    assert (RESULT["schema_version"], "strata" in RESULT) == (1, False)
    (tmp_path / "result.json").write_text(json.dumps(RESULT), "utf-8")
    assert read_result(tmp_path / "result.json") == RESULT
    assert check_result(changed("schema_version", value=2), where="here")["schema_version"] == 2


def test_a_group_of_nine_patients_is_refused_by_the_schema() -> None:
    metric = {"value": 1.0, "n_cases": 12, "n_patients": 10, "uncertainty": None}
    group = {"group": "a", "n_cases": 12, "n_patients": 10, "metrics": {"psnr": metric}}
    stratum = {"column": "device", "source": "table", "groups": [group], "left_out": 1, "reason": "few"}
    assert check_result(RESULT | {"strata": [stratum]}, where="here")["strata"] == [stratum]
    for few in ({"n_patients": 9}, {"metrics": {"psnr": metric | {"n_patients": 9}}}):
        with pytest.raises(BenchError, match="9 is less than the minimum of 10"):
            check_result(RESULT | {"strata": [stratum | {"groups": [group | few]}]}, where="here")


ESCAPED = "\\ud800"
TEXT = json.dumps(RESULT)
BYTES: dict[str, tuple[bytes, str]] = {
    "NaN": (TEXT.replace("1.5", "NaN").encode(), "E_FORMAT"),
    "Infinity": (TEXT.replace("1.5", "-Infinity").encode(), "E_FORMAT"),
    "1e999": (TEXT.replace("1.5", "1e999").encode(), "E_FORMAT"),
    "10000 digits": (TEXT.replace("1.5", "1" * 10_000).encode(), "E_FORMAT"),
    "a key twice": (TEXT.replace('"phase":', '"phase": "x", "phase":').encode(), "E_FORMAT"),
    "a deep key twice": (TEXT.replace('"seed": 0', '"seed": 0, "seed": 0').encode(), "E_FORMAT"),
    "nested lists": (b"[" * 100_000 + b"]" * 100_000, "E_FORMAT"),
    "nested objects": (b'{"a":' * 100_000, "E_FORMAT"),
    "nested to the limit": (b"[" * 900 + b"]" * 900, "E_SCHEMA|E_FORMAT"),
    "byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), "E_FORMAT"),
    "UTF-16": (TEXT.encode("utf-16"), "E_FORMAT"),
    "not UTF-8": (TEXT.replace("Toy", "T\xf6y").encode("latin-1", "ignore"), "E_FORMAT"),
    "half a surrogate": (TEXT.replace("Toy", ESCAPED).encode(), "E_FORMAT"),
    "half written": (TEXT[: len(TEXT) // 2].encode(), "E_FORMAT"),
    "trailing text": (TEXT.encode() + b"x", "E_FORMAT"),
    "empty": (b"", "E_EMPTY"),
    "newer": (json.dumps(changed("schema_version", value=SCHEMA_VERSION + 1)).encode(), "E_VERSION"),
    "newer with other keys": (b'{"schema_version": 9, "anything": 1}', "E_VERSION"),
    "older": (json.dumps(changed("schema_version", value=0)).encode(), "E_SCHEMA"),
    "true as version": (json.dumps(changed("schema_version", value=True)).encode(), "E_SCHEMA"),
    "a list": (b"[]", "E_SCHEMA"),
    "null": (b"null", "E_SCHEMA"),
}


@pytest.mark.parametrize(("data", "code"), BYTES.values(), ids=BYTES.keys())
def test_a_broken_file_is_refused_by_its_code(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "result.json").write_bytes(data)
    with pytest.raises(BenchError, match=rf"^({code}): .*result\.json") as caught:
        read_result(tmp_path / "result.json")
    assert caught.value.exit_code == 3


def test_a_huge_file_and_a_link_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "huge.json").write_bytes(b" " * (2**22 + 1))
    (tmp_path / "link.json").symlink_to("huge.json")
    for name, code in (("huge.json", "E_SIZE"), ("link.json", "E_FILETYPE")):
        with pytest.raises(BenchError, match=code):
            read_result(tmp_path / name)


BROKEN: dict[str, tuple[tuple[str, ...], Any]] = {
    "team that climbs": (("entry", "team"), "../x"),
    "phase that climbs": (("phase",), "a/b"),
    "team with a newline": (("entry", "team"), "kyoto\n"),
    "unknown kind": (("entry", "kind"), "winner"),
    "unknown container": (("protocol", "container"), "gif"),
    "extra key": (("per_case",), {}),
    "extra key in an entry": (("entry", "cases"), []),
    "value and reason": (("metrics", "psnr", "reason"), "x"),
    "neither value nor reason": (("metrics", "psnr", "value"), None),
    "text as value": (("metrics", "psnr", "value"), "1.5"),
    "negative count": (("cases", "failed"), -1),
    "short hash": (("dataset", "truth_hash"), "abc"),
    "several volumes": (("sample",), 3),
    "interval of three": (("metrics", "psnr", "uncertainty"), {"interval": [1, 2, 3]}),
}


@pytest.mark.parametrize(("keys", "value"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_named_with_its_place(keys: tuple[str, ...], value: Any) -> None:
    with pytest.raises(BenchError, match=r"^E_SCHEMA: .* where: here, \$"):
        check_result(changed(*keys, value=value), where="here")


METRICS = st.fixed_dictionaries(
    {
        "version": st.text(st.characters(exclude_categories=["Cs"])),
        "n_cases": st.integers(0, 10**6),
        "n_patients": st.integers(0, 10**6),
        "uncertainty": st.none(),
    }
).flatmap(
    lambda base: st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(lambda v: {**base, "value": v, "reason": None}),
        st.text(st.characters(exclude_categories=["Cs"])).map(lambda r: {**base, "value": None, "reason": r}),
    )
)


@settings(max_examples=30, deadline=None)
@given(metrics=st.dictionaries(st.text("abc-", min_size=1), METRICS, max_size=3), seed=st.none() | st.integers(0))
def test_what_is_written_is_read_back_equal(tmp_path_factory: Any, metrics: dict[str, Any], seed: int | None) -> None:
    result = changed("metrics", value=metrics)
    result["run"]["seed"] = seed if seed is None else seed % 2**63
    path = tmp_path_factory.mktemp("result") / "result.json"
    write_result(path, result)
    assert read_result(path) == result


def test_nothing_invalid_is_published(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="E_SCHEMA"):
        publish_result(changed("entry", "team", value="../x"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_equal_records_are_filed_once_and_others_get_the_next_number(tmp_path: Path) -> None:
    first = publish_result(RESULT, tmp_path)
    second = publish_result(changed("flags", value=["constant-volumes"]), tmp_path)
    assert publish_result(copy.deepcopy(RESULT), tmp_path) == first
    assert first.parent == tmp_path / "kyoto/flow/results/toy-1/final"
    assert [path.name[:5] for path in list_records(first.parent)] == ["0001-", "0002-"]
    assert list_records(first.parent) == [first, second]
    assert read_result(first) == RESULT


def test_numbers_go_on_after_gaps_and_beyond_9999_and_strays_are_no_records(tmp_path: Path) -> None:
    folder = publish_result(RESULT, tmp_path).parent
    for name in ("9999-01234567.json", "readme.md", ".tmp-a-0002-01234567.json", "0002-01234567.json.bak"):
        (folder / name).write_text("{}")
    last = publish_result(changed("flags", value=["x"]), tmp_path)
    assert last.name.startswith("10000-")
    assert [path.name[:4] for path in list_records(folder)] == ["0001", "9999", "1000"]
