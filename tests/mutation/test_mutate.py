"""The mutation script's own logic; mutmut itself is not run here: it takes minutes."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

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
    fared = {
        "killed": diff("a", "b"),
        "timeout": diff("a", "b"),
        "survived": diff("a and b", "a or b"),
        "survived again": diff('say("so it is")', 'say("XXso it isXX")'),
        "no tests": diff("a", "b"),
    }
    found = [
        {
            "name": f"hot_reload.a.x_f__mutmut_{number}",
            "status": status.removesuffix(" again"),
            "cases": 3,
            "diff": told,
        }
        for number, (status, told) in enumerate(fared.items())
    ]
    assert mutate.told(found) == pytest.approx(0.5)
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


def test_the_folder_has_mutmut_make_mutants_of_the_named_modules_alone(
    mutate: ModuleType, tmp_path: Path
) -> None:
    mutate.prepare(tmp_path / "made", ["policy/guards"])
    tests = [each.name for each in (tmp_path / "made" / "tests").iterdir()]
    assert tests == ["test_nothing.py"]
    config = tomllib.loads((tmp_path / "made" / "pyproject.toml").read_text())["tool"]["mutmut"]
    assert config["only_mutate"] == ["src/hot_reload/policy/guards.py"]
    for source in config["only_mutate"]:
        assert (tmp_path / "made" / source).is_file()


def test_a_module_that_is_not_there_is_named(mutate: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no src/hot_reload/policy/nothing\.py"):
        mutate.prepare(tmp_path, ["policy/nothing"])
