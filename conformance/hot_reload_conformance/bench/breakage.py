"""Breakages: every way in which the kit makes a load or a reload fail, one for each stage and kind.

A breakage writes the files and plans the exception; the check that uses it then
asks the host to load or reload, and must find ``sprung``: a fault that never
happened proves nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant
from hot_reload_conformance.planned import PlannedError, PlannedExit, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

CAUSE = "cause-4711"
MISSING_MODULE = "no_module_of_this_name_4711"

LOAD_STAGES: tuple[str, ...] = (
    "read",
    "syntax",
    "import",
    "plugin",
    "metadata",
    "construct",
    "setup",
    "start",
)
"""Stages at which a first load can fail; the others come only in a reload."""


_OPERATIONS = ("load ", "reload ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """One way to fail. ``line`` is known where the text itself is what is wrong."""

    name: str
    stage: str
    break_it: Callable[[Case, PluginSpec], int | None]
    """Write the broken plugin; gives the line of the cause, None where there is none."""
    planned: bool = False
    words: tuple[str, ...] = ()
    """One of these must be in an honest message: the cause."""

    def apply(self, case: Case, spec: PluginSpec) -> int | None:
        """Break ``spec`` on disk, or plan its exception; gives the line of the cause.

        Raises:
            NotClaimed: the host's dialect cannot show this breakage.
        """
        return self.break_it(case, spec)

    def sprung(self, case: Case) -> None:
        """The planned exception was raised.

        Raises:
            CannotJudge: it was not; nothing follows from what the host did.
        """
        if self.planned and case.recording.pending():
            done = [each.seen for each in case.story if each.text.startswith(_OPERATIONS)]
            # Of those that went before, nothing is said: their fault may well have happened.
            instead = f" (the operation {done[-1]})" if done and done[-1] != "ok" else ""
            raise CannotJudge(
                f"the fault planned for stage {self.stage!r} never happened{instead}: does the "
                "host come to run it, and does the rendered plugin report it? If not, drop the "
                "stage from `stages`"
            )


def load_breakages(adapter: type[HostAdapter]) -> list[Variant]:
    """The breakages of a first load on this host, as variants."""
    return _variants(_for_loads(), adapter)


def reload_breakages(adapter: type[HostAdapter]) -> list[Variant]:
    """The breakages of a reload on this host, as variants; setup is not run by every reload."""
    late = ["health_check", "on_reload"]
    if Claim.STATE in adapter.claims:
        late += ["get_reload_state", "set_reload_state"]
    both = [each for each in _for_loads() if each.stage != "setup"]
    return _variants([*both, *(_raises(stage) for stage in late)], adapter)


def one_for_each_stage(variants: Sequence[Variant]) -> list[Variant]:
    """The first breakage of each stage, for checks that are not about the kinds of failure."""
    stages: dict[str, Variant] = {}
    for each in variants:
        stages.setdefault(each.value.stage, each)
    return list(stages.values())


def _variants(breakages: Iterable[Breakage], adapter: type[HostAdapter]) -> list[Variant]:
    return [Variant(each.name, each) for each in breakages if each.stage in adapter.stages]


def _for_loads() -> list[Breakage]:
    raised = ("import", "construct", "setup", "start")
    return [
        Breakage(name="missing-file", stage="read", break_it=_missing, words=_ABSENT),
        Breakage(name="empty-file", stage="plugin", break_it=_emptied, words=("empty", *_NONE)),
        Breakage(name="syntax-error", stage="syntax", break_it=_garbled, words=("syntax",)),
        Breakage(
            name="import-error", stage="import", break_it=_unimportable, words=(MISSING_MODULE,)
        ),
        Breakage(name="import-raises", stage="import", break_it=_raising_body, words=(CAUSE,)),
        Breakage(name="no-plugin", stage="plugin", break_it=_no_plugin, words=_NONE),
        Breakage(name="two-plugins", stage="plugin", break_it=_two_plugins, words=_MANY),
        Breakage(
            name="bad-metadata",
            stage="metadata",
            break_it=_bad_metadata,
            words=("metadata", "version", "meta"),
        ),
        *(_raises(stage) for stage in raised if stage != "import"),
        *(_raises(stage, PlannedExit, "exits") for stage in raised),
    ]


_ABSENT = (
    *("no such", "not found", "or found", "missing", "not there", "not exist", "cannot find"),
    "no file",
)
_NONE = ("no ", "0 ", "none", "without", "nothing", "not a ", "missing", "empty", "has no")
_MANY = ("2 ", "two", "more than one", "several", "multiple", "ambiguous", "one ")


def _raises(stage: str, kind: type[BaseException] = PlannedError, verb: str = "raises") -> Breakage:
    def break_it(case: Case, spec: PluginSpec) -> None:
        case.write(spec)
        case.recording.plan(stage, raising(kind, CAUSE), plugin=spec.name)
        case.tell(f"plan: {stage} of {spec.ref} raises {kind.__base__ and kind.__base__.__name__}")

    return Breakage(
        name=f"{stage}-{verb}", stage=stage, break_it=break_it, planned=True, words=(CAUSE,)
    )


def _missing(case: Case, spec: PluginSpec) -> None:
    for relative in case.adapter.render(spec):
        path = case.workdir / relative
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    case.tell(f"no file for {spec.ref}")


def _emptied(case: Case, spec: PluginSpec) -> None:
    case.spoil(spec, lambda _: "", "emptied")


def _garbled(case: Case, spec: PluginSpec) -> int:
    return _appended(case, spec, "def broken(:", "with a syntax error in its last line")


def _unimportable(case: Case, spec: PluginSpec) -> int:
    return _appended(case, spec, f"import {MISSING_MODULE}", "importing a module that is not there")


def _raising_body(case: Case, spec: PluginSpec) -> int:
    return _appended(case, spec, f"raise ValueError({CAUSE!r})", "raising in its last line")


def _appended(case: Case, spec: PluginSpec, line: str, how: str) -> int:
    """``spec`` with one more line; gives that line's number."""
    number = 0

    def change(text: str) -> str:
        nonlocal number
        text = text if text.endswith("\n") else f"{text}\n"
        number = text.count("\n") + 1
        return f"{text}{line}\n"

    case.spoil(spec, change, how)
    return number


def _no_plugin(case: Case, spec: PluginSpec) -> None:
    case.spoil(spec, lambda _: "VALUE = 1\n", "with no plugin in it")


def _two_plugins(case: Case, spec: PluginSpec) -> None:
    two = spec.at(spec.version, copies=2)
    if dict(case.adapter.render(two)) == dict(case.adapter.render(spec)):
        raise NotClaimed("render() makes no two plugins of copies=2: this host cannot meet them")
    case.write(two)


def _bad_metadata(case: Case, spec: PluginSpec) -> None:
    bad = spec.at(spec.version, metadata=False)
    if dict(case.adapter.render(bad)) == dict(case.adapter.render(spec)):
        raise NotClaimed("render() does nothing on metadata=False: drop 'metadata' from `stages`")
    case.write(bad)
