"""Wrong hosts for LEAK, each with one step broken."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from importlib.machinery import PathFinder
from typing import Any

from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.package_host import PackageAdapter, PackageHost
from hot_reload_conformance.specimens.registry import specimen


class HistoryWithTracebacksHost(BlueGreenHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.history: list[BaseException] = []

    def failed(self, generation: Generation, stage: str, error: BaseException) -> HostError:
        self.history.append(error)
        return super().failed(generation, stage, error)


@specimen(
    "HR-LEAK-01",
    says="a list in attribute 'history' of HistoryWithTracebacksHost",
    bug="dotnet/runtime#77892: an exception in the history, and its traceback's frames",
)
class HistoryWithTracebacks(BlueGreenAdapter):
    name = "history-with-tracebacks"
    host_class = HistoryWithTracebacksHost


class KeepsOldInstanceHost(BlueGreenHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.callbacks: list[Any] = []

    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        self.callbacks.append(new.plugin.health_check)


@specimen(
    "HR-LEAK-01",
    says="held by the bound method Plugin.health_check, held by a list in attribute 'callbacks' of",
    bug="caddyserver/caddy#2358: memory grows with each reload",
)
class KeepsOldInstance(BlueGreenAdapter):
    name = "keeps-old-instance"
    host_class = KeepsOldInstanceHost


class RemembersWhomItCalledHost(BlueGreenHost):
    """Its cache is keyed by the generation: what it answers is right, and nothing ever goes."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.known_handlers: dict[Generation, Any] = {}

    async def answer(self, generation: Generation, event: Any) -> list[str]:
        self.known_handlers.setdefault(generation, generation.plugin)
        return await super().answer(generation, event)


@specimen(
    "HR-LEAK-01",
    says="'known_handlers' of RemembersWhomItCalledHost",
    bug="functools.lru_cache on the look-up of handlers: it fills as they are called",
)
class RemembersWhomItCalled(BlueGreenAdapter):
    name = "remembers-whom-it-called"
    host_class = RemembersWhomItCalledHost


class GrowsPathHost(BlueGreenHost):
    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        before = sys.path  # the same list, so that there is nothing to put back
        sys.path.insert(0, str(self.root))
        await super().build(new, files)
        sys.path = before


@specimen("HR-LEAK-02", says="sys.path entry", bug="mitmproxy: sys.path grows with each reload")
class GrowsPath(BlueGreenAdapter):
    name = "grows-path"
    host_class = GrowsPathHost


class FailedModuleStaysHost(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        new.plugin = None


@specimen("HR-LEAK-02", says="module in sys.modules", bug="AstrBotDevs/AstrBot#5462")
class FailedModuleStays(BlueGreenAdapter):
    name = "failed-module-stays"
    host_class = FailedModuleStaysHost


class ForgetsAfterAGoodStopHost(BlueGreenHost):
    async def release_half_made(self, new: Generation) -> None:
        if new.plugin is not None:
            try:
                await self.hook(new, "stop")
            except HostError:
                return  # it was told to stop
        self.forget(new)


@specimen(
    "HR-LEAK-02",
    says="and then the stop of what it had begun, left",
    bug="a clean-up ends at the first of its steps that fails",
)
class ForgetsAfterAGoodStop(BlueGreenAdapter):
    name = "forgets-after-a-good-stop"
    host_class = ForgetsAfterAGoodStopHost


class HandlerForEachHost(BlueGreenHost):
    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        logging.root.addHandler(logging.NullHandler())


@specimen("HR-LEAK-02", says="logging handler", bug="freqtrade/freqtrade#3996: handlers multiply")
class HandlerForEach(BlueGreenAdapter):
    name = "handler-for-each"
    host_class = HandlerForEachHost


class ThreadForEachHost(BlueGreenHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.over = threading.Event()

    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        threading.Thread(target=self.over.wait, daemon=True).start()


@specimen("HR-LEAK-02", says="more thread", bug="zDevelopers/QuartzLib#6: a thread for each reload")
class ThreadForEach(BlueGreenAdapter):
    name = "thread-for-each"
    host_class = ThreadForEachHost

    async def close(self) -> None:
        self.host.over.set()  # type: ignore[attr-defined]
        await super().close()


class DescriptorOnFailureHost(BlueGreenHost):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.open: list[int] = []

    async def roll_back(self, name: str, old: Generation) -> None:
        self.open.append(os.open(self.root, os.O_RDONLY))
        await super().roll_back(name, old)


@specimen("HR-LEAK-02", says="file descriptor", bug="crowdsecurity/crowdsec#4545: the error path")
class DescriptorOnFailure(BlueGreenAdapter):
    name = "descriptor-on-failure"
    host_class = DescriptorOnFailureHost

    async def close(self) -> None:
        for descriptor in self.host.open:  # type: ignore[attr-defined]
            os.close(descriptor)
        await super().close()


class FilterForEachHost(BlueGreenHost):
    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        warnings.filterwarnings("ignore", module=re.escape(new.module_name))


@specimen("HR-LEAK-02", says="more warnings filter", bug="a filter for the modules of each one")
class FilterForEach(BlueGreenAdapter):
    name = "filter-for-each"
    host_class = FilterForEachHost


class FinderForEachHost(PackageHost):
    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        if self.live[name].plugin.p.ways:  # a package
            sys.meta_path.append(_Finder())


class _Finder(PathFinder):
    """One that nobody takes off the list again."""


@specimen(
    "HR-LEAK-02", says="reloads of a package", bug="a finder for each generation of a package"
)
class FinderForEach(PackageAdapter):
    name = "finder-for-each-package"
    host_class = FinderForEachHost

    async def close(self) -> None:
        await super().close()
        sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _Finder)]
