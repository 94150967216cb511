"""Settings say what does not fit, by name; what fits has the type its field declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from fundus2oct.baselines.training.settings import as_document, settings_from
from fundus2oct.metrics.errors import BenchError, ExitCode


@dataclass(frozen=True, kw_only=True)
class Inner:
    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    widths: tuple[int, ...] = (1, 2)
    mode: Literal["v", "eps"] = "v"
    file: str | None = None

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError("lr: expected above 0")


@dataclass(frozen=True, kw_only=True)
class Outer:
    train: Inner
    steps: int = 5
    is_fast: bool = False


def read(document: dict[str, object], *overrides: str) -> Outer:
    return settings_from(Outer, document, overrides, where="profile demo")


def problem(document: dict[str, object], *overrides: str) -> BenchError:
    with pytest.raises(BenchError) as caught:
        read(document, *overrides)
    assert caught.value.code == "E_CONFIG"
    assert caught.value.exit_code == ExitCode.USAGE
    return caught.value


def test_missing_keys_take_their_defaults_and_a_whole_number_is_a_real_one() -> None:
    settings = read({"train": {"lr": 1}})
    assert settings == Outer(train=Inner(lr=1.0))
    assert isinstance(settings.train.lr, float)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.lr=2e-4", Inner(lr=2e-4)),
        ("train.betas=[0.5, 0.999]", Inner(lr=1.0, betas=(0.5, 0.999))),
        ("train.widths=[1, 2, 4]", Inner(lr=1.0, widths=(1, 2, 4))),
        ("train.mode=eps", Inner(lr=1.0, mode="eps")),
        ("train.file = some/where.pt", Inner(lr=1.0, file="some/where.pt")),
    ],
)
def test_override_is_read_as_its_field_declares(override: str, expected: Inner) -> None:
    assert read({"train": {"lr": 1.0}}, override).train == expected


def test_override_leaves_the_document_as_it_was() -> None:
    document = {"train": {"lr": 1.0}}
    read(document, "train.lr=2.0")
    assert document == {"train": {"lr": 1.0}}


def test_unknown_key_names_the_nearest_one() -> None:
    error = problem({"train": {"lr": 1.0, "beta": [0.5, 0.9]}})
    assert error.what == "unknown setting train.beta"
    assert error.fix == "did you mean train.betas?"


def test_unknown_table_lists_what_there_is() -> None:
    assert problem({"train": {"lr": 1.0}, "zzz": {}}).expected == "train, steps, is_fast"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("steps=2.5", "int"),
        ("steps=true", "int"),
        ("is_fast=1", "bool"),
        ("train.lr=fast", "float"),
        ("train.betas=[0.5]", "tuple[float, float]"),
        ("train.mode=x0", "'v' or 'eps'"),
        ("train=3", "Inner"),
    ],
)
def test_value_of_another_type_is_refused(override: str, expected: str) -> None:
    assert problem({"train": {"lr": 1.0}}, override).expected == expected


def test_missing_setting_is_named() -> None:
    assert problem({"train": {}}).what == "setting train.lr is missing"


def test_values_that_contradict_a_rule_tell_it() -> None:
    assert problem({"train": {"lr": -1.0}}).found == "lr: expected above 0"


@pytest.mark.parametrize("text", ["train.lr", "=3", "train..lr=3", "steps.more=3"])
def test_override_of_another_form_is_refused(text: str) -> None:
    assert problem({"train": {"lr": 1.0}, "steps": 3}, text).where == "--set"


def test_document_of_settings_gives_the_same_settings() -> None:
    settings = Outer(train=Inner(lr=0.5, widths=(3,)), steps=7)
    assert read(as_document(settings)) == settings
