"""The table in pyproject.toml: what it may say, and how it is told when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.subjects.configuration import ConfigurationError, read_configuration


def _written(root: Path, text: str) -> Path:
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    return root


def test_no_file_and_no_table_are_the_defaults(tmp_path: Path) -> None:
    for configuration in (
        read_configuration(tmp_path),
        read_configuration(_written(tmp_path, "[project]\nname = 'x'\n")),
    ):
        assert configuration.profile == "quick"
        assert not configuration.plugins
        assert not configuration.expected_failures


def test_everything_that_it_may_say(tmp_path: Path) -> None:
    configuration = read_configuration(
        _written(
            tmp_path,
            """
[project.entry-points."hot_reload.plugins"]
counter = "shop.counter:Counter"

[tool.hot-reload]
plugins = ["plugins/counter.py"]
host = "shop.testing:Adapter"
subject = { counter = "shop.testing:counter" }
profile = "ci"
contract = "1.0"
claims = ["reload", "hooks"]

[tool.hot-reload.expected-failures."shop"]
"HR-ROLL-02" = "see issue 12"
""",
        )
    )
    assert configuration.plugins == ("plugins/counter.py",)
    assert configuration.host == "shop.testing:Adapter"
    assert configuration.describe("counter") == "shop.testing:counter"
    assert configuration.describe("other") == ""
    assert configuration.profile == "ci"
    assert configuration.claims == {Claim.RELOAD, Claim.HOOKS}
    assert configuration.expected_failures == {"shop": {"HR-ROLL-02": "see issue 12"}}
    assert configuration.entry_points == {"counter": "shop.counter:Counter"}


def test_one_subject_description_serves_every_plugin(tmp_path: Path) -> None:
    text = '[tool.hot-reload]\nsubject = "shop.testing:any_plugin"\n'
    assert read_configuration(_written(tmp_path, text)).describe("x") == "shop.testing:any_plugin"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("plugin = []", "has no key 'plugin'. Did you mean 'plugins'?"),
        ("plugins = 'a.py'", "plugins is no list of strings"),
        ("host = 'Adapter'", "host is 'Adapter'; write host = \"package.module:Name\""),
        ("subject = { a = 3 }", "subject.a is 3"),
        ("profile = 'quik'", "profile is 'quik'; it is one of quick, ci, nightly"),
        ("contract = '9.9'", "contract asks for version '9.9'"),
        ("claims = ['relaod']", "unknown claim 'relaod'. Did you mean 'reload'?"),
        ("expected-failures = []", "expected-failures is a list"),
        ("expected-failures.host = 'why'", "expected-failures.'host' is a string"),
        ("expected-failures.host.HR-ROLL-02 = ' '", "'HR-ROLL-02' gives no reason"),
        ("expected-failures.host.HR-ROLL-02 = true", "'HR-ROLL-02' gives no reason"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, line: str, said: str) -> None:
    _written(tmp_path, f"[tool.hot-reload]\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(tmp_path)
    assert said in str(caught.value)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    _written(tmp_path, "[tool.hot-reload]\nhots = 1\nprofile = 2\n")
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(tmp_path)
    assert len(str(caught.value).splitlines()) == 2


def test_a_table_that_is_none_and_a_file_that_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a list, not a table"):
        read_configuration(_written(tmp_path, "[tool]\nhot-reload = []\n"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_configuration(_written(tmp_path, "[tool"))
