"""What a caller gives: wrong things are his mistake, told before anything is done."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine, Settings
from hot_reload.errors import EngineMisuse
from hot_reload.runtime.arguments import (
    given_callback,
    given_config,
    given_name,
    given_names,
    given_path,
    new_name,
)


def test_what_is_fine() -> None:
    assert given_name("nobody's") == "nobody's"
    assert given_names(iter(["a", "b", "a"])) == ["a", "b"]
    assert new_name(None) is None
    assert new_name("counter-2") == "counter-2"
    assert given_path("x.py") == given_path(Path("x.py")) == Path.cwd() / "x.py"
    assert given_config(None) == {}
    config = {"a": [1]}
    assert given_config(config) == config
    assert given_config(config)["a"] is not config["a"]


async def test_f01_a_package_is_known_by_its_init_file_too(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "__init__.py").write_text("from .core import Chat\n")
    (tmp_path / "chat" / "core.py").write_text("class Chat:\n    version = '1'\n")
    async with Engine() as engine:
        outcome = (await engine.load(tmp_path / "chat" / "__init__.py")).unwrap()
        assert outcome.plugin == "chat"
        assert engine.status("chat").path == tmp_path / "chat"


class Vanishing(dict[str, Any]):
    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __deepcopy__(self, memo: object) -> object:
        raise ZeroDivisionError("no copy")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: given_name(None), "name is None; give the plugin's name"),
        (lambda: given_name(b"x" * 999), "name is b'xxx"),
        (lambda: given_names("geo"), r"names is 'geo'; give a list, such as \['geo'\]"),
        (lambda: given_names(["geo", 5]), "name is 5"),  # type: ignore[list-item]  # the mistake
        (lambda: given_names(5), "names is 5"),  # type: ignore[arg-type]  # the mistake
        (lambda: new_name("Geo!"), "name 'Geo!' is malformed"),
        (lambda: new_name(5), "name is 5"),  # type: ignore[arg-type]  # the mistake
        (lambda: given_path(""), "path is ''; give the path"),
        (lambda: given_path(None), "path is None"),  # type: ignore[arg-type]  # the mistake
        (lambda: given_path(b"x.py"), "path is b'x.py'"),  # type: ignore[arg-type]  # the mistake
        (lambda: given_config([1]), "config is a list; give a mapping"),  # type: ignore[arg-type]  # the mistake
        (lambda: given_config({"a": threading.Lock()}), "config cannot be copied .*lock"),
        (lambda: given_config({"a": Vanishing()}), "ZeroDivisionError: no copy"),
    ],
)
def test_what_is_not(call: Callable[[], object], words: str) -> None:
    with pytest.raises(EngineMisuse, match=words) as caught:
        call()
    assert len(str(caught.value)) < 400


ASKED: dict[str, Callable[[Any], Awaitable[object]]] = {
    "load": lambda engine: engine.load(None),
    "load with config": lambda engine: engine.load("x.py", config="word"),
    "reload": lambda engine: engine.reload(None),
    "reload_many": lambda engine: engine.reload_many("geo"),
    "reconfigure": lambda engine: engine.reconfigure({"geo": 5}),
    "reconfigure with a list": lambda engine: engine.reconfigure(["geo"]),
    "use": lambda engine: engine.use(None),
    "use of what is no key": lambda engine: engine.use(["geo"]),
    "call": lambda engine: engine.call(1, plugin=5),
    "unload": lambda engine: engine.unload(None),
    "enable": lambda engine: engine.enable(None),
    "disable": lambda engine: engine.disable(None),
}


@pytest.mark.parametrize("asked", ASKED)
async def test_every_operation_tells_of_it(asked: str) -> None:
    async with Engine() as engine:
        with pytest.raises(EngineMisuse, match="; give "):
            await ASKED[asked](engine)
        assert engine.history == ()


@pytest.mark.parametrize("name", [None, 5, ["geo"]])
@pytest.mark.parametrize("look", [Engine.status, Engine.plugin, Engine.source_hashes])
async def test_every_look_tells_of_it(look: Callable[..., object], name: object) -> None:
    async with Engine() as engine:
        with pytest.raises(EngineMisuse, match="give the plugin's name, a string"):
            look(engine, name)


@pytest.mark.parametrize("given", [{"hook_deadline_seconds": 5}, {}, 5, Settings])
def test_what_an_engine_is_made_with(given: Any) -> None:
    with pytest.raises(EngineMisuse, match=r"settings is a .*; give a Settings\(\.\.\.\)"):
        Engine(settings=given)
    with pytest.raises(EngineMisuse, match=r"imports is a .*; give a ImportPolicy\(\.\.\.\)"):
        Engine(imports=given)


class Waiting:
    async def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize("callback", [Waiting().__call__, Waiting(), 5, None])
async def test_a_callback_that_nobody_would_await_is_refused(callback: Any) -> None:
    with pytest.raises(EngineMisuse, match="give a function"):
        given_callback(callback, "the listener")
    async with Engine() as engine:
        for take in (engine.listen, engine.guard):
            with pytest.raises(EngineMisuse, match="give a function"):
                take(callback)


def test_callbacks_that_can_be_called() -> None:
    seen: list[object] = []
    callbacks: list[object] = [print, seen.append, type("C", (), {"__call__": print})()]
    for callback in callbacks:
        given_callback(callback, "the listener")
