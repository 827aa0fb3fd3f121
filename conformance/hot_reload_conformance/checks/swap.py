"""SWAP: what a host owes when a plugin is reloaded and the reload succeeds."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.observe import (
    Calls,
    answers,
)
from hot_reload_conformance.checks.stages import plain
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.dialect import PACKAGE_HANDLERS
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation


@check(
    "HR-SWAP-01",
    variants=[
        Variant("one handler", ("main",)),
        Variant("two handlers", ("main", "extra")),
    ],
)
async def new_code_serves(case: Case, handlers: tuple[str, ...]) -> None:
    await case.loaded(plain(case, handlers=handlers))
    for version in ("v2", "v3", "v1"):
        await case.reloaded(plain(case, version, handlers=handlers))
        await case.expect_replies(
            answers(version, handlers),
            f"the reload to {version} said ok, but what answers is not just the new code",
        )


def _files(adapter: type[HostAdapter]) -> Sequence[Variant]:
    packages = (Variant("a module of a package", True),) * (Claim.PACKAGES in adapter.claims)
    return (Variant("", False), *packages)


@check("HR-SWAP-02", variants=_files)
async def same_size_same_second(case: Case, package: bool) -> None:
    def spec(version: str) -> PluginSpec:
        return plain(case, version, package=package)

    with _bytecode_written():
        files = case.write(spec("v1"), same_second=True)
        reply = await case.load(spec("v1").ref)
        case.expect(reply.ok, f"a good plugin does not load: {reply.everything}")
        await case.replies()  # what is imported late is imported now
        for version in ("v2", "v3", "v4"):
            bytecode = _bytecode_of(case, _main(files))
            before = _sizes_and_times(files)
            files = case.write(spec(version), same_second=True)
            if _sizes_and_times(files) != before:
                raise CannotJudge(
                    "render() gives texts of different lengths for v1 and v2, so an edit of the "
                    "same size cannot be made"
                )
            case.tell(f"bytecode in play: {bytecode or 'none'}")
            await case.reloaded(spec(version), write=False)
            where = " of a package's own module" if package else ""
            try:
                await case.expect_replies(
                    [version],
                    f"an edit{where} of the same size in the same second was not taken, though "
                    "the reload said ok",
                )
            except Violation as stale:
                why = await _why_stale(case, spec(version), _main(files))
                raise Violation(
                    f"{stale.message}: {why}", expected=stale.expected, seen=stale.seen
                ) from None


async def _why_stale(case: Case, spec: PluginSpec, main: Path) -> str:
    """Found out by the same edit once more, without the bytecode that was there."""
    bytecode = _bytecode_of(case, main)
    if bytecode:
        for path in _bytecode_files(case, main):
            path.unlink()
        case.tell("once more without the bytecode, to see where the stale code came from")
        case.write(spec, same_second=True)
        with contextlib.suppress(Violation):
            await case.reloaded(spec, write=False)
            if await case.replies() == [spec.version]:
                return f"the host took stale code from a bytecode file ({bytecode})"
    kept = "its bytes"
    if spec.package:
        kept += ", or keeps the modules that it has (then HR-SWAP-04 fails as well)"
    return f"the host looks at size and time of the file, not at {kept}"


def _sizes_and_times(files: dict[str, Path]) -> list[tuple[int, int]]:
    return [(stat.st_size, stat.st_mtime_ns) for stat in map(Path.stat, files.values())]


def _main(files: dict[str, Path]) -> Path:
    return next(iter(files.values()))


def _bytecode_of(case: Case, main: Path) -> str:
    """The bytecode files that stand for the plugin now, as words."""
    return ", ".join(
        str(each.relative_to(case.workdir) if each.is_relative_to(case.workdir) else each)
        for each in _bytecode_files(case, main)
    )


def _bytecode_files(case: Case, main: Path) -> list[Path]:
    found = set(case.workdir.rglob("*.pyc"))
    cached = Path(importlib.util.cache_from_source(str(main)))
    if cached.is_file():
        found.add(cached)
    return sorted(found)


@contextlib.contextmanager
def _bytecode_written() -> Iterator[None]:
    """Have bytecode written here and in child processes: an environment often forbids it."""
    before, variable = sys.dont_write_bytecode, os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        if variable is not None:
            os.environ["PYTHONDONTWRITEBYTECODE"] = variable


@check("HR-SWAP-03")
async def removed_names_gone(case: Case, _: Any) -> None:
    both = ("main", "extra")
    await case.loaded(plain(case, handlers=both))
    await case.expect_replies(answers("v1", both), "the plugin's two handlers do not both answer")
    await case.reloaded(plain(case, "v2"))
    await case.expect_replies(
        ["v2"], "the handler 'extra' was removed from the source, but it still answers"
    )
    await case.reloaded(plain(case, "v3", handlers=("other",)))
    await case.expect_replies(
        ["v3/other"], "the handler 'main' was renamed to 'other', but that is not what answers"
    )


@check(
    "HR-SWAP-04",
    variants=[
        Variant("its own module", False),
        Variant("its own module, while the new one starts", True),
    ],
)
async def submodules(case: Case, while_starting: bool) -> None:
    def package(version: str) -> PluginSpec:
        return plain(case, version, package=True, handlers=PACKAGE_HANDLERS)

    def ways(version: str) -> list[str]:
        return sorted(answers(version, PACKAGE_HANDLERS))

    await case.loaded(package("v1"))
    await case.expect_replies(ways("v1"), "a package's handlers do not reach its own module")
    for old, version in (("v1", "v2"), ("v2", "v3")):
        case.edit(package(version))
        if not while_starting:
            await case.reloaded(package(version), write=False)
            await case.expect_replies(
                ways(version),
                "the package's own module was edited and the reload said ok, but imports of it "
                "reach other code",
            )
            continue
        with Calls(case) as calls:
            await case.reloaded(package(version), write=False)
        made = await calls.finished()
        if not made:
            raise NotClaimed("no hook or import was seen while it ran: there was no moment to call")
        for when, seen in made:
            if seen == []:
                continue  # nobody answers: HR-SWAP-06's matter
            case.expect(
                # Handlers answer in whichever order their host keeps them.
                isinstance(seen, list) and sorted(seen) in (ways(old), ways(version)),
                f"called at '{when}', imports of a generation reach another one's module",
                expected=f"{ways(old)} or {ways(version)}",
                seen=repr(seen),
            )


@check("HR-SWAP-08", kind=Kind.PROPERTY)
async def no_duplicate_registration(case: Case, _: Any) -> None:
    handlers = ("main", "extra")
    sinks = Claim.SINKS in case.claims
    await case.loaded(plain(case, handlers=handlers))
    if sinks:
        await case.loaded(PluginSpec(name="tap", sink=True, handlers=()))
    before = await case.registries() if Claim.SNAPSHOT in case.claims else {}
    for number in range(2, case.budget.repeats + 2):
        version = f"v{number}"
        await case.reloaded(plain(case, version, handlers=handlers))
        await case.expect_replies(
            answers(version, handlers),
            f"after {number - 1} reloads an event is not handled exactly once by each handler",
        )
        if sinks:
            await case.reloaded(PluginSpec(name="tap", version=version, sink=True, handlers=()))
            event = await case.emit()
            await case.settle()
            got = [d for d in case.recording.deliveries if d.sequence == event.sequence]
            case.expect(
                len(got) == 1,
                f"after {number - 1} reloads of a sink an event reached it {len(got)} times",
                expected="once",
                seen=[f"{each.version}#{each.serial}" for each in got],
            )
        if Claim.SNAPSHOT in case.claims:
            now = await case.registries()
            case.expect(
                now == before,
                f"after {number - 1} reloads the host's registries are not what they were",
                expected=before,
                seen=now,
            )


_UNCHANGED = ("unchanged", "nothing changed", "no change", "not changed", "up to date", "same")


@check("HR-SWAP-09")
async def unchanged_is_harmless(case: Case, _: Any) -> None:
    handlers = ("main", "extra")
    await case.loaded(plain(case, handlers=handlers))
    if Claim.STATE in case.claims:
        await case.replies(Event("add", 3))
    state = await case.replies(Event("get"))
    for _again in range(2):
        reply = await case.reload("alpha")
        case.expect(
            reply.ok or any(word in reply.everything.lower() for word in _UNCHANGED),
            "a reload of unchanged source failed, and does not say that nothing changed",
            expected="ok, or 'unchanged'",
            seen=reply.everything or "no word why",
        )
        await case.expect_replies(
            answers("v1", handlers),
            "after a reload of unchanged source the plugin does not serve as before",
        )
    if Claim.STATE in case.claims:
        now = await case.replies(Event("get"))
        case.expect(
            now == state,
            "a reload of unchanged source lost the plugin's state",
            expected=state,
            seen=now,
        )
    # With the same handlers: that a removed one goes is HR-SWAP-03's matter.
    await case.reloaded(plain(case, "v2", handlers=handlers))
    await case.expect_replies(
        answers("v2", handlers), "after a reload of unchanged source, an edit is not taken"
    )
