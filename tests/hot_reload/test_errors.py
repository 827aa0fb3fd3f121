"""The error tree: complete in its docstring, and each error carries its next step."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable

import pytest

from hot_reload import errors
from hot_reload.errors import HotReloadError, ManifestError, PluginFault


def defined_errors() -> dict[str, type[HotReloadError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, HotReloadError)
    }


def drawn_tree() -> dict[str, str | None]:
    """The docstring's tree as a mapping from each class to the one above it."""
    assert errors.__doc__ is not None
    above: dict[str, str | None] = {}
    way: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^    ([ │├└─]*)([A-Z]\w+)(?:\s|$)", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        while way and way[-1][0] >= depth:
            way.pop()
        above[name] = way[-1][1] if way else None
        way.append((depth, name))
    return above


def test_the_docstring_draws_the_tree_that_is_there() -> None:
    real = {
        name: None if error is HotReloadError else error.__bases__[0].__name__
        for name, error in defined_errors().items()
    }
    assert drawn_tree() == real


def test_everything_raised_on_purpose_has_one_root() -> None:
    for error in defined_errors().values():
        assert issubclass(error, HotReloadError)
        assert error.__doc__
    # Only what a plugin raises may be a bare BaseException.
    assert HotReloadError.__bases__ == (Exception,)


def test_a_fault_carries_place_hint_and_text() -> None:
    fault = ManifestError(
        "no version", file="a.py", line=3, hint="add one", traceback_text="Traceback"
    )
    assert str(fault) == "no version"
    assert (fault.file, fault.line, fault.hint) == ("a.py", 3, "add one")
    assert fault.traceback_text == "Traceback"
    bare = PluginFault("x")
    assert (bare.file, bare.line, bare.hint, bare.traceback_text) == (None, None, None, "")


def through_pickle(fault: PluginFault) -> PluginFault:
    again = pickle.loads(pickle.dumps(fault))
    assert isinstance(again, PluginFault)
    return again


@pytest.mark.parametrize("again", [copy.copy, through_pickle])
def test_a_fault_survives_copying_and_pickling(
    again: Callable[[PluginFault], PluginFault],
) -> None:
    fault = ManifestError("no version", file="a.py", line=3, hint="add one")
    copied = again(fault)
    assert type(copied) is ManifestError
    assert (str(copied), vars(copied)) == (str(fault), vars(fault))
