"""A document: the plain data of one or more configuration files, and where each key stands."""

from __future__ import annotations

import copy
import datetime
import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hot_reload.config.json_text import parse_json
from hot_reload.config.lines import DEPTH_LIMIT, Lines
from hot_reload.config.problem import ConfigError, KeyPath, Place, Problem, kind, nearest
from hot_reload.config.toml_text import parse_toml
from hot_reload.config.yaml_text import parse_yaml
from hot_reload.errors import SourceError
from hot_reload.ports import Files
from hot_reload.source.snapshot import DiskFiles

SIZE_LIMIT_BYTES = 256 * 1024
_PARSERS = {
    ".toml": parse_toml,
    ".json": parse_json,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
}


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data (strings, finite numbers, true and false, nothing, lists, mappings).

    Dates are strings in ISO form. ``sha256`` is that of the bytes of all its files.
    """

    data: Mapping[str, Any]
    places: Mapping[KeyPath, Place] = field(repr=False)
    files: tuple[str, ...]
    sha256: str

    def place(self, path: KeyPath) -> Place | None:
        """Where the key at ``path`` stands, or the nearest one above it that has a place."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place(self.files[-1], 1) if self.files else None


def read_document(path: str | Path, files: Files | None = None) -> Document:
    """The document in the file at ``path``: TOML, JSON or YAML, by its ending.

    Raises:
        ConfigError: it cannot be read, is larger than 256 KiB, empty, malformed, nested
            deeper than 32 levels, or has at its top anything but keys.
    """
    return parse_document(read_bytes(Path(path), files or DiskFiles()), str(path))


def read_bytes(path: Path, files: Files) -> bytes:
    """The bytes of a configuration file, links followed.

    Raises:
        ConfigError: it cannot be read, or is larger than 256 KiB.
    """
    try:
        # Links are followed: what mounts configuration into a container swaps a link.
        return files.read(Path(os.path.realpath(path)), limit_bytes=SIZE_LIMIT_BYTES)
    except (SourceError, ValueError) as error:
        hint = "write the file, or name another one"
        raise ConfigError([Problem(text=str(error), hint=hint, file=str(path))]) from None


def parse_document(data: bytes, file: str) -> Document:
    """The document in ``data``, which was read from ``file``; its ending says what it is.

    Raises:
        ConfigError: as ``read_document``.
    """
    ending = os.path.splitext(file)[1].lower()
    parser = _PARSERS.get(ending)
    if parser is None:
        guess = nearest(ending, _PARSERS)
        raise _error(
            file,
            f"nobody knows the format of a file that ends with {ending!r}",
            f"rename it to end with {guess or ', '.join(_PARSERS)}",
        )
    if len(data) > SIZE_LIMIT_BYTES:
        raise _error(
            file, f"has {len(data)} bytes, more than {SIZE_LIMIT_BYTES}", "split it, or shorten it"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _error(file, "is not UTF-8", "save it as UTF-8", line) from None
    if not text.strip():
        raise _error(file, "is empty", "write at least one key, or delete the file", 1)
    lines = Lines(text, file)
    held = _plain(parser(text, lines), lines)
    if not isinstance(held, dict):
        raise _error(file, f"holds {kind(held)}, not keys", "write key and value at its top", 1)
    if not held:
        raise _error(file, "has no keys", "write at least one, or delete the file", 1)
    places = {path: Place(file, line) for path, line in lines.found.items()}
    return Document(held, places, (file,), hashlib.sha256(data).hexdigest())


def merge_documents(documents: Sequence[Document]) -> Document:
    """One document of several: a later one wins, key by key; lists are replaced whole.

    Raises:
        ConfigError: there is none.
    """
    if not documents:
        raise ConfigError([Problem(text="no configuration file is named", hint="name one")])
    if len(documents) == 1:
        return documents[0]
    data: dict[str, Any] = {}
    places: dict[KeyPath, Place] = {}
    for each in documents:
        _merge(data, each.data, ())
        places.update(each.places)
    digest = hashlib.sha256("".join(each.sha256 for each in documents).encode())
    names = tuple(name for each in documents for name in each.files)
    return Document(data, places, names, digest.hexdigest())


def _merge(base: dict[str, Any], over: Mapping[str, Any], path: KeyPath) -> None:
    for key, value in over.items():
        known = base.get(key)
        if isinstance(known, dict) and isinstance(value, Mapping):
            _merge(known, value, (*path, key))
        else:
            base[key] = copy.deepcopy(value)


def _plain(root: Any, lines: Lines) -> Any:
    """``root`` with dates as strings, and nothing in it that is no plain data."""

    def walk(value: Any, path: KeyPath) -> Any:
        if len(path) > DEPTH_LIMIT:
            raise lines.too_deep(_line(lines, path), path)
        if isinstance(value, dict):
            return {key: walk(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [walk(each, (*path, index)) for index, each in enumerate(value)]
        if isinstance(value, float) and not math.isfinite(value):
            raise lines.error(
                f"{value} is no finite number", _line(lines, path), path, "write a finite number"
            )
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        return value

    return walk(root, ())


def _line(lines: Lines, path: KeyPath) -> int:
    known = (lines.found.get(path[:length]) for length in range(len(path), 0, -1))
    return next((line for line in known if line), 0)


def _error(file: str, text: str, hint: str, line: int = 0) -> ConfigError:
    return ConfigError([Problem(text=text, hint=hint, file=file, line=line)])
