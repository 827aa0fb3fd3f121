"""The mutation script's own logic; mutmut itself is not run here: it takes minutes."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def mutate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutate", HERE / "mutate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def diff(before: str, after: str) -> str:
    return f"--- a.py\n+++ a.py\n@@ -1 +1 @@\n-    {before}\n+    {after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('raise Refused("it is loaded")', 'raise Refused("XXit is loadedXX")'),
        ('said = f"{name} is gone"', 'said = f"XX{name} is goneXX"'),
    ],
)
def test_another_wording_is_no_fault(mutate: ModuleType, before: str, after: str) -> None:
    assert mutate.only_words(diff(before, after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if a and b:", "if a or b:"),
        ('if key == "name":', 'if key == "XXnameXX":'),
        ('log("it is loaded", 1)', 'log("it is loaded", 2)'),
        ('raise Refused("it is loaded")', "raise Refused(None)"),
    ],
)
def test_another_behaviour_is_one(mutate: ModuleType, before: str, after: str) -> None:
    assert not mutate.only_words(diff(before, after))
    assert not mutate.only_words("")


def test_the_rate_counts_hangs_as_kills_and_leaves_words_out(
    mutate: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {
        "hot_reload.a.x_f__mutmut_1": "killed",
        "hot_reload.a.x_f__mutmut_2": "timeout",
        "hot_reload.a.x_f__mutmut_3": "survived",
        "hot_reload.a.x_f__mutmut_4": "survived",
        "hot_reload.a.x_f__mutmut_5": "no tests",
    }
    diffs = {
        "hot_reload.a.x_f__mutmut_3": diff("a and b", "a or b"),
        "hot_reload.a.x_f__mutmut_4": diff('say("so it is")', 'say("XXso it isXX")'),
    }
    assert mutate.told(found, diffs) == pytest.approx(0.5)
    told = capsys.readouterr().out
    assert "a or b" in told
    assert "XXso it isXX" not in told


def test_draws_are_of_each_module_and_repeatable(mutate: ModuleType) -> None:
    names = [f"hot_reload.{m}.x_f__mutmut_{n}" for m in ("a.b", "a.c") for n in range(9)]
    chosen = mutate.draw(names, ["a/b", "a/c"], 3, 5)
    assert chosen == mutate.draw(names, ["a/b", "a/c"], 3, 5)
    assert chosen != mutate.draw(names, ["a/b", "a/c"], 3, 6)
    assert [mutate.module_of(each) for each in chosen] == ["hot_reload.a.b"] * 3 + [
        "hot_reload.a.c"
    ] * 3
    assert len(mutate.draw(names, ["a/b"], 0, 5)) == 9


def test_rounds_take_as_many_of_one_module_as_of_another(mutate: ModuleType) -> None:
    made = {"m.a": 3, "m.b": 2, "m.c": 5}
    names = [f"{m}.x_f__mutmut_{n}" for m, count in made.items() for n in range(count)]
    parts = mutate.rounds(names, 2)
    assert [[mutate.module_of(each) for each in part] for part in parts] == [
        ["m.a", "m.a", "m.b", "m.b", "m.c", "m.c"],
        ["m.a", "m.c", "m.c"],
        ["m.c"],
    ]
    assert sorted(each for part in parts for each in part) == sorted(names)
    assert mutate.rounds(names, len(names)) == [names]


def test_the_folder_holds_the_contract_and_no_other_test(
    mutate: ModuleType, tmp_path: Path
) -> None:
    mutate.prepare(tmp_path / "made", ["policy/guards"])
    tests = [each.name for each in (tmp_path / "made" / "tests").iterdir()]
    assert tests == ["test_contract.py"]
    config = tomllib.loads((tmp_path / "made" / "pyproject.toml").read_text())["tool"]["mutmut"]
    assert config["only_mutate"] == ["src/hot_reload/policy/guards.py"]
    for source in config["only_mutate"]:
        assert (tmp_path / "made" / source).is_file()


def test_a_thin_contract_has_some_variants_and_no_machines(
    mutate: ModuleType, tmp_path: Path
) -> None:
    checks = {}
    for thin in (0, 3):
        mutate.prepare(tmp_path / str(thin), ["policy/guards"], thin=thin)
        made: dict[str, Any] = {}
        exec((tmp_path / str(thin) / "tests" / "test_contract.py").read_text(), made)
        checks[thin] = {each.id: each for each in made["CHECKS"]}
    adapter = made["ReferenceAdapter"]
    assert any(each.explores for each in checks[0].values())
    assert not any(each.explores for each in checks[3].values())
    for name, each in checks[3].items():
        many = len(checks[0][name].variants(adapter))
        assert min(many, 2) <= len(each.variants(adapter)) <= min(many, 3)


def test_a_module_that_is_not_there_is_named(mutate: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no src/hot_reload/policy/nothing\.py"):
        mutate.prepare(tmp_path, ["policy/nothing"])
