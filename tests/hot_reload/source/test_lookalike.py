"""Source that reads otherwise than it runs is remarked upon."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hot_reload import Engine
from hot_reload.outcome import Loaded, Stage, Swapped
from hot_reload.source.lookalike import remarks
from hot_reload.source.snapshot import SourceFile
from hot_reload_fixtures import PluginDirectory


def of(text: str) -> list[tuple[int, str]]:
    data = text.encode()
    file = SourceFile(Path("/p.py"), data, hashlib.sha256(data).hexdigest())
    return [(each.line, each.text) for each in remarks(file)]


def test_T11_bidirectional_controls_and_mixed_names() -> None:
    assert of("x = 1\n# \u202e desrever \u202e\n") == [
        (2, "the bidirectional control U+202E hides the order of text")
    ]
    assert of("x = 'ab\u2066c'\n")[0][0] == 1
    assert of("\nsc\u043epe = 1\n") == [
        (2, "the name 'sc\\u043epe' mixes letters of CYRILLIC and LATIN")
    ]


@pytest.mark.parametrize("text", ["x = 1\n", "größe = 'дом'\n", "дом_2 = 1\n", "# Ωmega\n"])
def test_T11_honest_text_is_not_remarked_upon(text: str) -> None:
    assert of(text) == []


async def test_T11_the_outcome_warns(hot_reload_dir: PluginDirectory) -> None:
    source = "class A:\n    version = '1'\n    def handle(self, r): return r  # \u202e\n"
    for policy in ("blue-green", "stop-first"):
        async with Engine() as engine:
            path = hot_reload_dir.write("counter", f"{source}    swap_policy = {policy!r}\n")
            loaded = await engine.load(path)
            swapped = await engine.reload("counter", force=True)
            assert isinstance(loaded, Loaded)
            assert isinstance(swapped, Swapped)
            for outcome in (loaded, swapped):
                (warning,) = outcome.warnings
                assert (warning.stage, warning.line) == (Stage.SYNTAX, 3)
                assert "U+202E" in warning.cause
