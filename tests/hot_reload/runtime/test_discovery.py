"""Finding the plugin: register, then a class, then create."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hot_reload.errors import NoPluginError
from hot_reload.runtime.discovery import find


def module(source: str, name: str = "counter@g1") -> ModuleType:
    made = ModuleType(name)
    made.__file__ = "/plugins/counter.py"
    exec(source, made.__dict__)
    return made


CONTEXT: Any = SimpleNamespace(config={"k": 1})


def make(source: str) -> Any:
    return find(module(source), "app")[0](CONTEXT)


def refused(source: str) -> NoPluginError:
    with pytest.raises(NoPluginError) as caught:
        find(module(source), "app")
    assert caught.value.hint
    return caught.value


def test_F01_register_comes_first_then_a_class_then_create() -> None:
    register = "def register(app, context): return ('register', app, context.config)\n"
    kind = "class A:\n    version = '1'\n"
    create = "def create(config): return ('create', config)\n"
    assert make(register + kind + create) == ("register", "app", {"k": 1})
    assert type(make(kind + create)).__name__ == "A"
    assert make(create) == ("create", {"k": 1})


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("self", {}),
        ("self, config", {"config": {"k": 1}}),
        ("self, *, config", {"config": {"k": 1}}),
        ("self, config=None", {"config": {"k": 1}}),
        ("self, other=2", {"other": 2}),
        ("self, context", {"context": CONTEXT}),
        ("self, *, context", {"context": CONTEXT}),
        ("self, ctx, /", {"ctx": CONTEXT}),
        ("self, context, config=None", {"context": CONTEXT, "config": {"k": 1}}),
        ("self, config, context", {"context": CONTEXT, "config": {"k": 1}}),
        ("self, *args, **rest", {"args": (), "rest": {}}),
    ],
)
def test_how_a_class_is_constructed(signature: str, expected: dict[str, object]) -> None:
    source = f"class A:\n    version = '1'\n    def __init__({signature}): self.got = locals()\n"
    got = dict(make(source).got)
    del got["self"]
    assert got == expected


def test_a_class_that_wants_more_is_refused() -> None:
    error = refused("class A:\n    version = '1'\n    def __init__(self, a, b): pass\n")
    assert "it wants a, b" in str(error)


def test_a_class_without_a_signature_is_called_with_nothing() -> None:
    made = make(
        "class A(type):\n    version = '1'\n    __signature__ = 3\n    def __new__(cls): return 7\n"
    )
    assert made == 7


def test_T12_nothing_two_and_a_choice() -> None:
    assert "no plugin in the module" in str(refused("x = 1"))
    two = "class A:\n    version = '1'\nclass B:\n    metadata = {}\n"
    error = refused(two)
    assert "A and B" in str(error)
    assert error.file == "/plugins/counter.py"
    assert type(make(two + "def register(app, context): return B()\n")).__name__ == "B"


@pytest.mark.parametrize(
    "source",
    [
        "from hot_reload import Plugin\n",  # imported, not its own
        "class E(Exception):\n    version = '1'\n",
        "class A:\n    def handle(self, request): pass\n",  # no version, and nothing declared
        "PLUGIN_META = {}\nclass A: pass\n",  # declared, but it does nothing
        "import abc\nclass A(abc.ABC):\n    version = '1'\n    @abc.abstractmethod\n"
        "    def f(self): pass\n",
        "register = 3\ncreate = 4\n",
    ],
)
def test_T12_what_is_no_plugin(source: str) -> None:
    refused(source)


@pytest.mark.parametrize(
    "source",
    [
        "from hot_reload import Plugin\nclass A(Plugin): pass\n",
        "PLUGIN_META = {}\nclass A:\n    def handle(self, request): pass\n",
        "PLUGIN_METADATA = {}\nclass A:\n    def shutdown(self): pass\n",
        "class Base:\n    version = '1'\nclass A(Base): pass\n",
        "class A:\n    version = '1'\nB = A\n",
        "import enum\nclass Aside:\n    pass\nclass A:\n    version = '1'\n",
    ],
)
def test_what_is_one_plugin(source: str) -> None:
    assert type(make(source)).__name__ == "A"


def test_a_class_from_a_submodule_of_its_own_counts_and_a_strangers_does_not() -> None:
    own = type("A", (), {"version": "1", "__module__": "counter@g1.inner"})
    stranger = type("B", (), {"version": "1", "__module__": "counter@g11"})
    made = module("")
    made.A, made.B = own, stranger  # type: ignore[attr-defined]
    assert isinstance(find(made, None)[0](CONTEXT), own)
    assert "counter@g1" not in sys.modules


@pytest.mark.parametrize(
    ("parameters", "given"),
    [
        ("self", {}),
        ("self, config", {"config": {"k": 1}}),
        ("self, ctx, config=None", {"ctx": CONTEXT, "config": {"k": 1}}),
        ("self, config, /", {"config": {"k": 1}}),
        ("self, *, context", {"context": CONTEXT}),
        ("self, context, other=2", {"context": CONTEXT, "other": 2}),
    ],
)
def test_a_constructor_is_given_what_it_asks_for(parameters: str, given: dict[str, Any]) -> None:
    source = (
        f"class P:\n    version = '1'\n    def __init__({parameters}):\n"
        "        self.given = {k: v for k, v in locals().items() if k != 'self'}\n"
    )
    assert make(source).given == given


@pytest.mark.parametrize("wrapper", ["*args, **rest", "self, config, context=None"])
def test_a_decorated_constructor_is_asked_for_what_it_wraps(wrapper: str) -> None:
    """As ``functools.wraps`` leaves it, whatever the function that is called would take."""
    made = make(
        "import functools\ndef logged(f):\n    @functools.wraps(f)\n"
        f"    def call({wrapper}):\n        found = locals()\n"
        "        (found['args'][0] if 'args' in found else self).given = found\n"
        "    return call\n"
        "class P:\n    version = '1'\n    @logged\n    def __init__(self, config): ...\n"
    )
    given = made.given.get("rest", made.given)
    assert given["config"] == {"k": 1}
    assert given.get("context") is None


@pytest.mark.parametrize(
    "source",
    [
        "class P:\n version = '1'\n def __new__(cls, config): return [config]",
        "class M(type):\n def __call__(cls, config): return [config]\n"
        "class P(metaclass=M):\n version = '1'",
    ],
)
def test_a_constructor_that_is_not_init_is_asked_by_its_signature(source: str) -> None:
    assert make(source) == [{"k": 1}]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("def register(app)", "too many"),
        ("def register(app, *, context)", "too many"),
        ("def register(app, context, *, more)", "more"),
        ("def register(app, context, more)", "more"),
        ("def create()", "too many"),
        ("async def create(config, more)", "more"),
    ],
)
def test_h12_a_factory_that_does_not_fit_is_told_with_its_line(head: str, words: str) -> None:
    fault = refused(f"\n{head}: ...\n")
    assert "() does not fit: " in str(fault)
    assert words in str(fault)
    assert (fault.file, fault.line) == ("<string>", 2)
    assert "and return the plugin" in (fault.hint or "")


@pytest.mark.parametrize(
    "head", ["*given", "app, context, more=1", "app, context, *, more=1", "app, context, /, **more"]
)
def test_h12_a_factory_may_take_more(head: str) -> None:
    assert make(f"def register({head}): return 'made'\n") == "made"


def test_h12_a_wrapper_is_called_as_it_says_itself() -> None:
    source = """
import functools
def wrap(function):
    @functools.wraps(function)
    def wrapper(app, context):
        return function(context)
    return wrapper
@wrap
def register(context): return context.config
"""
    assert make(source) == {"k": 1}
    anything = source.replace("wrapper(app, context)", "wrapper(*given)")
    assert make(anything.replace("function(context)", "function(given[1])")) == {"k": 1}


def test_t12_an_abstract_plugin_is_told_what_it_lacks() -> None:
    source = (
        "import abc\nclass Base(abc.ABC):\n    version = '1'\n"
        "    @abc.abstractmethod\n    def handle(self, request): ...\n"
        "    @abc.abstractmethod\n    def close(self): ...\n"
        "class A(Base):\n    def close(self): ...\n"
    )
    fault = refused(source)
    assert str(fault) == "class A is abstract: it lacks handle"
    assert fault.file == "/plugins/counter.py"
    assert type(make(source + "    def handle(self, request): ...\n")).__name__ == "A"
    helper = "import abc\nclass Aside(abc.ABC):\n    @abc.abstractmethod\n    def go(self): ...\n"
    assert "no plugin in the module" in str(refused(helper))
