"""What a learned baseline declares, and its profiles: the settings that are shipped with the package.

`bench train NAME` finds the declaration as ``METHOD`` in the module that the catalogue names.
"""

from __future__ import annotations

import importlib
import importlib.resources
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fundus2oct.baselines.networks.conditioning import ConditioningConfig
from fundus2oct.baselines.training.settings import settings_from
from fundus2oct.baselines.training.task import Stage
from fundus2oct.baselines.training.train_settings import DataSettings, TrainSettings


class MethodSettings(Protocol):
    """What the settings of every learned method hold; each is a frozen dataclass with more of its own."""

    @property
    def data(self) -> DataSettings:
        """Sizes of the pictures."""
        ...

    @property
    def conditioning(self) -> ConditioningConfig:
        """What is shown of a photograph."""
        ...

    @property
    def train(self) -> TrainSettings:
        """Optimiser and budget."""
        ...


@dataclass(frozen=True)
class LearnedMethod:
    """A baseline that is trained in steps.

    Attributes:
        name: as in the catalogue.
        settings: the frozen dataclass of its settings, a `MethodSettings`.
        stages: from settings to the stages of training.
    """

    name: str
    settings: type[Any]
    stages: Callable[[Any], Sequence[Stage]]


def load_method(module: str) -> LearnedMethod:
    """The declaration in a module."""
    declared = importlib.import_module(module).METHOD
    if not isinstance(declared, LearnedMethod):
        raise TypeError(f"{module}.METHOD: expected a LearnedMethod, found {type(declared).__name__}")
    return declared


def profile_settings(method: LearnedMethod, profile: str, overrides: Sequence[str] = ()) -> Any:
    """The settings of a shipped profile with overrides, as the method's dataclass.

    Raises:
        BenchError: E_CONFIG for an override that does not fit.
    """
    name = f"{method.name}-{profile}.toml"
    text = importlib.resources.files("fundus2oct.baselines").joinpath("profiles", name).read_text("utf-8")
    where = f"profile {profile}" + (" with --set" if overrides else "")
    return settings_from(method.settings, tomllib.loads(text), overrides, where=where)
