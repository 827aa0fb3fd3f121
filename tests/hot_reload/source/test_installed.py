"""Installed plugins are found by entry point, in the version asked for, without being imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hot_reload import Engine
from hot_reload.errors import EngineMisuse, SourceError
from hot_reload.source.installed import find_plugin, installed_plugins

HOSTILE = "raise SystemExit('imported')\n"
PLUGIN = "class P:\n    version = '1.0'\n    def handle(self, request): return request\n"


class Site:
    """A folder with installed distributions, as an installer leaves them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def install(self, distribution: str, version: str, **plugins: str) -> None:
        info = self.root / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        lines = [f"{name} = {module}" for name, module in plugins.items()]
        (info / "entry_points.txt").write_text("\n".join(["[hot_reload.plugins]", *lines]))

    def module(self, path: str, text: str = PLUGIN) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    return Site(tmp_path)


async def test_f06_a_plugin_is_loaded_from_an_installed_package(site: Site) -> None:
    """Of which nothing is imported, not even the packages above it."""
    site.install("acme-tools", "2.1", echo="acme.plugins.echo")
    site.module("acme/__init__.py", HOSTILE)
    site.module("acme/plugins/__init__.py", HOSTILE)
    file = site.module("acme/plugins/echo.py")
    assert find_plugin("echo", version=">=2,<3") == file
    assert not [each for each in sys.modules if each.partition(".")[0] == "acme"]
    async with Engine() as engine:
        (await engine.load(find_plugin("echo"))).unwrap()
        assert await engine.use("echo", 7) == 7


def test_f06_a_package_is_its_directory_and_a_class_its_module(site: Site) -> None:
    site.install("acme", "1.0", pack="acme_pack", klass="acme_file:P")
    package = site.module("acme_pack/__init__.py").parent
    file = site.module("acme_file.py")
    assert find_plugin("pack") == package
    assert find_plugin("klass") == file


def test_f06_a_missing_plugin_is_named_with_those_that_there_are(site: Site) -> None:
    site.install("acme", "1.0", echo="acme")
    with pytest.raises(SourceError, match=r"no plugin 'ecko' is installed; installed are: .*echo"):
        find_plugin("ecko")
    with pytest.raises(SourceError, match="no plugin 'echo' is installed by other"):
        find_plugin("echo", distribution="other")


def test_f06_a_version_that_does_not_fit_is_told(site: Site) -> None:
    site.install("acme", "1.4", echo="acme")
    with pytest.raises(SourceError, match=r"wanted in >=2, but installed is acme 1\.4") as caught:
        find_plugin("echo", version=">=2")
    assert caught.value.hint == 'python -m pip install "acme>=2"'
    with pytest.raises(EngineMisuse, match="'newest' is no range"):
        find_plugin("echo", version="newest")


def test_f06_a_prerelease_counts_and_no_version_fits_no_range(site: Site) -> None:
    site.install("acme", "2.0rc1", echo="acme_echo")
    site.install("strange", "not-a-version", odd="acme_echo")
    file = site.module("acme_echo.py")
    assert find_plugin("echo", version=">=1") == file
    assert find_plugin("odd") == file
    with pytest.raises(SourceError, match="wanted in >=1"):
        find_plugin("odd", version=">=1")


def test_f06_of_two_that_offer_it_one_is_chosen_or_both_are_named(site: Site) -> None:
    site.install("acme", "1.0", echo="one")
    site.install("other-co", "2.0", echo="two")
    first, second = site.module("one.py"), site.module("two.py")
    with pytest.raises(SourceError, match=r"'echo' is offered by acme 1\.0 and by other-co 2\.0"):
        find_plugin("echo")
    assert find_plugin("echo", distribution="Other_Co") == second
    assert find_plugin("echo", version="<2") == first


@pytest.mark.parametrize("module", ["nowhere", "acme_echo.inner", "sys"])
def test_f06_an_entry_point_without_a_file_is_told(module: str, site: Site) -> None:
    site.install("acme", "1.0", echo=module)
    site.module("acme_echo.py")
    with pytest.raises(SourceError, match=f"names the module '{module}', which has no source"):
        find_plugin("echo")


def test_f06_all_are_listed_without_an_import(site: Site) -> None:
    site.install("acme", "1.0", b="nowhere", a="nowhere")
    ours = [each for each in installed_plugins() if each.distribution == "acme"]
    assert [(each.name, str(each)) for each in ours] == [("a", "acme 1.0"), ("b", "acme 1.0")]
