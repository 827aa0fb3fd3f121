"""Where the plugin of an entry lies: a path, or an entry point (F50)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload.config.problem import ConfigError
from hot_reload.watch.config.location import locate
from hot_reload.watch.config.model import PluginEntry


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution with entry points, as an installer leaves it; its module fails if run."""
    site = tmp_path / "site"
    facts = site / "tallies-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: tallies\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[hot_reload.plugins]\ntally = tally_plugin:Tally\ntallies = tally_package\ngone = gone_x\n"
    )
    (site / "tally_plugin.py").write_text("raise RuntimeError('it was run')")
    (site / "tally_package").mkdir()
    (site / "tally_package" / "__init__.py").write_text("raise RuntimeError('it was run')")
    monkeypatch.syspath_prepend(str(site))
    return site


def test_f50_an_entry_point_is_found_and_not_run(installed: Path) -> None:
    found = locate(PluginEntry(name="x", entry_point="tally"))
    assert found == installed / "tally_plugin.py"
    found = locate(PluginEntry(name="x", entry_point="tallies"))
    assert found == installed / "tally_package"


def test_f50_an_entry_point_whose_module_went_is_told(installed: Path) -> None:
    with pytest.raises(ConfigError, match="names the module 'gone_x', which has no source file"):
        locate(PluginEntry(name="x", entry_point="gone"))


@pytest.mark.usefixtures("installed")
def test_f06_an_installed_plugin_is_asked_for_in_a_range_of_versions() -> None:
    def found(version: str) -> Path:
        return locate(PluginEntry(name="x", entry_point="tally", version=version))

    assert found(">=1,<2").name == "tally_plugin.py"
    with pytest.raises(ConfigError, match=r"\$\.plugins\.x\.version: .*wanted in >=2, but instal"):
        found(">=2")
    with pytest.raises(ConfigError, match=r"\$\.plugins\.x\.version: .*'two' is no range"):
        found("two")


def test_f06_two_that_offer_one_name_are_both_told(installed: Path) -> None:
    other = installed / "counts-2.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: counts\nVersion: 2.0\n")
    (other / "entry_points.txt").write_text("[hot_reload.plugins]\ntally = tally_package\n")
    with pytest.raises(ConfigError, match=r"offered by .* and by "):
        locate(PluginEntry(name="x", entry_point="tally"))
    newer = locate(PluginEntry(name="x", entry_point="tally", version=">=2"))
    assert newer == installed / "tally_package"


def test_f06_the_packages_around_an_entry_point_are_not_imported(installed: Path) -> None:
    (installed / "tally_package" / "inner.py").write_text("")
    facts = installed / "tallies-1.0.dist-info" / "entry_points.txt"
    facts.write_text("[hot_reload.plugins]\ninner = tally_package.inner\n")
    found = locate(PluginEntry(name="x", entry_point="inner"))
    assert found == installed / "tally_package" / "inner.py"


@pytest.mark.usefixtures("installed")
def test_f50_a_misspelt_entry_point_is_told() -> None:
    with pytest.raises(ConfigError, match=r"\$\.plugins\.x\.entry_point: .*did you mean 'tally'"):
        locate(PluginEntry(name="x", entry_point="taly"))


def test_f50_a_path_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\$\.plugins\.x\.path: there is no"):
        locate(PluginEntry(name="x", path=tmp_path / "x.py"))
    assert locate(PluginEntry(name="x", path=tmp_path)) == tmp_path
    (tmp_path / "__init__.py").touch()
    assert locate(PluginEntry(name="x", path=tmp_path / "__init__.py")) == tmp_path


def test_f50_a_path_that_cannot_be_looked_at_is_told() -> None:
    entry = PluginEntry(name="x", path=Path("/" + "x" * 5000))
    with pytest.raises(ConfigError, match=r"\$\.plugins\.x\.path: .* cannot be looked at: File na"):
        locate(entry)


def test_f50_a_path_that_acts_on_a_terminal_is_escaped(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*\\x1b\[2J\.py"):
        locate(PluginEntry(name="x", path=tmp_path / "\x1b[2J.py"))
