"""A namespace for each generation: every kind of import reaches its own."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import logging
import os
import pickle
import py_compile
import shutil
import sys
import typing
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hot_reload.errors import SourceSyntaxError
from hot_reload.source import namespace as namespace_module
from hot_reload.source.code import CodeCache
from hot_reload.source.namespace import Namespace, _Finder, _live
from hot_reload.source.snapshot import DiskFiles, take_snapshot
from hot_reload_fixtures import PluginDirectory, SaveStyle, collect_garbage


@dataclasses.dataclass
class Others:
    """Neighbours by the name of the plugin."""

    namespaces: Mapping[str, Namespace]

    def importable(self, top: str) -> list[str]:
        return [name for name, each in self.namespaces.items() if each.snapshot.top == top]

    def namespace(self, plugin: str) -> Namespace | None:
        return self.namespaces.get(plugin)


class Maker:
    """Makes generations of what lies in a directory, and releases them."""

    def __init__(self, plugins: PluginDirectory) -> None:
        self.plugins = plugins
        self.codes = CodeCache()
        self.made: list[Namespace] = []

    def generation(
        self,
        path: Path,
        neighbours: Mapping[str, Namespace] | None = None,
        declared: Sequence[str] = (),
    ) -> Namespace:
        number = len(self.made) + 1
        snapshot = take_snapshot(path, DiskFiles())
        others = Others(neighbours or {})
        self.made.append(
            Namespace(snapshot, number, self.codes, neighbours=others, declared=lambda: declared)
        )
        return self.made[-1]

    def module(self, name: str, source: str) -> ModuleType:
        return self.generation(self.plugins.write(name, source)).execute()

    def package(self, name: str, sources: Mapping[str, str]) -> ModuleType:
        return self.generation(self.plugins.write_package(name, sources)).execute()


@pytest.fixture
def maker(hot_reload_dir: PluginDirectory) -> Iterator[Maker]:
    modules, finders = set(sys.modules), list(sys.meta_path)
    loggers = set(logging.Logger.manager.loggerDict)
    maker = Maker(hot_reload_dir)
    yield maker
    for each in maker.made:
        each.release()
    maker.made.clear()
    assert {name for name in set(sys.modules) - modules if "@g" in name} == set()
    assert sys.meta_path == finders
    assert {name for name in set(logging.Logger.manager.loggerDict) - loggers if "@g" in name} == (
        set()
    )


def test_two_generations_live_side_by_side(maker: Maker) -> None:
    one = maker.module("counter", "value = 1")
    two = maker.module("counter", "value = 2")
    assert (one.value, two.value) == (1, 2)
    assert (one.__name__, two.__name__) == ("counter@g1", "counter@g2")
    assert sys.modules["counter@g1"] is one
    assert "counter" not in sys.modules
    assert two.__file__ == str(maker.plugins.path("counter"))
    assert two.__spec__ is not None
    assert two.__spec__.cached is None
    assert not hasattr(two, "__cached__")


PACKAGE = {
    "__init__": """
        import chat.words
        import chat.words as aliased
        from chat import words as chosen
        from chat.words import greeting
        from chat.all_of_it import *
        from . import sub
        from .sub.deep import depth, up
        def late():
            from chat import lazy
            import chat.lazy_two
            from .sub import late_sub
            return (lazy.value, chat.lazy_two.value, late_sub.value)
    """,
    "words": "greeting = 'hello'",
    "all_of_it": "__all__ = ['starred']\nstarred = '*'\nhidden = 1",
    "lazy": "value = 1",
    "lazy_two": "value = 1",
    "sub/__init__": "",
    "sub/deep": "depth = 2\nfrom .. import words as up\nfrom chat.sub import late_sub",
    "sub/late_sub": "value = 1",
}


def test_every_kind_of_import_reaches_its_own_generation(maker: Maker) -> None:
    one = maker.package("chat", PACKAGE)
    maker.plugins.edit("chat/words", "hello", "goodbye")
    maker.plugins.edit("chat/lazy", "1", "2")
    maker.plugins.edit("chat/lazy_two", "1", "2")
    maker.plugins.edit("chat/sub/late_sub", "1", "2")
    two = maker.generation(maker.plugins.path("chat")).execute()
    for module, greeting, late in ((one, "hello", (1, 1, 1)), (two, "goodbye", (2, 2, 2))):
        assert module.greeting == greeting
        assert module.words is module.aliased is module.chosen is module.up
        assert module.words.__name__ == f"{module.__name__}.words"
        assert module.chat is module
        assert (module.starred, module.depth) == ("*", 2)
        assert not hasattr(module, "hidden")
        assert module.late() == late


def test_import_of_itself_is_its_own_generation(maker: Maker) -> None:
    module = maker.module("counter", "import counter\nvalue = 1\ndef me(): return counter")
    assert module.me() is module


def test_an_import_cycle_within_a_package(maker: Maker) -> None:
    module = maker.package(
        "chat",
        {
            "__init__": "from . import a",
            "a": "from chat import b\ndef f(): return b.g()",
            "b": "import chat.a\ndef g(): return chat.a.__name__",
        },
    )
    assert module.a.f() == "chat@g1.a"


def test_a_late_import_after_release_is_served_and_not_published(maker: Maker) -> None:
    module = maker.package("chat", PACKAGE)
    (namespace,) = maker.made
    names = namespace.modules()
    namespace.release()
    namespace.release()
    assert namespace.modules().keys() == names.keys()
    maker.plugins.edit("chat/lazy", "1", "2")
    assert module.late() == (1, 1, 1)  # of its own bytes
    assert module.late() == (1, 1, 1)
    assert not [name for name in sys.modules if name.startswith("chat@g1")]


def test_a_late_import_after_release_that_fails(maker: Maker) -> None:
    module = maker.package(
        "chat",
        {
            "__init__": """
                def missing():
                    import chat.nowhere
                def broken():
                    from chat import bad
                def absent():
                    from chat import no_such_name
                def plain():
                    import chat
                    return chat
                def outside():
                    import json
                    return json
            """,
            "bad": "raise ValueError('bad')",
        },
    )
    maker.made[0].release()
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        module.missing()
    for _ in range(2):  # what failed is not kept half done
        with pytest.raises(ValueError, match="bad"):
            module.broken()
    with pytest.raises(ImportError, match="no_such_name"):
        module.absent()
    assert module.plain() is module
    assert module.outside() is importlib.import_module("json")


def test_imports_of_what_is_not_there_fail_as_ever(maker: Maker) -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        maker.package("chat", {"__init__": "import chat.nowhere"})
    assert _Finder().find_spec("counter@g99") is None
    assert _Finder().find_spec("json") is None


def test_dataclasses_type_hints_and_pickle_work_while_it_lives(maker: Maker) -> None:
    module = maker.module(
        "counter",
        """
        from __future__ import annotations
        import dataclasses, enum
        class Colour(enum.Enum):
            RED = 1
        @dataclasses.dataclass
        class Point:
            x: int
            colour: Colour = Colour.RED
            other: Point | None = None
        """,
    )
    assert typing.get_type_hints(module.Point)["colour"] is module.Colour
    point = module.Point(1, other=module.Point(2))
    assert pickle.loads(pickle.dumps(point)) == point
    assert dataclasses.asdict(point)["other"]["x"] == 2


def test_F23_source_and_tracebacks_are_of_the_real_file(maker: Maker) -> None:
    module = maker.module("counter", "def f():\n    return 1\n")
    assert module.f.__code__.co_filename == str(maker.plugins.path("counter"))
    assert inspect.getsource(module.f) == "def f():\n    return 1\n"
    loader = module.__spec__.loader if module.__spec__ else None
    assert isinstance(loader, importlib.abc.InspectLoader)
    assert loader.get_source("counter@g1") == "def f():\n    return 1\n"
    assert not loader.is_package("counter@g1")
    assert loader.get_filename("counter@g1") == module.__file__  # type: ignore[attr-defined]


def test_a_module_named_like_the_standard_library(maker: Maker) -> None:
    """A plugin in json.py shadows json for nobody, and not for itself either.

    Everyone else gets the standard library's, which is in ``sys.modules`` under that
    name. So does the plugin: a single file that says ``import json`` can only mean
    that one, and a package of such a name reaches its own modules by relative imports.
    """
    import json

    module = maker.module("json", "import json\ntext = json.dumps([1])\nmine = True")
    assert module.text == "[1]"
    assert module.json is json
    assert sys.modules["json"] is json
    assert not hasattr(json, "mine")
    package = maker.package(
        "logging", {"__init__": "import logging\nfrom . import own", "own": "value = 1"}
    )
    assert package.logging is logging
    assert package.own.value == 1


def test_two_plugins_with_one_file_name_do_not_meet(maker: Maker) -> None:
    one = maker.generation(maker.plugins.write("a/counter", "import counter as me\nv = 'a'"))
    two = maker.generation(maker.plugins.write("b/counter", "import counter as me\nv = 'b'"))
    assert (one.execute().v, two.execute().v) == ("a", "b")
    assert one.execute().me is one.execute()


def test_two_engines_generations_of_one_number_do_not_meet(maker: Maker) -> None:
    path = maker.plugins.write("counter", "value = 1")
    one = Namespace(take_snapshot(path, DiskFiles()), 1, maker.codes)
    maker.plugins.write("counter", "value = 2")
    two = Namespace(take_snapshot(path, DiskFiles()), 1, maker.codes)
    maker.made += [one, two]
    assert (one.execute().value, two.execute().value) == (1, 2)
    one.release()
    assert sys.modules[two.top].value == 2


def test_a_dependency_is_the_generation_that_it_was_given(maker: Maker) -> None:
    geo = maker.generation(maker.plugins.write_package("geo", {"__init__": "v = 1", "n": "m = 1"}))
    geo.execute()
    user = maker.generation(
        maker.plugins.write("user", "import geo.n\nfrom geo import v\nm = geo.n.m"),
        {"places": geo},
        ["places"],
    )
    module = user.execute()
    assert (module.v, module.m) == (1, 1)
    assert module.geo.__name__ == "geo@g1"
    assert user.seal(["places"]) == frozenset()


def test_a_neighbour_that_is_not_declared_is_reached_and_told_of(maker: Maker) -> None:
    geo = maker.generation(maker.plugins.write("geo", "v = 1"))
    user = maker.generation(maker.plugins.write("user", "import geo"), {"geo": geo})
    assert user.execute().geo.v == 1
    assert user.seal([]) == {"geo"}


def test_a_distribution_comes_before_a_neighbour_that_is_not_declared(maker: Maker) -> None:
    path = maker.plugins.write("packaging", "v = 1")
    neighbours = {"boxes": maker.generation(path)}
    user = maker.plugins.write("user", "import packaging")
    assert maker.generation(user, neighbours).execute().packaging.__name__ == "packaging"
    assert maker.generation(user, neighbours, ["boxes"]).execute().packaging.v == 1


def test_a_neighbour_never_stands_in_for_the_standard_library(maker: Maker) -> None:
    neighbours = {"json": maker.generation(maker.plugins.write("json", "v = 1"))}
    user = maker.generation(maker.plugins.write("user", "import json"), neighbours, ["json"])
    assert user.execute().json.dumps(1) == "1"


def test_a_sealed_namespace_imports_what_it_declared_and_nobody_else(maker: Maker) -> None:
    neighbours = {
        name: maker.generation(maker.plugins.write(name, "v = 1")) for name in ("geo", "maps")
    }
    source = "def late(name):\n    if name == 'geo':\n        import geo as it\n"
    source += "    else:\n        import maps as it\n    return it.v"
    user = maker.generation(maker.plugins.write("user", source), neighbours, ["geo"])
    module = user.execute()
    assert user.seal(["geo", "gone"]) == frozenset()
    assert module.late("geo") == 1
    with pytest.raises(ModuleNotFoundError):
        module.late("maps")


def test_a_neighbour_of_which_nothing_runs_cannot_be_imported(maker: Maker) -> None:
    class Gone(Others):
        def importable(self, top: str) -> list[str]:
            return ["geo"]

    path = maker.plugins.write("user", "import geo")
    snapshot = take_snapshot(path, DiskFiles())
    user = Namespace(snapshot, 1, maker.codes, neighbours=Gone({}), declared=lambda: ["geo"])
    with pytest.raises(ModuleNotFoundError):
        user.execute()
    user.release()


def test_the_neighbours_that_a_text_may_import_come_after_what_they_import(maker: Maker) -> None:
    """Round and round too, and itself never."""
    neighbours: dict[str, Namespace] = {}
    sources = {
        "base": "x = 1",
        "middle": "import base, top",
        "round": "import middle, round",
        "top": "import os\nfrom round import x\ndef late():\n    import middle, top",
        "apart": "import base",
    }
    for name, source in sources.items():
        path = maker.plugins.write(name, source)
        neighbours[name] = maker.generation(path, neighbours)
    top = neighbours["top"]
    top._neighbours = others = Others(neighbours)
    assert [each.snapshot.top for each in top.reachable()] == ["base", "middle", "round"]
    assert others.importable("apart") == ["apart"]
    top.seal([])
    assert top.reachable() == []
    assert neighbours["base"].reachable() == []


def test_a_declared_neighbour_of_which_nothing_runs_is_absent_until_it_is_sealed(
    maker: Maker,
) -> None:
    geo = maker.generation(maker.plugins.write("geo", "v = 1"))
    path = maker.plugins.write("user", "import geo")
    user = maker.generation(path, {"geo": geo}, ["lost", "geo", "gone"])
    assert user.absent() == ["gone", "lost"]
    user.seal(["geo"])
    assert user.absent() == []
    assert user.seal(["geo"]) == frozenset(), "and a second time nothing is asked"


def test_a_namespace_of_its_own_has_no_neighbours(maker: Maker) -> None:
    snapshot = take_snapshot(maker.plugins.write("alone", "import geo"), DiskFiles())
    alone = Namespace(snapshot, 1, maker.codes)
    assert alone.reachable() == []
    assert alone.absent() == []
    with pytest.raises(ModuleNotFoundError, match="geo"):
        alone.execute()
    assert alone.seal(["geo"]) == frozenset()
    alone.release()


def test_a_late_import_below_one_file_fails_as_ever(maker: Maker) -> None:
    module = maker.module("chat", "def late():\n    import chat.words")
    with pytest.raises(ModuleNotFoundError, match="words"):
        module.late()
    maker.made[0].release()
    with pytest.raises(ModuleNotFoundError, match="words"):
        module.late()


EXTENSIONS = ("_heapq", "_bisect", "_json", "_csv", "_queue")


def test_a_compiled_extension_goes_with_its_generation(maker: Maker) -> None:
    found = [importlib.util.find_spec(name) for name in EXTENSIONS]
    files = [(spec.name, spec.origin) for spec in found if spec is not None and spec.has_location]
    if not files:
        pytest.skip("this Python has its extensions built in: install one that loads them")
    name, origin = files[0]
    assert origin is not None
    path = maker.plugins.write_package("chat", {"__init__": f"from . import {name} as inner"})
    shutil.copy(origin, path)
    namespace = maker.generation(path)
    module = namespace.execute()
    assert module.inner.__name__ == f"chat@g1.{name}"
    assert module.inner is not sys.modules.get(name)
    assert os.path.dirname(module.inner.__file__) == str(path)
    namespace.release()
    assert f"chat@g1.{name}" not in sys.modules


def test_names_with_dots_marks_and_other_letters(maker: Maker) -> None:
    for name in ("my.plugin", "a@g1", "zähler", "with space"):
        path = maker.plugins.root / f"{name}.py"
        path.write_text("value = __name__", encoding="utf-8")
        assert maker.generation(path).execute().value.endswith(f"@g{len(maker.made)}")


def test_compile_all_finds_an_error_in_a_file_that_is_imported_late(maker: Maker) -> None:
    late = "def f():\n    from . import bad"
    path = maker.plugins.write_package("chat", {"__init__": late, "bad": "def f(:"})
    with pytest.raises(SourceSyntaxError):
        maker.generation(path).compile_all()
    assert not [name for name in sys.modules if name.startswith("chat@g")]


def test_compile_all_tells_an_error_in_a_file_that_nobody_imports(maker: Maker) -> None:
    path = maker.plugins.write_package("chat", {"__init__": "", "bad": "def f(:"})
    found = maker.generation(path).compile_all()
    assert {name: Path(str(each.file)).name for name, each in found.items()} == {"bad": "bad.py"}


def test_loggers_by_module_name_are_forgotten(maker: Maker) -> None:
    maker.package(
        "chat",
        {
            "__init__": "import logging\nfrom . import a\nlog = logging.getLogger(__name__)",
            "a": "import logging\nlog = logging.getLogger(__name__)",
        },
    )
    assert "chat@g1.a" in logging.Logger.manager.loggerDict
    maker.made[0].release()
    assert not [name for name in logging.Logger.manager.loggerDict if name.startswith("chat@g1")]


def test_the_finder_is_there_only_while_a_generation_lives(maker: Maker) -> None:
    before = list(sys.meta_path)
    maker.module("counter", "value = 1")
    maker.module("other", "value = 1")
    assert len(sys.meta_path) == len(before) + 1
    maker.made[0].release()
    assert len(sys.meta_path) == len(before) + 1
    maker.made[1].release()
    assert sys.meta_path == before
    assert not _live


def test_the_name_of_a_generation_that_was_dropped_unreleased_is_free_again(maker: Maker) -> None:
    path = maker.plugins.write("counter", "value = 1")
    dropped = Namespace(take_snapshot(path, DiskFiles()), 1, maker.codes)
    top = dropped.top
    assert top in _live
    del dropped
    collect_garbage()
    assert top not in _live


def test_a_release_that_is_interrupted_is_done_again(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.module("counter", "import logging; logging.getLogger(__name__)")
    interrupts = iter([MemoryError])

    def interrupted(top: str) -> None:
        for each in interrupts:
            raise each
        forget(top)

    forget = namespace_module._forget_loggers
    monkeypatch.setattr(namespace_module, "_forget_loggers", interrupted)
    with pytest.raises(MemoryError):
        maker.made[0].release()
    maker.made[0].release()
    assert "counter@g1" not in logging.Logger.manager.loggerDict
    assert "counter@g1" not in _live


def test_a_second_release_leaves_a_namesake_alone(maker: Maker) -> None:
    maker.module("counter", "value = 1")
    maker.made[0].release()
    snapshot, codes = maker.made[0].snapshot, CodeCache()
    maker.made.append(Namespace(snapshot, 1, codes))
    maker.made[1].execute()
    maker.made[0].release()
    assert sys.modules["counter@g1"] is maker.made[1].modules()["counter@g1"]


def test_someone_who_empties_the_meta_path_is_survived(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker.module("counter", "value = 1")
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _Finder)]
    maker.made[0].release()
    assert maker.module("other", "value = 2").value == 2


def test_a_released_generation_is_garbage(maker: Maker) -> None:
    import weakref

    module = maker.package("chat", PACKAGE)
    watched = [weakref.ref(each) for each in maker.made[0].modules().values()]
    maker.made.pop().release()
    del module
    collect_garbage()
    assert [each() for each in watched] == [None] * len(watched)


@pytest.fixture
def bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)


@pytest.mark.usefixtures("bytecode")
def test_the_byte_rule_same_size_and_mtime(maker: Maker) -> None:
    path = maker.plugins.write("counter", "value = 1")
    # The trap is real: importlib itself serves the stale bytecode here.
    py_compile.compile(str(path), doraise=True)
    maker.plugins.write("counter", "value = 2", same_second=True)
    spec = importlib.util.spec_from_file_location("stale_counter", path)
    assert spec is not None
    assert spec.loader is not None
    stale: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stale)
    assert stale.value == 1
    assert maker.generation(path).execute().value == 2


@pytest.mark.usefixtures("bytecode")
def test_the_byte_rule_with_a_planted_bytecode_file(maker: Maker) -> None:
    path = maker.plugins.write_package("chat", {"__init__": "from . import a", "a": "value = 2"})
    planted = maker.plugins.write("evil", "value = 666")
    file = path / "a.py"
    for mode in (
        py_compile.PycInvalidationMode.UNCHECKED_HASH,
        py_compile.PycInvalidationMode.TIMESTAMP,
    ):
        py_compile.compile(
            str(planted),
            cfile=importlib.util.cache_from_source(str(file)),
            dfile=str(file),
            doraise=True,
            invalidation_mode=mode,
        )
        assert maker.generation(path).execute().a.value == 2
    written = {each.name for each in path.rglob("*.pyc")}
    assert written == {Path(importlib.util.cache_from_source("a.py")).name}  # none by us


@pytest.mark.parametrize("style", SaveStyle)
def test_every_save_style_is_read_as_it_is(maker: Maker, style: SaveStyle) -> None:
    path = maker.plugins.write("counter", "value = 1")
    assert maker.generation(path).execute().value == 1
    maker.plugins.save("counter", "value = 2", style)
    assert maker.generation(path).execute().value == 2
    assert os.path.exists(path)


FOLDERS = {
    "__init__": "from .deep import leaf\nimport chat.deep.leaf as same\n"
    "from chat.deep import leaf as too",
    "deep/leaf": "value = 1",
}


def test_folders_without_an_init_go_with_their_generation(maker: Maker) -> None:
    module: Any = maker.package("chat", FOLDERS)
    assert module.leaf is module.same is module.too
    assert "chat@g1.deep" in sys.modules
    maker.made[0].release()
    assert {name for name in sys.modules if name.startswith("chat@g1")} == set()


def test_a_late_import_through_a_folder_after_release(maker: Maker) -> None:
    late = {"__init__": "def late():\n    from .deep import leaf\n    return leaf.value"}
    module: Any = maker.package("chat", {**FOLDERS, **late})
    maker.made[0].release()
    assert module.late() == 1


@pytest.mark.usefixtures("bytecode")
def test_the_byte_rule_with_a_file_that_came_later(maker: Maker) -> None:
    """An old generation that imports late finds what there was, not what is new on the disk."""
    late = {"__init__": "def late():\n    from . import added\n    return added.value"}
    module: Any = maker.package("chat", late)
    path = maker.plugins.write_package("chat", {**late, "added": "value = 2"})
    with pytest.raises(ImportError, match="added"):
        module.late()
    assert not list(path.glob("**/*.pyc"))
    assert maker.generation(path).execute().late() == 2


@pytest.mark.parametrize(
    "expression",
    [
        "importlib.resources.files(__package__).joinpath('words.txt').read_text()",
        "importlib.resources.files(__package__).joinpath('data', 'words.txt').read_text()",
        "importlib.resources.files(__package__ + '.data').joinpath('words.txt').read_text()",
        "importlib.resources.files(__package__ + '.sub').joinpath('words.txt').read_text()",
        "pkgutil.get_data(__name__, 'words.txt').decode()",
        "pkgutil.get_data(__name__, 'data/words.txt').decode()",
    ],
)
def test_data_files_beside_the_modules(maker: Maker, expression: str) -> None:
    path = maker.plugins.write_package(
        "chat",
        {
            "__init__": f"import importlib.resources, pkgutil\ndef words(): return {expression}",
            "sub/__init__": "",
        },
    )
    for folder in ("", "data", "sub"):
        (path / folder).mkdir(exist_ok=True)
        (path / folder / "words.txt").write_text("hello")
    module: Any = maker.generation(path).execute()
    assert module.words() == "hello"


def test_pkgutil_gives_a_source_file_as_it_runs(maker: Maker) -> None:
    source = "import pkgutil\ndef text(): return pkgutil.get_data(__name__, '__init__.py').decode()"
    module: Any = maker.package("chat", {"__init__": source})
    maker.plugins.write_package("chat", {"__init__": "broken ="})
    assert module.text().rstrip() == source


def test_find_spec_of_what_is_not_there_is_none(maker: Maker) -> None:
    """As Python has it; of what was written since, the generation has none either."""
    module = maker.package("chat", {"__init__": "import importlib.util"})
    find = importlib.util.find_spec
    assert find(".absent", module.__name__) is None
    maker.plugins.path("chat").joinpath("absent.py").write_text("NEW = 1\n")
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match="absent"):
        find(".absent", module.__name__)
    with pytest.raises(ModuleNotFoundError, match="absent"):
        importlib.import_module(".absent", module.__name__)


def test_r8_types_made_of_a_plugins_own_classes_do_not_keep_its_generation(maker: Maker) -> None:
    source = """
        import typing
        T = typing.TypeVar("T")
        class Job(typing.Generic[T]):
            def parent(self) -> "typing.Optional[Job]": ...
        Jobs = typing.Dict[str, typing.List[Job]]
        Maybe = typing.Union[Job[int], typing.Callable[[Job], None], None]
        hints = typing.get_type_hints(Job.parent)
    """
    module = maker.module("jobs", source)
    assert module.hints == {"return": module.Job | None}
    watched = weakref.ref(module)
    del module
    maker.made.pop().release()
    collect_garbage()
    assert watched() is None


def test_the_lines_that_python_shows_are_those_that_run(maker: Maker) -> None:
    """After an edit of the same size at the same moment, too."""
    path = maker.plugins.write("counter", "def f(): return 111\n")
    moment = path.stat().st_mtime_ns
    before = maker.generation(path).execute()
    assert "111" in inspect.getsource(before.f)
    path.write_text(path.read_text().replace("111", "222"))
    os.utime(path, ns=(moment, moment))
    after = maker.generation(path).execute()
    assert "222" in inspect.getsource(after.f)
