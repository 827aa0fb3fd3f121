"""A host that learns of a plugin's inputs as it builds it is right about them from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.specimens.blue_green import Generation
from hot_reload_conformance.specimens.watching_host import Print, WatchingAdapter, WatchingHost
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict


class ReadAsBuilt(WatchingHost):
    """Reads the inputs of a version once that has said which they are, before its start."""

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        inputs = getattr(new.plugin, "inputs", ())
        found = hashlib.sha256()
        for each in inputs:
            path = self.root / each
            found.update(path.read_bytes() if path.is_file() else b"gone")
        source = self.read_as[new.name].source
        self.read_as[new.name] = Print(source, found.hexdigest() if inputs else "")


class ReadAfterStart(WatchingHost):
    """Reads them once the version has started: it may have read others."""

    def note_made_of(self, name: str) -> None:
        self.made_of[name] = Print(self.read_as[name].source, self.inputs_print(name))


def declared_inputs(host: type[WatchingHost]) -> Verdict:
    adapter = type("Adapter", (WatchingAdapter,), {"name": "late", "host_class": host})
    check = next(each for each in host_checks() if each.id == "declared-inputs")
    return run_host_check(HostSubject(adapter), check).verdict


def test_what_is_edited_before_it_was_declared_is_no_edit() -> None:
    assert declared_inputs(ReadAsBuilt) is Verdict.PASS


def test_what_is_edited_as_the_plugin_starts_is_one() -> None:
    assert declared_inputs(ReadAfterStart) is Verdict.FAIL
