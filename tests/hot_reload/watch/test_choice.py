"""Argument, environment, file, default: one precedence for each field (F46)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hot_reload.errors import EngineMisuse
from hot_reload.watch.choice import choose_watch
from hot_reload.watch.settings import WatchSettings

ARGUMENTS: dict[str, Any] = {"plugin_paths": ["arg"], "enabled": False, "debounce_ms": 1}
ENVIRONMENT = {
    "HOT_RELOAD_PLUGIN_PATHS": "env",
    "HOT_RELOAD_ENABLED": "no",
    "HOT_RELOAD_DEBOUNCE_MS": "2",
}
FILE: dict[str, Any] = {"plugin_paths": ["file"], "enabled": False, "debounce_ms": 3}
WINNERS = [
    (ARGUMENTS, ENVIRONMENT, FILE, "arg", False, 1, "argument "),
    ({}, ENVIRONMENT, FILE, "env", False, 2, "HOT_RELOAD_"),
    ({}, {}, FILE, "file", False, 3, "of the settings file"),
    ({}, {}, {}, "plugins", True, 100, "default"),
]


@pytest.mark.parametrize(("arguments", "environ", "file", "path", "on", "ms", "origin"), WINNERS)
def test_f46_argument_then_environment_then_file_then_default(
    arguments: dict[str, Any],
    environ: dict[str, str],
    file: dict[str, Any],
    path: str,
    on: bool,
    ms: float,
    origin: str,
) -> None:
    choice = choose_watch(**arguments, environment=environ, file=file)
    assert choice.plugin_paths == (Path(path),)
    assert choice.enabled is on
    assert choice.debounce_ms == ms
    assert all(origin in each for each in choice.origins.values()), choice.origins
    assert choice.origins.keys() == {"plugin_paths", "enabled", "debounce_ms"}


def test_f46_each_field_is_chosen_for_itself() -> None:
    environ = {"HOT_RELOAD_ENABLED": "off"}
    choice = choose_watch(debounce_ms=7, environment=environ, file={"plugin_paths": ["f"]})
    assert (choice.debounce_ms, choice.enabled) == (7, False)
    assert choice.plugin_paths == (Path("f"),)
    assert choose_watch(enabled=True, environment=environ).enabled is True


def test_f46_paths_are_separated_like_path() -> None:
    value = os.pathsep.join(["/a", "b c", "", "d"])
    assert choose_watch(environment={"HOT_RELOAD_PLUGIN_PATHS": value}).plugin_paths == (
        Path("/a"), Path("b c"), Path("d"),
    )  # fmt: skip


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_f46_an_empty_variable_counts_as_not_set(variable: str) -> None:
    choice = choose_watch(environment={variable: ""})
    assert set(choice.origins.values()) == {"default"}


@pytest.mark.parametrize("word", ["1", "true", "YES", " on "])
def test_f46_words_that_switch_on(word: str) -> None:
    choice = choose_watch(environment={"HOT_RELOAD_ENABLED": word}, file={"enabled": False})
    assert choice.enabled is True


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"HOT_RELOAD_ENABLED": "maybe"}, "HOT_RELOAD_ENABLED is 'maybe'; give one of 1, true"),
        ({"HOT_RELOAD_DEBOUNCE_MS": "fast"}, "HOT_RELOAD_DEBOUNCE_MS is 'fast'; give millisec"),
        ({"HOT_RELOAD_DEBOUNCE_MS": "-1"}, "HOT_RELOAD_DEBOUNCE_MS is '-1'; give millisec"),
        ({"HOT_RELOAD_DEBOUNCE_MS": "nan"}, "HOT_RELOAD_DEBOUNCE_MS is 'nan'; give millisec"),
        ({"HOT_RELOAD_PLUGIN_PATHS": os.pathsep}, "HOT_RELOAD_PLUGIN_PATHS is .*; give direct"),
    ],
)
def test_f46_a_malformed_variable_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(EngineMisuse, match=message):
        choose_watch(environment=environ)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({"debounce": 5}, "unknown key 'debounce'; known: plugin_paths, enabled, debounce_ms"),
        ({"debounce_ms": "5"}, "debounce_ms of the settings file is '5'"),
        ({"debounce_ms": True}, "debounce_ms of the settings file is True"),
        ({"enabled": "yes"}, "enabled of the settings file is 'yes'; give true or false"),
        ({"plugin_paths": "plugins"}, "plugin_paths of the settings file is 'plugins'; give a li"),
        ({"plugin_paths": []}, r"plugin_paths of the settings file is \[\]"),
    ],
)
def test_f46_a_malformed_key_is_named(file: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineMisuse, match=message):
        choose_watch(environment={}, file=file)


def test_f46_a_malformed_value_that_loses_harms_nobody() -> None:
    choice = choose_watch(debounce_ms=5, environment={"HOT_RELOAD_DEBOUNCE_MS": "fast"})
    assert choice.debounce_ms == 5


def test_f46_the_quiet_period_moves_the_longest_wait_where_it_has_to() -> None:
    choice = choose_watch(debounce_ms=5000, environment={})
    base = WatchSettings(cooldown_seconds=1.0)
    assert choice.settings(base) == WatchSettings(
        quiet_seconds=5.0, max_wait_seconds=5.0, cooldown_seconds=1.0
    )
    assert choose_watch(environment={}).settings() == WatchSettings()
