"""What a generation put into modules of others is found; its own modules are none of them."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

import pytest

from hot_reload_conformance.plugins.patches import put_into_others

SOURCE = """
import functools

def plain(): ...

@functools.wraps(len)
def disguised(): ...

class Own:
    def method(self): ...
"""


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = ModuleType("patcher@g7.part")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(SOURCE, vars(module))
    return module


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = ModuleType("patched_library")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec("class Client:\n    def send(self): ...\n", vars(module))
    return module


def found(place: str) -> list[str]:
    return [f"put a function of its own in the place of patched_library.{place}"]


def test_its_own_modules_are_no_others(own: Any, other: Any) -> None:
    assert put_into_others("patcher@g7") == []


@pytest.mark.parametrize(
    "made",
    [
        lambda own: own.plain,
        lambda own: own.disguised,
        lambda own: own.Own().method,
        lambda own: functools.partial(own.plain, 1),
        lambda own: staticmethod(own.plain),
    ],
    ids=["plain", "wraps", "bound", "partial", "static"],
)
def test_a_function_in_a_module_and_in_a_class(own: Any, other: Any, made: Any) -> None:
    other.send = made(own)
    assert put_into_others("patcher@g7") == found("send")
    del other.send
    other.Client.send = made(own)
    assert put_into_others("patcher@g7") == found("Client.send")


def test_another_generation_is_another(own: Any, other: Any) -> None:
    other.send = own.plain
    assert put_into_others("patcher@g70") == put_into_others("patcher") == []


def test_what_is_no_function_is_not_told(own: Any, other: Any) -> None:
    other.kind, other.count, other.own = own.Own, 3, own
    assert put_into_others("patcher@g7") == []
