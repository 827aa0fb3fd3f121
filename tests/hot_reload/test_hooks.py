"""How hooks are found, under all their names, and which shapes are refused."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from hot_reload.errors import ManifestError
from hot_reload.hooks import (
    FLUSH,
    SET_RELOAD_STATE,
    SETUP,
    START,
    STOP,
    TABLE,
    Hook,
    _plainly_fits,
    bind,
)

NAMES = [(hook, name) for hook in TABLE for name in hook.names]


def plugin_with(**attributes: object) -> object:
    return type("Plugin", (), attributes)()


def test_no_name_stands_for_two_hooks_and_no_stage_calls_two() -> None:
    names = [name for _, name in NAMES]
    assert len(names) == len(set(names))
    assert len({hook.stage for hook in TABLE}) == len(TABLE)


@pytest.mark.parametrize(("hook", "name"), NAMES)
def test_f03_every_name_of_every_hook_is_found(hook: Hook, name: str) -> None:
    calls: list[tuple[Any, ...]] = []
    plugin = plugin_with(**{name: lambda self, *arguments: calls.append(arguments)})
    bound = bind(plugin)
    assert list(bound.by_name) == [hook.name]
    assert bound.has(hook)
    method = bound.get(hook)
    assert method is not None
    method(*[1] * hook.arguments)
    assert calls == [(1,) * hook.arguments]


def test_a_plugin_without_hooks_has_none() -> None:
    bound = bind(object())
    assert bound.by_name == {}
    assert not bound.has(START)
    assert bound.get(START) is None


def test_inherited_async_and_partial_hooks_count() -> None:
    class Base:
        async def start(self) -> None: ...

    class Plugin(Base):
        stop = staticmethod(functools.partial(print, "stopped"))

    bound = bind(Plugin())
    assert bound.has(START)
    assert bound.has(STOP)


def test_none_switches_an_inherited_hook_off() -> None:
    class Base:
        def start(self) -> None: ...

    class Plugin(Base):
        start = None  # type: ignore[assignment]

    assert not bind(Plugin()).has(START)


def test_one_method_under_two_names_is_one_hook() -> None:
    class Plugin:
        def stop(self) -> None: ...

        shutdown = stop

    assert list(bind(Plugin()).by_name) == ["stop"]


def test_two_methods_for_one_hook_are_refused() -> None:
    plugin = plugin_with(stop=lambda self: None, shutdown=lambda self: None)
    with pytest.raises(ManifestError, match="Plugin has stop and shutdown") as caught:
        bind(plugin)
    assert caught.value.hint == "keep one of them"


def test_two_unhashable_attributes_are_refused_in_words_too() -> None:
    with pytest.raises(ManifestError, match="Plugin has flush and drain"):
        bind(plugin_with(flush=["a"], drain=["b"]))


def generator(self: object) -> Iterator[None]:
    yield


async def async_generator(self: object) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("hook", "value", "words"),
    [
        (START, 5, "hook Plugin.start is a int, not callable"),
        (FLUSH, generator, "hook Plugin.flush is a generator"),
        (FLUSH, async_generator, "hook Plugin.flush is a generator"),
        (START, lambda self, extra: None, "hook Plugin.start does not fit"),
        (SET_RELOAD_STATE, lambda self: None, "hook Plugin.set_reload_state does not fit"),
        (SETUP, lambda self, *, config: None, "hook Plugin.setup does not fit"),
    ],
)
def test_a_hook_of_another_shape_is_refused(hook: Hook, value: object, words: str) -> None:
    with pytest.raises(ManifestError, match=words) as caught:
        bind(plugin_with(**{hook.name: value}))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("hook", "value"),
    [
        (START, lambda self, extra=None: None),
        (START, lambda self, *rest, **options: None),
        (SET_RELOAD_STATE, lambda self, state, version=None: None),
        (STOP, staticmethod(lambda: None)),
        (STOP, classmethod(lambda cls: None)),
    ],
)
def test_defaults_and_other_kinds_of_methods_fit(hook: Hook, value: object) -> None:
    assert bind(plugin_with(**{hook.name: value})).has(hook)


SIGNATURES = (
    *("self", "self, a", "self, a, b", "self, a, b=1", "self, a=1, b=2, c=3", "self, a, /, b"),
    *("self, *a", "self, a, *, k", "self, a, *, k=1", "self, **k", "self, a, *b, **k", "", "*a"),
)


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("arguments", [0, 1, 2])
def test_what_fits_by_a_glance_fits_by_its_signature(signature: str, arguments: int) -> None:
    names: dict[str, Any] = {}
    exec(f"class Plugin:\n    def hook({signature}): pass", names)
    method = names["Plugin"]().hook
    try:
        inspect.signature(method).bind(*[None] * arguments)
    except (TypeError, ValueError):  # ValueError: there is no self to take away
        assert not _plainly_fits(method, arguments)
    else:
        glanced = _plainly_fits(method, arguments)
        assert glanced or "*" in signature  # those it leaves to be asked


def test_a_generator_or_a_wrapper_is_not_judged_by_a_glance() -> None:
    class Plugin:
        def generates(self) -> Iterator[int]:
            yield 1

        @functools.wraps(bind)
        def wrapped(self) -> None: ...

    assert not _plainly_fits(Plugin().generates, 0)
    assert not _plainly_fits(Plugin().wrapped, 0)
