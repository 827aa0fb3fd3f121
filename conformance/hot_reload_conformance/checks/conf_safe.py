"""CONF-07: a settings file is data. What it says runs nothing, and cannot grow as it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.settings_file import SettingsFile
from hot_reload_conformance.verdict import Violation

DEADLINE_SECONDS = 2.0
"""For one file. The clause says 100 ms of a quiet machine; what grows without bound takes hours."""
RAN = "settings-ran"


@dataclass(frozen=True)
class Bomb:
    """What stands in the place of a plain value."""

    text: str
    what: str


def _aliases(levels: int) -> str:
    """Ten times ten times … as many as there are levels, in a few lines."""
    parts = ["&a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        parts.append(f"&a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return f"[{', '.join(parts)}]"


def _deep(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


_CALL = f'["alpha", "v1", "{RAN}"]'
BOMBS: Mapping[str, tuple[Bomb, ...]] = {
    ".yaml": (
        Bomb(
            f"!!python/object/apply:hot_reload_conformance.probe.reach {_CALL}",
            "a tag that calls a function",
        ),
        Bomb(
            f"!!python/object/new:hot_reload_conformance.probe.reach {_CALL}",
            "a tag that makes an object",
        ),
        Bomb("!!python/name:os.system", "a tag that names a function"),
        Bomb("!own {a: 1}", "an unknown tag"),
        Bomb(_aliases(5), "aliases of aliases"),
        Bomb("&loop [*loop]", "an alias of itself"),
        Bomb("[&one {a: 1}, *one]", "an alias"),
        Bomb("{<<: {a: 1}, b: 2}", "a merge key"),
        Bomb(f"{{<<: [{', '.join(['{a: 1}'] * 1000)}]}}", "a merge of a thousand"),
        Bomb(_deep(200), "lists in lists, 200 deep"),
        Bomb(_deep(20_000), "lists in lists, 20,000 deep"),
        Bomb("{a: " * 200 + "1" + "}" * 200, "mappings in mappings, 200 deep"),
        Bomb("{a: 1, b: 2, a: 3}", "a key twice"),
    ),
    ".json": (
        Bomb(_deep(200), "lists in lists, 200 deep"),
        Bomb(_deep(100_000), "lists in lists, 100,000 deep"),
        Bomb('{"a": ' * 200 + "1" + "}" * 200, "mappings in mappings, 200 deep"),
        Bomb('{"a": 1, "b": 2, "a": 3}', "a key twice"),
    ),
    ".toml": (
        Bomb(_deep(200), "lists in lists, 200 deep"),
        Bomb(_deep(100_000), "lists in lists, 100,000 deep"),
        Bomb("{a = 1, b = 2, a = 3}", "a key twice"),
    ),
}


def _bombs(adapter: type[HostAdapter]) -> Sequence[Variant]:
    return [
        Variant(f"{ending} {bomb.what}", (ending, bomb))
        for ending in adapter.config_formats
        for bomb in BOMBS[ending]
    ]


@check("HR-CONF-07", variants=_bombs, deadline_seconds=2 * DEADLINE_SECONDS)
async def safe(case: Case, value: tuple[str, Bomb]) -> None:
    ending, bomb = value
    file = SettingsFile(case, ending)
    await file.applied()
    text = file.with_mark().replace(file.quoted_mark, bomb.text)
    file.write(text, f"{bomb.what} for a value")
    try:
        reply = await case.guarded(
            case.apply_config(file.path), "apply_config", deadline_seconds=DEADLINE_SECONDS
        )
    except (RecursionError, MemoryError) as error:
        raise Violation(
            f"a settings file with {bomb.what} ends in a {type(error).__name__}",
            expected="a refusal",
            seen=type(error).__name__,
        ) from None
    ran = [str(m) for m in case.recording.moments if m.what == RAN]
    case.expect(
        not ran,
        f"{bomb.what} in a settings file ran code in the host",
        expected="nothing run",
        seen=ran,
    )
    case.expect(
        not reply.ok,
        f"a settings file with {bomb.what} is applied",
        expected="a refusal",
        seen="success",
    )
    await file.expect_running(f"after a settings file with {bomb.what} was refused")
    broke = next((each for each in ("RecursionError", "MemoryError") if each in reply.message), "")
    case.expect(
        not broke,
        f"a settings file with {bomb.what} is not refused, but ends in a {broke}",
        expected="a refusal that says what is not allowed",
        seen=reply.message,
    )
    case.expect(
        file.path.name in reply.everything,
        f"the refusal of a settings file with {bomb.what} does not name the file",
        expected=file.path.name,
        seen=reply.everything or "no word why",
    )
