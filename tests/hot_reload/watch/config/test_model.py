"""One model of settings from files, environment and arguments (F50, C7, C8)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Settings, WatchSettings
from hot_reload.config.document import parse_document
from hot_reload.config.problem import ConfigError
from hot_reload.errors import EngineMisuse
from hot_reload.watch.config.model import HostConfig, host_config


def model(text: str, name: str = "/etc/host/settings.toml", **options: Any) -> HostConfig:
    return host_config(parse_document(text.encode(), name), **({"environment": {}} | options))


def problems(text: str, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        model(text, **options)
    return [str(each) for each in caught.value.problems]


FULL = """\
[engine]
hook_deadline_seconds = 5
[watch]
plugin_paths = ["more", "/abs"]
enabled = false
debounce_ms = 250
sweep_seconds = 2.5
load_new = false
[plugins.db]
entry_point = "db"
config = { url = "x", password = "hunter2" }
[plugins.geo]
path = "geo.py"
enabled = false
needs = ["db"]
order = -1
secret_keys = ["url.pin"]
"""


def test_f50_everything_that_a_file_can_say() -> None:
    found = model(FULL)
    assert found.engine == Settings(hook_deadline_seconds=5)
    assert found.watch == WatchSettings(quiet_seconds=0.25, sweep_seconds=2.5, load_new=False)
    assert found.choice is not None
    assert found.choice.plugin_paths == (Path("/etc/host/more"), Path("/abs"))
    assert found.choice.enabled is False
    geo, db = found.ordered()
    assert (geo.name, geo.path, geo.enabled, geo.needs) == (
        "geo",
        Path("/etc/host/geo.py"),
        False,
        ("db",),
    )
    assert (db.entry_point, db.config["password"]) == ("db", "hunter2")


def test_f50_nothing_said_is_the_default() -> None:
    found = model("[engine]\n[plugins]\n[watch]\n[plugins.a]\npath = 'a.py'\n")
    assert (found.engine, found.watch) == (Settings(), WatchSettings())


@pytest.mark.parametrize(
    ("arguments", "environment", "file", "wanted"),
    [
        ({"sweep_seconds": 4.0}, "3", "sweep_seconds = 2", 4.0),
        ({}, "3", "sweep_seconds = 2", 3.0),
        ({}, "", "sweep_seconds = 2", 2.0),
        ({}, "", "limit = 3", WatchSettings().sweep_seconds),
    ],
)
def test_f50_argument_environment_file_default(
    arguments: Any, environment: str, file: str, wanted: float
) -> None:
    found = model(
        f"[watch]\n{file}\n",
        arguments={"watch": arguments},
        environment={"HOT_RELOAD_WATCH_SWEEP_SECONDS": environment},
    )
    assert found.watch.sweep_seconds == wanted


@pytest.mark.parametrize(
    ("arguments", "environment", "wanted"),
    [({"debounce_ms": 1}, "2", 0.001), ({}, "2", 0.002), ({}, "", 0.003)],
)
def test_f50_the_same_order_for_what_the_watch_chooses(
    arguments: Any, environment: str, wanted: float
) -> None:
    found = model(
        "[watch]\ndebounce_ms = 3\n",
        arguments={"watch": arguments},
        environment={"HOT_RELOAD_DEBOUNCE_MS": environment},
    )
    assert found.watch.quiet_seconds == wanted


def test_c7_every_misspelt_key_is_told_at_its_line() -> None:
    text = (
        "[watch]\ndebouce_ms = 1\n[engin]\n[engine]\nhook_deadline = 1\n"
        "[plugins.a]\npth = 'a.py'\n[plugins.b]\npath = 'b.py'\nneeds = ['aa']\n"
    )
    assert problems(text) == [
        "/etc/host/settings.toml:3: $.engin: unknown key 'engin'; did you mean 'engine'?",
        "/etc/host/settings.toml:5: $.engine.hook_deadline: unknown key 'hook_deadline'; "
        "did you mean 'hook_deadline_seconds'?",
        "/etc/host/settings.toml:2: $.watch.debouce_ms: unknown key 'debouce_ms'; "
        "did you mean 'debounce_ms'?",
        "/etc/host/settings.toml:7: $.plugins.a.pth: unknown key 'pth'; did you mean 'path'?",
        "/etc/host/settings.toml:10: $.plugins.b.needs: needs 'aa', which is no plugin of these "
        "files; did you mean 'a'?",
    ]


ONE_WRONG = [
    ("[engine]\nhook_deadline_seconds = -1", "$.engine.hook_deadline_seconds", "-1"),
    ("[engine]\nhook_deadline_seconds = 0", "$.engine.hook_deadline_seconds", "positive"),
    ("[engine]\nhook_deadline_seconds = true", "$.engine.hook_deadline_seconds", "true or false"),
    ('[engine]\nhook_deadline_seconds = "5"', "$.engine.hook_deadline_seconds", "a string"),
    ("[engine]\ngate_limit_events = 1.5", "$.engine.gate_limit_events", "whole number"),
    ("[watch]\nlimit = 0", "$.watch.limit", "1 or more"),
    ("[watch]\nlimit = true", "$.watch.limit", "true or false"),
    ("[watch]\nload_new = 1", "$.watch.load_new", "give true or false"),
    ("[watch]\ndebounce_ms = true", "$.watch.debounce_ms", "give milliseconds"),
    ("[watch]\ndebounce_ms = -1", "$.watch.debounce_ms", "give milliseconds"),
    ("[watch]\nplugin_paths = []", "$.watch.plugin_paths", "give a list"),
    ("[watch]\nquiet_seconds = 1", "$.watch.quiet_seconds", "write debounce_ms"),
    ("[plugins.A]\npath = 'a'", "$.plugins.A", "malformed"),
    ("[plugins.a]\nenabled = true", "$.plugins.a", "neither path nor entry_point"),
    ("[plugins.a]\npath = 'a'\nentry_point = 'a'", "$.plugins.a", "both path and entry_point"),
    ("[plugins.a]\npath = 1", "$.plugins.a.path", "give a path"),
    ("[plugins.a]\npath = 'a'\nversion = '>=1'", "$.plugins.a.version", "entry_point instead"),
    ("[plugins.a]\npath = 'a'\nenabled = 'no'", "$.plugins.a.enabled", "give true or false"),
    ("[plugins.a]\npath = 'a'\norder = 1.5", "$.plugins.a.order", "give a whole number"),
    ("[plugins.a]\npath = 'a'\nconfig = 3", "$.plugins.a.config", "write keys below it"),
    ("plugins = 3", "$.plugins", "write keys below it"),
    ("engine = []", "$.engine", "write keys below it"),
]


@pytest.mark.parametrize(("text", "key", "says"), ONE_WRONG)
def test_c8_a_wrong_value_names_file_line_key_and_cure(text: str, key: str, says: str) -> None:
    (found,) = problems(text)
    line = next(n for n, each in enumerate(text.splitlines(), 1) if key.split(".")[-1] in each)
    assert found.startswith(f"/etc/host/settings.toml:{line}: {key}: ")
    assert says in found


def test_f50_all_wrong_values_are_told_at_once() -> None:
    text = (
        "[engine]\nhook_deadline_seconds = -1\ndrain_deadline_seconds = 0\n[watch]\n"
        "limit = 0\ndebounce_ms = -1\nwindow_seconds = -1\nsweep_seconds = 'x'\n"
    )
    assert sorted(each.split(":")[1] for each in problems(text)) == ["2", "3", "5", "6", "7", "8"]


def test_c8_keys_that_do_not_go_together() -> None:
    (found,) = problems("[watch]\nmax_wait_seconds = 0.01\n")
    assert "max_wait_seconds (0.01) is less than quiet_seconds" in found


def test_c8_a_wrong_variable_or_argument_is_named() -> None:
    names = {"HOT_RELOAD_ENGINE_REQUIRED_REDACTORS": "hide, mask"}
    assert model("[watch]\n", environment=names).engine.required_redactors == ("hide", "mask")
    (found,) = problems("[watch]\n", environment={"HOT_RELOAD_ENGINE_GATE_LIMIT_EVENTS": "many"})
    assert found.startswith("HOT_RELOAD_ENGINE_GATE_LIMIT_EVENTS: $.engine.gate_limit_events: ")
    (found,) = problems("[watch]\n", arguments={"engine": {"gate_limit_events": -1}})
    assert found.startswith("argument engine.gate_limit_events: ")
    (found,) = problems("[watch]\n", environment={"HOT_RELOAD_ENABLED": "maybe"})
    assert "HOT_RELOAD_ENABLED is 'maybe'" in found
    with pytest.raises(EngineMisuse, match="plugin"):
        model("[watch]\n", arguments={"plugin": {}})


def test_c11_a_model_shows_no_secret() -> None:
    found = model(FULL)
    assert "hunter2" not in repr(found)
    assert found.plugins["db"].shown_config() == {"url": "x", "password": "***"}
    assert found.secrets() == {"hunter2"}


def test_f51_a_model_shares_nothing_with_its_document() -> None:
    document = parse_document(b"[plugins.a]\npath = 'a'\nconfig = { x = [1] }\n", "s.toml")
    found = host_config(document, environment={})
    document.data["plugins"]["a"]["config"]["x"].append(2)
    assert found.plugins["a"].config == {"x": [1]}


def test_f50_every_setting_can_be_said_in_a_file() -> None:
    engine: dict[str, Any] = {each.name: 7 for each in dataclasses.fields(Settings)}
    engine["required_redactors"] = ("hide", "mask")
    lines = ["[engine]", *(f"{key} = {json.dumps(value)}" for key, value in engine.items())]
    assert model("\n".join(lines)).engine == Settings(**engine)


@pytest.mark.parametrize(
    ("environment", "arguments", "says"),
    [
        (
            {"HOT_RELOAD_WATCH_LIMT": "3"},
            {},
            "HOT_RELOAD_WATCH_LIMT: $.watch.limt: unknown key 'limt'; did you mean 'limit'?",
        ),
        (
            {"HOT_RELOAD_ENGINE_HOOK_DEADLINE": "3"},
            {},
            "HOT_RELOAD_ENGINE_HOOK_DEADLINE: $.engine.hook_deadline: unknown key "
            "'hook_deadline'; did you mean 'hook_deadline_seconds'?",
        ),
        (
            {"HOT_RELOAD_WATCH_DEBOUNCE_MS": "3"},
            {},
            "HOT_RELOAD_WATCH_DEBOUNCE_MS: $.watch.debounce_ms: is said by another variable; "
            "write HOT_RELOAD_DEBOUNCE_MS",
        ),
        (
            {},
            {"watch": {"limt": 3}},
            "argument watch.limt: $.watch.limt: unknown key 'limt'; did you mean 'limit'?",
        ),
        (
            {},
            {"watch": {"quiet_seconds": 3}},
            "argument watch.quiet_seconds: $.watch.quiet_seconds: unknown key 'quiet_seconds'",
        ),
    ],
)
def test_f46_f50_a_misspelt_variable_or_argument_is_told(
    environment: dict[str, str], arguments: dict[str, dict[str, Any]], says: str
) -> None:
    first, *more = problems("[watch]", environment=environment, arguments=arguments)
    assert first.startswith(says)
    assert not more
    model("[watch]", environment=dict.fromkeys(environment, "") | {"HOT_RELOAD_OTHER": "x"})


def test_f50_what_is_needed_and_not_there_has_a_next_step() -> None:
    (found,) = problems('[plugins.one]\npath = "one.py"\nneeds = ["nobody"]\n')
    assert "needs 'nobody', which is no plugin of these files" in found
    assert "write [plugins.nobody] as well, or take it out" in found
