"""Breakages: one for each stage, each of which really breaks a load, and none vacuous."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hot_reload_conformance.adapter import PluginSpec
from hot_reload_conformance.bench.breakage import (
    LOAD_STAGES,
    Breakage,
    load_breakages,
    one_for_each_stage,
    reload_breakages,
)
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.leftovers import census, grown
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Variant, host_checks
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter, BlueGreenHost, Generation
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict


class SkipsStartHost(BlueGreenHost):
    async def hook(self, generation: Generation, what: str, *arguments: object) -> object:
        return None if what == "start" else await super().hook(generation, what, *arguments)


class SkipsStart(BlueGreenAdapter):
    name = "skips-start"
    host_class = SkipsStartHost


def test_every_stage_of_the_host_is_broken() -> None:
    loads = {each.value.stage for each in load_breakages(BlueGreenAdapter)}
    assert loads == set(LOAD_STAGES)
    reloads = {each.value.stage for each in reload_breakages(BlueGreenAdapter)}
    assert reloads == set(BlueGreenAdapter.stages) - {"setup"}
    few = one_for_each_stage(reload_breakages(BlueGreenAdapter))
    assert len(few) == len(reloads)


def test_stage_that_a_host_lacks_is_left_alone() -> None:
    fewer = type("Fewer", (BlueGreenAdapter,), {"stages": ("syntax",)})
    assert [each.name for each in load_breakages(fewer)] == ["syntax-error"]


class RefusesToStartHost(BlueGreenHost):
    async def hook(self, generation: Generation, what: str, *arguments: object) -> object:
        if what == "start":
            raise ValueError("the cog 'Alpha' is there already")
        return await super().hook(generation, what, *arguments)


class RefusesToStart(BlueGreenAdapter):
    name = "refuses-to-start"
    host_class = RefusesToStartHost


def test_fault_that_never_happens_as_another_came_first_names_that() -> None:
    check = next(each for each in host_checks() if each.id == "failed-load-leaves-nothing")
    result = run_host_check(HostSubject(RefusesToStart), check, only="start-raises")
    assert result.verdict is Verdict.UNKNOWN
    assert "never happened (the operation failed: " in result.reason
    assert "the cog 'Alpha' is there already" in result.reason


def test_fault_that_never_happens_is_unknown_and_no_pass() -> None:
    for check_id in ("failed-load-leaves-nothing", "error-names-cause", "census"):
        check = next(each for each in host_checks() if each.id == check_id)
        name = "start-raises" if check_id != "census" else "failed-start-raises"
        result = run_host_check(HostSubject(SkipsStart), check, only=name)
        assert result.verdict is Verdict.UNKNOWN
        assert "the fault planned for stage 'start' never happened" in result.reason


@pytest.mark.parametrize("variant", load_breakages(BlueGreenAdapter), ids=lambda each: each.name)
def test_breakage_makes_a_load_fail(variant: Variant) -> None:
    failed: list[bool] = []

    async def judge(case: Case, breakage: Breakage) -> None:
        breakage.apply(case, PluginSpec())
        failed.append(not (await case.load("alpha")).ok)
        breakage.sprung(case)

    check = replace(host_checks()[0], run=judge, variants=lambda _: (variant,))
    assert run_host_check(HostSubject(BlueGreenAdapter), check).verdict is Verdict.PASS
    assert failed == [True]


async def test_growth_counts_what_came_in_each_round(tmp_path: Path) -> None:
    before = await census()
    over = threading.Event()
    threads = [threading.Thread(target=over.wait) for _ in range(3)]
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for thread in threads:
        thread.start()
    try:
        after = await census()
    finally:
        over.set()
        os.close(descriptor)
        for thread in threads:
            thread.join()
    once = grown(before, after)
    assert any("3 more thread" in each for each in once)
    assert any("1 more file descriptor" in each for each in once)
    assert [each for each in grown(before, after, rounds=3) if "thread" not in each] == []


async def test_growth_sees_sys_path_and_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    before = await census()
    monkeypatch.syspath_prepend("/nowhere")
    monkeypatch.setitem(sys.modules, "left_behind", type(sys)("left_behind"))
    more = "; ".join(grown(before, await census()))
    assert "'/nowhere'" in more
    assert "left_behind" in more
