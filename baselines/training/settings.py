"""Settings from TOML into frozen dataclasses: an unknown key is refused, a value has the type its field declares.

The dataclasses say what exists, the profile says how much of it: a dataclass field without a value in the profile
keeps its default. `--set train.lr=2e-4` is one more line of the profile. Nothing here knows what is trained.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from fundus2oct.metrics.errors import BenchError, ExitCode

Settings = TypeVar("Settings")


def settings_from(
    kind: type[Settings], document: Mapping[str, Any], overrides: Iterable[str] = (), *, where: str
) -> Settings:
    """The settings that a document and some overrides describe.

    Args:
        kind: a frozen dataclass; its fields may be dataclasses (TOML tables) themselves.
        document: a parsed TOML document.
        overrides: texts ``table.key=value``, the value as TOML writes it; quotes round a word may be left out.
        where: named in errors.

    Raises:
        BenchError: E_CONFIG, naming the key and the nearest one that exists; exit code 2.
    """
    merged = _deep_copy(document)
    for text in overrides:
        _put(merged, text)
    return _build(kind, merged, where=where, table="")


def as_document(settings: Any) -> dict[str, Any]:
    """The settings as JSON can hold them: nested dictionaries, lists for tuples."""
    return {
        field.name: as_document(value) if dataclasses.is_dataclass(value) else _plain(value)
        for field in dataclasses.fields(settings)
        for value in [getattr(settings, field.name)]
    }


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _deep_copy(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _deep_copy(value) if isinstance(value, Mapping) else value for key, value in document.items()}


def _put(document: dict[str, Any], text: str) -> None:
    """Write one override ``a.b=value`` into the document."""
    path, equals, written = text.partition("=")
    *tables, key = path.strip().split(".")
    if not equals or not key or not all(tables):
        raise _problem("not of the form table.key=value", where="--set", expected="train.lr=2e-4", found=text)
    for table in tables:
        inner = document.setdefault(table, {})
        if not isinstance(inner, dict):
            raise _problem(f"{table!r} is no table", where="--set", expected="table.key=value", found=text)
        document = inner
    document[key] = _toml_value(written.strip())


def _toml_value(written: str) -> Any:
    """A value as TOML writes it; what TOML cannot read is a word.

    >>> _toml_value("2e-4"), _toml_value("[1, 2]"), _toml_value("cosine")
    (0.0002, [1, 2], 'cosine')
    """
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return written


def _build(kind: type[Settings], document: Mapping[str, Any], *, where: str, table: str) -> Settings:
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, kind))}
    for key in document.keys() - fields.keys():
        near = difflib.get_close_matches(key, fields, n=1, cutoff=0.4)
        fix = f"did you mean {table}{near[0]}?" if near else None
        raise _problem(f"unknown setting {table}{key}", where=where, expected=", ".join(fields), fix=fix)
    values = {key: _typed(hints[key], value, where=where, name=f"{table}{key}") for key, value in document.items()}
    for name, field in fields.items():
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in values and not has_default:
            raise _problem(f"setting {table}{name} is missing", where=where, expected=_name(hints[name]))
    try:
        return kind(**values)
    except ValueError as error:
        raise _problem(
            f"settings of {table.rstrip('.') or 'the profile'} do not fit", where, found=str(error)
        ) from None


def _typed(hint: Any, value: Any, *, where: str, name: str) -> Any:
    """``value`` as the type that a field declares; a whole number is taken for a real one, nothing else is turned."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if dataclasses.is_dataclass(option) and isinstance(value, Mapping):
            return _build(typing.cast(type[Any], option), value, where=where, table=f"{name}.")
        found = _match(option, value)
        if found is not _NO_MATCH:
            return found
    raise _problem(f"setting {name} has the wrong type", where=where, expected=_name(hint), found=repr(value))


_NO_MATCH = object()


def _match(hint: Any, value: Any) -> Any:
    """``value`` where it is what ``hint`` asks for, else `_NO_MATCH`."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return value if value in inner else _NO_MATCH
    if origin is tuple:
        return _match_tuple(inner, value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    is_right = type(value) is hint or (hint is type(None) and value is None)
    return value if is_right else _NO_MATCH


def _match_tuple(inner: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return _NO_MATCH
    hints = inner[:1] * len(value) if inner[-1:] == (Ellipsis,) else inner
    items = [_match(hint, item) for hint, item in zip(hints, value, strict=False)]
    return _NO_MATCH if len(hints) != len(value) or any(item is _NO_MATCH for item in items) else tuple(items)


def _name(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(repr(option) for option in typing.get_args(hint))
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)


def _problem(
    what: str, where: str, *, expected: str | None = None, found: str | None = None, fix: str | None = None
) -> BenchError:
    return BenchError("E_CONFIG", what, where=where, expected=expected, found=found, fix=fix, exit_code=ExitCode.USAGE)
