"""Reading metadata: where it may stand, what wins, and what is refused by name."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.config.schema import validate_config
from hot_reload.errors import ManifestError
from hot_reload.manifest import (
    FIELDS,
    ROLE_METHOD,
    Dependency,
    Manifest,
    SwapPolicy,
    read_manifest,
)
from hot_reload.outcome import Role


class Bare:
    """A plugin that says nothing of itself."""


def module_with(**attributes: object) -> ModuleType:
    module = ModuleType("counter")
    vars(module).update(attributes)
    return module


def read(plugin: object | None = None, **meta: object) -> Manifest:
    module = module_with(PLUGIN_META={"version": "1.0", **meta})
    return read_manifest(module, plugin or Bare(), default_name="counter")


def refused(**meta: object) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        read(**meta)
    return caught.value


@pytest.mark.parametrize("name", ["PLUGIN_META", "PLUGIN_METADATA"])
def test_a_mapping_in_the_module(name: str) -> None:
    module = module_with(**{name: {"name": "mine", "version": "1.2", "author": "me"}})
    assert read_manifest(module, Bare(), default_name="counter") == Manifest(
        name="mine", version="1.2", author="me"
    )


def test_a_metadata_property_may_hold_more_than_we_know() -> None:
    class Plugin:
        @property
        def metadata(self) -> dict[str, object]:
            return {"version": "1.2", "homepage": "https://example.org"}

    assert read_manifest(module_with(), Plugin(), default_name="c").version == "1.2"


def test_attributes_of_the_class() -> None:
    class Plugin:
        name = "mine"
        version = "1.2"
        dependencies = ("base>=1",)
        roles = ("service",)
        inputs = ("words.txt",)
        swap_policy = "stop-first"
        config_schema = dict

    assert read_manifest(module_with(), Plugin(), default_name="c") == Manifest(
        name="mine",
        version="1.2",
        dependencies=(Dependency("base", ">=1"),),
        roles=(Role.SERVICE,),
        inputs=("words.txt",),
        swap_policy=SwapPolicy.STOP_FIRST,
    )


def test_the_first_place_that_gives_a_field_wins() -> None:
    class Plugin:
        metadata = {"version": "3", "author": "third", "description": "third"}  # noqa: RUF012
        version = "4"
        author = "fourth"
        description = "fourth"
        inputs = ("fourth",)

    module = module_with(
        PLUGIN_META={"version": "1"}, PLUGIN_METADATA={"version": "2", "author": "second"}
    )
    manifest = read_manifest(module, Plugin(), default_name="c")
    assert (manifest.version, manifest.author) == ("1", "second")
    assert (manifest.description, manifest.inputs) == ("third", ("fourth",))


def test_a_method_of_a_fields_name_is_no_declaration() -> None:
    class Plugin:
        version = "1"

        def name(self) -> str:
            return "surprise"

    assert read_manifest(module_with(), Plugin(), default_name="file").name == "file"


def test_a_version_is_required() -> None:
    with pytest.raises(ManifestError, match="'counter' declares no version") as caught:
        read_manifest(module_with(), Bare(), default_name="counter")
    assert caught.value.hint is not None
    assert 'version = "1.0"' in caught.value.hint


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"versoin": "1"}, "PLUGIN_META has the unknown field 'versoin'"),
        ({"version": 1}, "version is a int, not a string: 1"),
        ({"version": "one"}, "version 'one' is not a version by PEP 440"),
        ({"name": "Has Space"}, "name 'Has Space' is malformed"),
        ({"name": ""}, "name '' is malformed"),
        ({"name": "a" * 65}, "is malformed"),
        ({"name": "../etc"}, "is malformed"),
        ({"name": "a\n"}, "is malformed"),
        ({"author": None}, "author is a NoneType, not a string"),
        ({"description": 5}, "description is a int, not a string"),
        ({"dependencies": "base"}, "dependencies is a str, not a list"),
        ({"dependencies": {"base"}}, "dependencies is a set, not a list"),
        ({"dependencies": [""]}, "dependency '' is malformed"),
        ({"dependencies": ["base extra"]}, "dependency base has the malformed version range"),
        ({"dependencies": {"base": ">"}}, "dependency base has the malformed version range"),
        ({"dependencies": ["Base"]}, "dependencies: the name 'Base' is malformed"),
        ({"dependencies": [Dependency("Base")]}, "dependencies: the name 'Base' is malformed"),
        ({"dependencies": [Dependency("base", "new")]}, "malformed version range 'new'"),
        ({"dependencies": {1: ""}}, "dependencies is a int, not a string"),
        ({"roles": ["boss"]}, "roles has the unknown role 'boss'"),
        ({"roles": [[]]}, "roles has the unknown role []"),
        ({"roles": 5}, "roles is a int, not a list"),
        ({"inputs": "words.txt"}, "inputs is a str, not a list"),
        ({"inputs": [1]}, "inputs is a int, not a string"),
        ({"inputs": ["/etc/passwd"]}, "inputs has '/etc/passwd'"),
        ({"inputs": ["data/../../x"]}, "inputs has 'data/../../x'"),
        ({"inputs": [""]}, "inputs has ''"),
        ({"swap_policy": "red"}, "swap_policy 'red' is unknown"),
        ({"swap_policy": []}, "swap_policy [] is unknown"),
    ],
)
def test_f02_a_bad_field_is_named(meta: dict[str, object], words: str) -> None:
    assert words in str(refused(**meta))


@pytest.mark.parametrize("text", ["1", "1.0", "2026.11.21", "1!2.0rc1+local.3", " 1.0 "])
def test_what_is_a_version_by_pep_440(text: str) -> None:
    assert read(version=text).version == text


@pytest.mark.parametrize("text", ["1.", ".1", "1..0", "one", "1.0-", "¹", ""])
def test_what_is_no_version(text: str) -> None:
    assert "PEP 440" in str(refused(version=text))


def test_metadata_that_is_no_mapping() -> None:
    with pytest.raises(ManifestError, match="PLUGIN_META is a list, not a mapping"):
        read_manifest(module_with(PLUGIN_META=[]), Bare(), default_name="c")


def test_f02_a_metadata_method_is_told_what_makes_a_property_of_it() -> None:
    plugin = type("Plugin", (), {"metadata": lambda self: {"version": "1"}})()
    with pytest.raises(ManifestError, match="metadata is a method") as caught:
        read_manifest(module_with(), plugin, default_name="c")
    assert str(caught.value.hint).startswith("write @property above it, or metadata = {")


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (["base"], Dependency("base")),
        (["base>=1.0,<2"], Dependency("base", ">=1.0,<2")),
        ([" base >= 1.0 "], Dependency("base", ">= 1.0")),
        (["base==1.*"], Dependency("base", "==1.*")),
        ({"base": "~=1.4"}, Dependency("base", "~=1.4")),
        ({"base": "*"}, Dependency("base")),
        ({"base": None}, Dependency("base")),
        ([Dependency("base", ">1")], Dependency("base", ">1")),
    ],
)
def test_spellings_of_a_dependency(declared: object, expected: Dependency) -> None:
    assert read(dependencies=declared).dependencies == (expected,)


@pytest.mark.parametrize(
    ("versions", "version", "fits"),
    [
        ("", "0.0.1", True),
        (">=1,<2", "1.9", True),
        (">=1,<2", "2.0", False),
        (">=1", "2.0a1", True),
        ("==1.*", "1.7", True),
    ],
)
def test_which_versions_a_dependency_admits(versions: str, version: str, fits: bool) -> None:
    assert Dependency("base", versions).admits(version) is fits


@pytest.mark.parametrize(("role", "method"), ROLE_METHOD.items())
def test_a_role_follows_from_its_method_and_needs_it(role: Role, method: str) -> None:
    able = type("Plugin", (), {method: lambda self, event: None})()
    assert read(able).roles == (role,)
    assert read(able, roles=[role.value]).roles == (role,)
    if role is not Role.SERVICE:
        error = refused(roles=[role.value])
        assert f"role {role.value!r} is declared, but Bare has no method {method!r}" in str(error)


def test_roles_that_are_declared_nowhere() -> None:
    both = type("Plugin", (), {"write": print, "filter": print})()
    assert set(read(both).roles) == {Role.SINK, Role.FILTER}
    assert read(both, roles="sink").roles == (Role.SINK,)
    assert read().roles == (Role.SERVICE,)


@given(
    meta=st.dictionaries(
        st.sampled_from(FIELDS),
        st.none()
        | st.integers()
        | st.text()
        | st.floats()
        | st.lists(st.text() | st.integers() | st.none(), max_size=3)
        | st.dictionaries(st.text(), st.text() | st.none(), max_size=3),
    )
)
def test_any_garbage_is_read_or_refused_in_words(meta: dict[str, Any]) -> None:
    try:
        manifest = read(**meta)
    except ManifestError:
        return  # anything else that is raised fails the test
    assert all(isinstance(each, Dependency) for each in manifest.dependencies)
    assert set(manifest.roles) <= set(Role)


@pytest.mark.parametrize("stem", ["my plugin", "плагин", "-d", "a.b", "a" * 65])
def test_f16_a_file_whose_name_cannot_be_the_plugins_says_so(stem: str) -> None:
    with pytest.raises(ManifestError, match="declares no name, and that of its file") as caught:
        read_manifest(module_with(PLUGIN_META={"version": "1.0"}), Bare(), default_name=stem)
    assert "rename the file" in str(caught.value.hint)
    named = module_with(PLUGIN_META={"version": "1.0", "name": "mine"})
    assert read_manifest(named, Bare(), default_name=stem).name == "mine"


@pytest.mark.parametrize(
    ("field", "step"),
    [
        ("versoin", "did you mean 'version'? "),
        ("default_config", 'with its key in config_schema: {"properties": {"key": {"default": ...'),
        ("frobnicate", ""),
        (5, ""),
    ],
)
def test_f02_an_unknown_field_comes_with_the_next_step(field: Any, step: str) -> None:
    module = module_with(PLUGIN_META={"version": "1", field: {}})
    with pytest.raises(ManifestError) as caught:
        read_manifest(module, Bare(), default_name="counter")
    hint = str(caught.value.hint)
    assert step in hint
    assert "known are name, version" in hint


def test_f02_the_step_for_a_default_config_is_one_that_goes() -> None:
    schema = {"properties": {"key": {"default": 7}}}
    assert validate_config(schema, {}) == {"key": 7}
