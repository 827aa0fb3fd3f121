"""Where subjects are found: by reading files, never by running them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload_conformance.subjects.configuration import Configuration, read_configuration
from hot_reload_conformance.subjects.discovery import (
    EMBEDDED,
    DiscoveryError,
    default_sources,
    embedded_path,
    sources_at,
)
from hot_reload_conformance.subjects.source import Source, SourceKind

PLUGIN = "class Counter:\n    version = '1'\n    def write(self, event): pass\n"
BOMB = "raise SystemExit('this file was run')\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def _write(root: Path, files: dict[str, str]) -> None:
    for relative, text in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _configured(root: Path) -> Configuration:
    return read_configuration(root)


def _at(root: Path, relative: str) -> tuple[Source, ...] | None:
    return sources_at(root / relative, _configured(root))


def _anchors(sources: tuple[Source, ...] | None, root: Path) -> list[str]:
    return [str(each.anchor.relative_to(root)) for each in sources or ()]


@pytest.mark.parametrize(
    "text",
    [
        "class hot_reload_host: pass\n",
        "def hot_reload_host(): ...\n",
        "hot_reload_host = Adapter\n",
        "hot_reload_host: object = Adapter\n",
        "from shop import Adapter as hot_reload_host\n",
    ],
)
def test_an_adapters_file_is_told_by_one_name(root: Path, text: str) -> None:
    _write(root, {"mine.py": text + BOMB})
    (source,) = _at(root, "mine.py") or ()
    assert source.kind is SourceKind.HOST
    assert not source.fixture


@pytest.mark.parametrize(
    "text",
    [
        "import pytest\n@pytest.fixture\ndef hot_reload_host(): ...\n",
        "from pytest import fixture\n@fixture(scope='session')\ndef hot_reload_host(): ...\n",
        "import pytest\n@pytest.fixture(name='hot_reload_host')\ndef _host(): ...\n",
    ],
)
def test_a_fixture_in_a_conftest_is_told_from_a_function(root: Path, text: str) -> None:
    _write(root, {"conftest.py": text})
    (source,) = _at(root, "conftest.py") or ()
    assert source.kind is SourceKind.HOST
    assert source.fixture


@pytest.mark.parametrize("text", [PLUGIN, "x = 1\n", "def broken(:\n", ""])
def test_any_other_file_given_by_name_is_a_plugin(root: Path, text: str) -> None:
    _write(root, {"counter.py": text + BOMB if "broken" not in text else text})
    (source,) = _at(root, "counter.py") or ()
    assert (source.kind, source.name) == (SourceKind.PLUGIN, "counter")


def test_test_files_are_ordinary_unless_there_is_a_plugin_in_them(root: Path) -> None:
    tests = "class TestIt:\n    version = '1'\n    def setup(self): ...\n"
    _write(root, {"test_a.py": tests, "b_test.py": tests, "test_plugin.py": PLUGIN})
    assert _at(root, "test_a.py") is None
    assert _at(root, "b_test.py") is None
    assert _anchors(_at(root, "test_plugin.py"), root) == ["test_plugin.py"]


def test_a_folder_gives_its_plugins_packages_and_hosts_but_not_their_modules(root: Path) -> None:
    _write(
        root,
        {
            "plugins/counter.py": PLUGIN,
            "plugins/broken.py": "def broken(:\n",
            "plugins/tables.py": "TABLE = {}\n",
            "plugins/_private.py": PLUGIN,
            "plugins/test_counter.py": "def test_it(): ...\n",
            "plugins/conftest.py": "",
            "plugins/host.py": "hot_reload_host = 1\n",
            "plugins/geo/__init__.py": "from .core import Geo\n",
            "plugins/geo/core.py": PLUGIN,
            "plugins/no_package/stray.py": PLUGIN,
        },
    )
    assert _anchors(_at(root, "plugins"), root) == [
        "plugins/broken.py",
        "plugins/counter.py",
        "plugins/geo/__init__.py",
        "plugins/host.py",
    ]


def test_a_package_is_one_plugin_under_its_own_name(root: Path) -> None:
    _write(root, {"geo/__init__.py": PLUGIN, "geo/core.py": "x = 1\n"})
    (source,) = _at(root, "geo") or ()
    assert (source.name, source.path) == ("geo", root / "geo")


def test_a_folder_of_plugins_may_have_an_init_of_its_own(root: Path) -> None:
    _write(root, {"plugins/__init__.py": "", "plugins/a.py": PLUGIN, "plugins/b.py": PLUGIN})
    assert _anchors(_at(root, "plugins"), root) == ["plugins/a.py", "plugins/b.py"]


def test_a_folder_with_nothing_in_it_says_what_was_looked_for(root: Path) -> None:
    _write(root, {"empty/notes.py": "x = 1\n"})
    with pytest.raises(DiscoveryError, match=r"no plugin and no host found in .*empty"):
        _at(root, "empty")


def test_a_folder_above_that_of_the_plugins_names_it(root: Path) -> None:
    _write(root, {"mine/plugins/a.py": PLUGIN, "mine/notes.py": "x = 1\n"})
    with pytest.raises(
        DiscoveryError, match=r"Folders in it are not searched: name .*mine/plugins"
    ):
        _at(root, "mine")


ADAPTER = "class Mine(HostAdapter):\n    name = 'mine'\n    async def flush(self): ...\n"


@pytest.mark.parametrize("name", ["mine.py", "conftest.py"])
@pytest.mark.parametrize(
    ("text", "named"),
    [
        (ADAPTER, "Mine"),
        (ADAPTER.replace("HostAdapter", "kit.HostAdapter"), "Mine"),
        (PLUGIN.replace("Counter", "Host") + ADAPTER, "Mine"),
        (ADAPTER + "class Slow(Mine): pass\n", "Slow"),
    ],
)
def test_an_adapter_without_its_name_is_no_plugin(
    root: Path, name: str, text: str, named: str
) -> None:
    _write(root, {name: text + BOMB})
    with pytest.raises(DiscoveryError, match=f"hot_reload_host = {named}\n") as caught:
        _at(root, name)
    assert "looks like the file of an adapter" in str(caught.value)
    _write(root, {name: f"{text}hot_reload_host = {named}\n"})
    (source,) = _at(root, name) or ()
    assert source.kind is SourceKind.HOST


def test_adapters_in_tests_and_in_folders_are_left_alone(root: Path) -> None:
    _write(root, {"test_mine.py": ADAPTER, "all/mine.py": ADAPTER, "all/counter.py": PLUGIN})
    assert _at(root, "test_mine.py") is None
    assert _anchors(_at(root, "all"), root) == ["all/counter.py"]


def test_a_folder_with_nothing_but_an_unnamed_adapter_says_so(root: Path) -> None:
    _write(root, {"hosts/mine.py": ADAPTER})
    with pytest.raises(DiscoveryError, match=r"mine\.py has the adapter Mine"):
        _at(root, "hosts")


def test_other_files_are_none_of_the_kits_business(root: Path) -> None:
    _write(root, {"README.md": "", "pyproject.toml": ""})
    assert _at(root, "README.md") is None
    assert _at(root, "pyproject.toml") is None


def test_pyproject_stands_for_the_host_that_it_names(root: Path) -> None:
    _write(root, {"pyproject.toml": "[tool.hot-reload]\nhost = 'a:B'\n"})
    (source,) = _at(root, "pyproject.toml") or ()
    assert (source.kind, source.target) == (SourceKind.HOST, "a:B")


def test_the_table_comes_before_the_plugins_folder(root: Path) -> None:
    table = "[tool.hot-reload]\nplugins = ['mine/a.py']\nhost = 'a:B'\n"
    _write(root, {"pyproject.toml": table, "mine/a.py": PLUGIN, "plugins/b.py": PLUGIN})
    sources, default = default_sources(_configured(root))
    assert _anchors(sources, root) == ["mine/a.py", "pyproject.toml"]
    assert not default


def test_a_plugin_in_the_table_that_is_not_there_is_named(root: Path) -> None:
    _write(root, {"pyproject.toml": "[tool.hot-reload]\nplugins = ['gone.py']\n"})
    with pytest.raises(DiscoveryError, match=r"names 'gone\.py'"):
        default_sources(_configured(root))


def test_without_a_table_the_conftest_the_folder_and_the_entry_points_count(root: Path) -> None:
    points = "[project.entry-points.'hot_reload.plugins']\ngeo = 'shop.geo:Geo'\nx = 'one'\n"
    _write(
        root,
        {
            "pyproject.toml": points,
            "conftest.py": "hot_reload_host = 1\n",
            "plugins/a.py": PLUGIN,
            "src/shop/geo/__init__.py": PLUGIN + BOMB,
            "one.py": PLUGIN + BOMB,
        },
    )
    sources, default = default_sources(_configured(root))
    assert _anchors(sources, root) == [
        "conftest.py",
        "plugins/a.py",
        "src/shop/geo/__init__.py",
        "one.py",
    ]
    assert not default


def test_an_entry_point_that_leads_nowhere_is_named(root: Path) -> None:
    points = "[project.entry-points.'hot_reload.plugins']\ngeo = 'no_such_module_1:Geo'\n"
    _write(root, {"pyproject.toml": points})
    with pytest.raises(DiscoveryError, match="entry point 'geo'"):
        default_sources(_configured(root))


def test_a_project_without_any_gets_the_embedded_default(root: Path) -> None:
    sources, default = default_sources(_configured(root))
    assert default
    assert [each.kind for each in sources] == [SourceKind.HOST, SourceKind.PLUGIN]
    for source in sources:
        assert source.anchor.is_file()
        assert embedded_path(source.label) == source.anchor
        assert sources_at(source.anchor, _configured(root)) == (source,)
    assert embedded_path("anything/else.py") is None
    assert len(EMBEDDED) == 2
