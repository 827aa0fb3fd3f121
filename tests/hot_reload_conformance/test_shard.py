"""Shards: every check is in exactly one, they are balanced, and a run of all is the whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload_conformance.shard import Shard, part_of

IDS = [f"host.py::hot-reload::check-{number}" for number in range(23)]


@given(
    ids=st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=30),
    of=st.integers(1, 9),
    seconds=st.dictionaries(st.text("abc", min_size=1, max_size=4), st.floats(0, 1e6)),
)
def test_every_id_is_in_exactly_one_shard(
    ids: list[str], of: int, seconds: dict[str, float]
) -> None:
    shares = [Shard(number, of).share(ids, seconds) for number in range(1, of + 1)]
    assert sorted(each for share in shares for each in share) == sorted(ids)
    again = [Shard(number, of).share(ids[::-1], seconds) for number in range(1, of + 1)]
    assert again == shares  # whatever the order in which they were collected


def test_without_durations_shares_are_of_one_size() -> None:
    sizes = [len(Shard(number, 5).share(IDS, {})) for number in range(1, 6)]
    assert sorted(sizes) == [4, 4, 5, 5, 5]


def test_with_durations_shares_take_as_long() -> None:
    seconds = dict.fromkeys(IDS, 1.0) | {IDS[0]: 22.0}
    first, second = (Shard(number, 2).share(IDS, seconds) for number in (1, 2))
    assert sorted(map(len, (first, second))) == [1, 22]


def test_checks_that_took_no_time_are_spread_too() -> None:
    shares = [Shard(number, 2).share(IDS, dict.fromkeys(IDS, 0.0)) for number in (1, 2)]
    assert sorted(map(len, shares)) == [11, 12]


def test_a_part_knows_its_whole() -> None:
    parts = [part_of(Shard(number, 3), IDS, {})[1] for number in (1, 2, 3)]
    assert len({each.selection for each in parts}) == 1
    assert sum(each.items for each in parts) == parts[0].items_of_all == len(IDS)
    assert part_of(Shard(1, 3), IDS[:-1], {})[1].selection != parts[0].selection


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "a/b", "1/0", "-1/2", "1/2/3"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no shard"):
        Shard.parse(text)


# In a run


def _report(project: Any, name: str) -> Any:
    return json.loads((project.path / name).read_text("utf-8"))


def _verdicts(document: Any) -> list[tuple[str, str, str]]:
    return sorted(
        (each["subject"], each["check"], each["verdict"])
        for subject in document["subjects"]
        for clause in subject["clauses"]
        for each in clause["checks"]
    )


def _merged(project: Any, *names: str) -> Any:
    """By the command, as users do it; toy checks are not the kit's, so in a child of its own."""
    script = "import conftest\nfrom hot_reload_conformance.command import main\nmain()"
    return project.pytester.run(
        sys.executable, "-c", script, "report", "merge", *names, "-o", "merged.json"
    )


def test_all_shards_together_are_the_whole_run(project: Any) -> None:
    project.host('breaks = ("HR-ROLL-01",)')
    project.plugin("plugins/counter.py")
    whole = project.conformance("host.py", "plugins", "--hot-reload-report=whole.json")
    names = []
    for number in (1, 2, 3):
        names.append(f"part{number}.json")
        result = project.conformance(
            "host.py",
            "plugins",
            f"--hot-reload-shard={number}/3",
            f"--hot-reload-report={names[-1]}",
        )
        assert f"shard {number} of 3" in result.stdout.str()
    merged = _merged(project, *names)
    assert merged.ret == whole.ret == 1
    assert "toy: HR-ROLL-01 fail" in merged.stdout.str()
    one, parts = _report(project, "whole.json"), _report(project, "merged.json")
    assert _verdicts(parts) == _verdicts(one)
    assert sum(len(_verdicts(_report(project, each))) for each in names) == len(_verdicts(one))
    for key in ("ok", "problems", "checks_run", "contract", "budget", "shard"):
        assert parts[key] == one[key], key
    assert [each["profiles"] for each in parts["subjects"]] == [
        each["profiles"] for each in one["subjects"]
    ]


def test_a_shard_alone_is_not_the_whole(project: Any) -> None:
    project.host()
    project.conformance("host.py", "--hot-reload-shard=1/3", "--hot-reload-report=a.json")
    result = _merged(project, "a.json")
    assert result.ret == 2
    assert "shards are missing: 2/3, 3/3" in result.stderr.str()


def test_more_shards_than_checks_is_no_failure(project: Any) -> None:
    project.plugin("plugins/counter.py")
    names = [f"{number}.json" for number in range(1, 5)]
    for number, name in enumerate(names, 1):
        result = project.conformance(
            "plugins", f"--hot-reload-shard={number}/4", f"--hot-reload-report={name}"
        )
        assert result.ret == 0, result.stdout.str()
    assert _merged(project, *names).ret == 0


def test_a_shard_by_workers_of_xdist(project: Any) -> None:
    project.with_all_plugins()
    project.host()
    result = project.conformance(
        "host.py", "-n2", "--hot-reload-shard=1/2", "--hot-reload-report=1.json"
    )
    assert result.ret == 0, result.stdout.str()
    # The workers collect, and tell the controller, which writes the report.
    assert _report(project, "1.json")["shard"]["items"] == 3


def test_recorded_durations_balance_a_run(project: Any) -> None:
    project.host()
    project.conformance("host.py", "--hot-reload-report=before.json")
    document = _report(project, "before.json")
    for subject in document["subjects"]:
        for clause in subject["clauses"]:
            for each in clause["checks"]:
                each["duration_seconds"] = 100.0 if each["check"] == "no-loss" else 1.0
    (Path(project.path) / "before.json").write_text(json.dumps(document), "utf-8")
    ran = []
    for number in (1, 2):
        project.conformance(
            "host.py",
            f"--hot-reload-shard={number}/2",
            "--hot-reload-durations=before.json",
            f"--hot-reload-report={number}.json",
        )
        ran.append([check for _, check, _ in _verdicts(_report(project, f"{number}.json"))])
    assert sorted(ran, key=len)[0] == ["no-loss"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hot-reload-shard=9/8"], "the first number is from 1 to 8"),
        (["--hot-reload-durations=x.json"], "needs --hot-reload-shard beside it"),
        (["--hot-reload-shard=1/2", "--hot-reload-durations=x.json"], "is no report of this kit"),
        (["--hot-reload-database=ftp://x"], "is no folder and no URL of a Redis server"),
    ],
)
def test_wrong_options_are_refused_with_words(project: Any, options: list[str], says: str) -> None:
    project.host()
    result = project.conformance("host.py", *options)
    assert result.ret == 4
    assert says in result.stderr.str()


def test_options_need_the_flag_beside_them(project: Any) -> None:
    result = project.run("--hot-reload-shard=1/2")
    assert result.ret == 4
    assert "--hot-reload-shard needs --hot-reload-conformance" in result.stderr.str()
