"""WATCH: files as they come, change and go: every save style, new and deleted plugins, inputs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.watching import ALPHA, Watching, manual_ports
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.guard import receivers
from hot_reload_conformance.checks.sinks import added
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, planned, version
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.mutators import SaveStyle

# HR-WATCH-02

TIMES = 5


def _styles(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant(each.name.lower().replace("_", "-"), each) for each in SaveStyle]
    found.append(Variant("same-second", "same-second"))
    if Claim.PACKAGES in adapter.claims:
        found.append(Variant("part-of-a-package", "package"))
    return found


@check(
    "HR-WATCH-02",
    variants=_styles,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def save_styles(case: Case, style: SaveStyle | str) -> None:
    watching = Watching(case)
    first = version(1)
    if style == "package":
        first = PluginSpec(name="alpha", version=first.version, package=True)
    await watching.serving(first)
    if isinstance(style, SaveStyle) and style is not SaveStyle.SAME_SIZE_AND_MTIME:
        # What the style itself needs at first, such as a link in place of the file.
        watching.save(first, style if style in _LAYOUTS else SaveStyle.IN_PLACE)
        await watching.settle()
    second = 1_700_000_000
    for number in range(2, 2 + TIMES):
        spec = first.at(version(number).version)
        if style == "package":
            case.edit(spec)
            how = "in a module of its package"
        elif style == "same-second":
            stamp = second * 1_000_000_000 + number * 100_000_000
            watching.put(watching.path(spec), watching.text(spec), mtime_nanoseconds=stamp)
            how = "in the same second as the one before"
        else:
            assert isinstance(style, SaveStyle)
            if style is SaveStyle.SAME_SIZE_AND_MTIME:
                _same_length(watching, spec)
            watching.save(spec, style, told=number != 3)
            how = f"in the style {style.value!r}"
        watching.noted(spec.name, f"saved {spec.version} {how}")
        await watching.settle()
        await watching.expect_serving(
            spec.version, f"save {number - 1} of {TIMES} {how} was not seen"
        )


_LAYOUTS = (SaveStyle.SYMLINK_SWAP, SaveStyle.DATA_DIRECTORY_SWAP)


def _same_length(watching: Watching, spec: PluginSpec) -> None:
    """Raises ``CannotJudge`` where the host's dialect gives texts of different lengths."""
    if len(watching.text(spec)) != watching.path(spec).stat().st_size:
        raise CannotJudge("render gives versions of the same length texts of different lengths")


# HR-WATCH-09

BETA = PluginSpec(name="beta")


async def _one(watching: Watching) -> list[str]:
    watching.save(BETA)
    return ["v1"]


async def _several(watching: Watching) -> list[str]:
    for name in ("beta", "gamma", "delta"):
        watching.save(BETA.at("v1", name=name), told=False)
    return ["v1", "v1", "v1"]


async def _copied_package(watching: Watching) -> list[str]:
    """As a copying tool does it: the folder first, then file by file, with pauses."""
    package = BETA.at("v1", package=True)
    for relative, text in watching.case.adapter.render(package).items():
        watching.put(watching.case.workdir / relative, text.encode())
        await watching.run(watching.pace.quiet_seconds / 2)
    return ["v1"]


async def _came_back(watching: Watching) -> list[str]:
    """Taken out, and put back with the same bytes."""
    watching.save(BETA)
    await watching.settle()
    await watching.expect_serving(["v01", "v1"], "a new plugin in the watched folder does not run")
    path = watching.path(BETA)
    path.unlink()
    watching.hint(path)
    await watching.run(watching.pace.delete_grace_seconds)
    await watching.settle()
    if "v1" in await watching.case.replies():
        if Claim.UNLOAD not in watching.case.claims:
            raise NotClaimed("a plugin that is taken out: claim 'unload' too")
        await watching.driven(watching.case.adapter.unload(BETA.ref), "unload")
        await watching.settle()
    watching.save(BETA)
    return ["v1"]


async def _first_broken(watching: Watching) -> list[str]:
    watching.put(watching.path(BETA), b"def broken(:\n")
    await watching.settle()
    watching.save(BETA)
    return ["v1"]


NEW: dict[str, tuple[str, Callable[[Watching], Awaitable[list[str]]]]] = {
    "one": ("a new plugin in the watched folder does not run", _one),
    "several": ("new plugins in the watched folder do not all run", _several),
    "copied-package": ("a package that was copied in does not run", _copied_package),
    "came-back": ("a plugin that was taken out and put back does not run again", _came_back),
    "first-broken": ("a new plugin that was broken at first does not run", _first_broken),
}


def _new(adapter: type[HostAdapter]) -> Sequence[Variant]:
    packages = Claim.PACKAGES in adapter.claims
    return [Variant(k, each) for k, each in NEW.items() if packages or k != "copied-package"]


@check(
    "HR-WATCH-09",
    variants=_new,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def new_file(
    case: Case, what: tuple[str, Callable[[Watching], Awaitable[list[str]]]]
) -> None:
    message, do = what
    watching = Watching(case)
    await watching.serving(version(1))
    expected = await do(watching)
    await watching.settle()
    await watching.expect_serving(["v01", *expected], message)


# HR-WATCH-10


async def _deleted(watching: Watching) -> None:
    pace = watching.pace
    path = watching.path(ALPHA)
    path.unlink()
    watching.hint(path)
    watching.noted(ALPHA.name, "delete it")
    await watching.run(pace.delete_grace_seconds * 0.7)
    await watching.expect_serving(
        "v01", "a file that is gone for less than the grace period stops its plugin"
    )
    await watching.run(pace.delete_grace_seconds)
    await watching.settle()
    kept: list[str] = [] if pace.unloads_deleted else ["v01"]
    policy = "unload" if pace.unloads_deleted else "keep"
    await watching.expect_serving(
        kept, f"the declared policy for a deleted file is {policy!r}, and that is not what happens"
    )
    if Claim.DISCOVER in watching.case.claims or not pace.unloads_deleted:
        watching.save(version(2))
        await watching.settle()
        await watching.expect_serving("v02", "a deleted file that comes back edited does not run")


def _recreated(style: str) -> Callable[[Watching], Awaitable[None]]:
    async def do(watching: Watching) -> None:
        path, pace = watching.path(ALPHA), watching.pace
        same = style == "same-bytes"
        spec = version(1 if same else 2)
        gone: list[bool] = []
        for part in (0.3, 0.6):
            path.unlink()
            watching.hint(path)
            watching.noted(ALPHA.name, "delete it")
            # A poll sees that it is gone; the grace period is longer than that.
            for _ in range(8):
                await watching.run(pace.delete_grace_seconds * part / 8)
                gone.append(not await watching.case.replies(tell=False))
            watching.save(spec)
            await watching.settle()
            gone.append(not await watching.case.replies(tell=False))
        watching.case.expect(
            not any(gone),
            "a file that was deleted and created again, as editors do, stopped its plugin",
            expected="an edit",
            seen="no handler for a while",
        )
        await watching.expect_serving(
            spec.version, "a file that was deleted and created again is not treated as an edit"
        )
        watching.expect_runs(
            0 if same else 1,
            "deleting a file and creating it again is one edit, and none where the bytes are "
            "the same",
        )

    return do


async def _renamed_away(watching: Watching) -> None:
    """Moved away and back, without any change of bytes."""
    path = watching.path(ALPHA)
    away = path.with_name(f".{path.name}.away")
    path.rename(away)
    watching.hint(path)
    await watching.run(watching.pace.delete_grace_seconds * 0.7)
    away.rename(path)
    watching.hint(path)
    await watching.settle()
    await watching.expect_serving("v01", "a file that was away for a moment stopped its plugin")
    watching.expect_runs(0, "moving a file away and back changes nothing")


async def _last_sink(watching: Watching) -> None:
    """Not even this policy may leave events without a sink (HR-GUARD-01)."""
    case, spec = watching.case, PluginSpec(name="writer", sink=True)
    await added(case, spec)
    if await receivers(case) != [spec.name]:
        raise CannotJudge("emit() reached no sink before anything was deleted")
    path = watching.path(spec)
    path.unlink()
    watching.hint(path)
    watching.noted(spec.name, "delete it")
    await watching.run(watching.pace.delete_grace_seconds)
    await watching.settle()
    case.expect(
        await receivers(case) == [spec.name],
        "the file of the last sink was deleted, and the sink was unloaded: events reach no sink",
        expected="the last sink stays, and status or log say that its file is gone",
        seen="no sink",
    )


DELETES: dict[str, Callable[[Watching], Awaitable[None]]] = {
    "deleted": _deleted,
    "recreated": _recreated("other-bytes"),
    "recreated-same-bytes": _recreated("same-bytes"),
    "away-and-back": _renamed_away,
}


def _deletes(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant(*each) for each in DELETES.items()]
    if Claim.SINKS in adapter.claims and adapter.pace.unloads_deleted:
        found.append(Variant("the-last-sink", _last_sink))
    return found


@check(
    "HR-WATCH-10",
    variants=_deletes,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def deletion_policy(case: Case, do: Callable[[Watching], Awaitable[None]]) -> None:
    watching = Watching(case)
    await watching.serving(version(1))
    await do(watching)


# HR-WATCH-14

WORDS = "words.txt"
READER = version(1).at("v01", inputs=(WORDS,))


async def _input_edits(watching: Watching, styles: Sequence[SaveStyle]) -> None:
    path = watching.path(READER).parent / WORDS
    for number, style in enumerate(styles, 1):
        watching.runs.clear()
        watching.put(path, f"words {number:03}".encode(), style)
        watching.noted(ALPHA.name, f"save {WORDS}, {style.value}")
        await watching.settle()
        watching.expect_runs(
            1, f"an edit of {WORDS}, which the plugin declares as its input, gives one reload"
        )
        await watching.expect_serving("v01", f"after an edit of {WORDS} the plugin does not serve")
    watching.runs.clear()
    watching.put(path, path.read_bytes())
    await watching.settle()
    watching.expect_runs(0, f"{WORDS} was saved without a change of bytes")


async def _input_during_reload(watching: Watching) -> None:
    # As it starts: before, it has read nothing yet, and may not have declared the file either.
    path, last = watching.path(READER).parent / WORDS, "start:end"
    planned(watching, last, READER.at("v02"), lambda: watching.put(path, b"other", told=False))
    watching.save(READER.at("v02"))
    await watching.settle()
    await watching.settle()
    watching.expect_runs(
        2, f"an edit of {WORDS} while the plugin that declares it is reloaded is an edit"
    )


async def _undeclared(watching: Watching) -> None:
    """A version that declares the file no more."""
    path = watching.path(READER).parent / WORDS
    watching.save(version(2))
    await watching.settle()
    await watching.expect_serving("v02", "an edited plugin that declares no input does not run")
    watching.runs.clear()
    watching.put(path, b"nobody's words")
    watching.noted(ALPHA.name, f"save {WORDS}")
    await watching.settle()
    watching.expect_runs(
        0, f"an edit of {WORDS}, which the version that runs does not declare any more, is none"
    )


INPUTS: dict[str, Callable[[Watching], Awaitable[None]]] = {
    "in-place": lambda w: _input_edits(w, [SaveStyle.IN_PLACE] * 3),
    "rename": lambda w: _input_edits(w, [SaveStyle.RENAME] * 3),
    "mixed": lambda w: _input_edits(
        w, [SaveStyle.DELETE_AND_CREATE, SaveStyle.SAME_SIZE_AND_MTIME, SaveStyle.OLDER_MTIME]
    ),
    "during-a-reload": _input_during_reload,
    "declared-no-more": _undeclared,
}


def _inputs(adapter: type[HostAdapter]) -> Sequence[Variant]:
    hooks = Claim.HOOKS in adapter.claims
    return [Variant(*each) for each in INPUTS.items() if hooks or each[0] != "during-a-reload"]


@check(
    "HR-WATCH-14",
    variants=_inputs,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def declared_inputs(case: Case, do: Callable[[Watching], Awaitable[None]]) -> None:
    watching = Watching(case)
    watching.put(watching.path(READER).parent / WORDS, b"words 000")
    await watching.serving(READER)
    await do(watching)
