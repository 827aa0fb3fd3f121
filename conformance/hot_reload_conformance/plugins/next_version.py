"""The next versions of a plugin that is judged: harmless ones, and ones that fail at a stage.

They are shown to the engine through an overlay; the author's file is never written.
"""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload import hooks
from hot_reload.hooks import Hook
from hot_reload.outcome import Stage

_HOOKS: dict[str, Hook] = {
    "start": hooks.START,
    "set_reload_state": hooks.SET_RELOAD_STATE,
    "health_check": hooks.HEALTH_CHECK,
    "on_reload": hooks.ON_RELOAD,
}


@dataclass(frozen=True, slots=True)
class BadVersion:
    """One way in which an upgrade fails. ``text`` None: the file cannot be read."""

    name: str
    stage: Stage
    says: str
    """What is wrong with it, for the story."""


BAD_VERSIONS: tuple[BadVersion, ...] = (
    BadVersion("read", Stage.READ, "its file cannot be read"),
    BadVersion("empty", Stage.READ, "its file is empty"),
    BadVersion("syntax", Stage.SYNTAX, "its file has a syntax error"),
    BadVersion("import", Stage.IMPORT, "its module raises as it is imported"),
    BadVersion("exit", Stage.IMPORT, "its module calls sys.exit() as it is imported"),
    BadVersion("no-plugin", Stage.PLUGIN, "there is no plugin in it"),
    BadVersion("construct", Stage.CONSTRUCT, "its constructor raises"),
    BadVersion("start", Stage.START, "its start() does its work, then raises"),
    BadVersion("set_reload_state", Stage.RESTORE, "its set_reload_state() raises at the end"),
    BadVersion("health_check", Stage.HEALTH, "its health_check() raises"),
    BadVersion("on_reload", Stage.ON_RELOAD, "its on_reload() raises"),
)


def harmless(data: bytes, number: int) -> bytes:
    """The same plugin in other bytes."""
    return b"%s\n# generation %d\n" % (data, number)


def spoiled(data: bytes, bad: BadVersion) -> bytes:
    """``data`` so changed that it fails as ``bad`` says; not for the stage ``read``."""
    match bad.name:
        case "empty":
            return b""
        case "syntax":
            return data + b"\n\ndef planned_by_the_kit(:\n"
        case "import":
            return data + b"\n\nraise RuntimeError('planned by the kit: this version is broken')\n"
        case "exit":
            return data + b"\n\nraise SystemExit('planned by the kit: this version exits')\n"
        case "no-plugin":
            return b"nothing_here = 1\n"
        case "construct":
            return data + _WRAPPER.format(names=("__init__",), after=True).encode()
    hook = _HOOKS[bad.name]
    return data + _WRAPPER.format(names=hook.names, after=True).encode()


_WRAPPER = """

def _planned_by_the_kit():
    import functools, inspect

    names = {names!r}

    def spoil(kind):
        name = next((each for each in names if hasattr(kind, each)), names[0])
        original = getattr(kind, name, None)

        def fail():
            raise RuntimeError("planned by the kit: this version fails in " + name)

        if inspect.iscoroutinefunction(original):
            async def spoiled(self, *arguments, **keywords):
                await original(self, *arguments, **keywords)
                fail()
        else:
            def spoiled(self, *arguments, **keywords):
                if original is not None:
                    original(self, *arguments, **keywords)
                fail()

        if original is not None:
            functools.update_wrapper(spoiled, original)
        setattr(kind, name, spoiled)

    def wrapped(factory):
        if inspect.iscoroutinefunction(factory):
            @functools.wraps(factory)
            async def make(*arguments):
                return adopted(await factory(*arguments))
        else:
            @functools.wraps(factory)
            def make(*arguments):
                return adopted(factory(*arguments))
        return make

    done = set()

    def adopted(plugin):
        kind = type(plugin)
        if kind not in done:
            done.add(kind)
            spoil(kind)
            if names[0] == "__init__":
                raise RuntimeError("planned by the kit: this version fails in __init__")
        return plugin

    top = __name__.partition(".")[0]
    for name, value in list(globals().items()):
        if isinstance(value, type) and value.__module__.partition(".")[0] == top:
            if value not in done and not issubclass(value, BaseException):
                done.add(value)
                spoil(value)
        elif name in ("register", "create") and inspect.isfunction(value):
            globals()[name] = wrapped(value)


_planned_by_the_kit()
"""
