"""Wrong hosts that read a good source file wrongly, and those that call a hook too much."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.locked_host import Entry, LockedAdapter, LockedHost
from hot_reload_conformance.specimens.registry import specimen

# HR-LOAD-01, takes-effect


class _Rewrites(BlueGreenHost):
    """The bytes are not those of the file."""

    def read(self, name: str) -> dict[str, bytes]:
        return {part: self.rewritten(data) for part, data in super().read(name).items()}

    def rewritten(self, data: bytes) -> bytes:
        raise NotImplementedError


class _ReadsOneBlock(_Rewrites):
    def rewritten(self, data: bytes) -> bytes:
        return data[: 64 * 1024]


@specimen(
    "HR-LOAD-01",
    says="more than 64 KiB said ok, and its last line never ran",
    bug="one os.read() of 64 KiB",
)
class ReadsOneBlock(BlueGreenAdapter):
    name = "reads-one-block"
    host_class = _ReadsOneBlock


class _ReadsOneBuffer(_Rewrites):
    def rewritten(self, data: bytes) -> bytes:
        return io.BufferedReader(io.BytesIO(data), 8192).peek()


@specimen("HR-LOAD-01", says="more than 8 KiB said ok", bug="read1() for read()")
class ReadsOneBuffer(BlueGreenAdapter):
    name = "reads-one-buffer"
    host_class = _ReadsOneBuffer


class _RefusesLong(_Rewrites):
    def rewritten(self, data: bytes) -> bytes:
        if len(data) > 256 * 1024:
            raise HostError("failed at read: the plugin is too long to be one")
        return data


@specimen("HR-LOAD-01", says="how its file is written: more than 256 KiB", bug="a guessed limit")
class RefusesLong(BlueGreenAdapter):
    name = "refuses-long-files"
    host_class = _RefusesLong


class _DecodesUtf8(_Rewrites):
    def rewritten(self, data: bytes) -> bytes:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise HostError(f"failed at read: {error}") from error
        return data


@specimen("HR-LOAD-01", says="an encoding line for latin-1", bug="read_text(encoding='utf-8')")
class DecodesUtf8(BlueGreenAdapter):
    name = "decodes-utf-8-always"
    host_class = _DecodesUtf8


class _Replaces(_Rewrites):
    def rewritten(self, data: bytes) -> bytes:
        text = data.decode("utf-8", errors="replace")
        return text.encode() if "coding: cp1252" not in text else data


@specimen(
    "HR-LOAD-01",
    says="made of its text something else than Python does",
    bug="decode(errors='replace'), so that nothing is refused",
)
class Replaces(BlueGreenAdapter):
    name = "decodes-with-replacement"
    host_class = _Replaces


class _TextMode(BlueGreenHost):
    """Gives ``compile`` a text, in which it looks for no encoding line and no mark."""

    def execute(self, new: Generation, part: str, files: Mapping[str, bytes]) -> None:
        try:
            compile(files[part].decode("latin-1"), new.name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise HostError(f"{new.name!r} failed at syntax: {error}") from error
        super().execute(new, part, files)


@specimen("HR-LOAD-01", says="how its file is written: a byte order mark", bug="U+FEFF is no name")
class TextMode(BlueGreenAdapter):
    name = "byte-order-mark-refused"
    host_class = _TextMode


class _SplitsLines(_Rewrites):
    def rewritten(self, data: bytes) -> bytes:
        if b"coding" in data[:80]:
            return data
        return "\n".join(data.decode("utf-8-sig").splitlines()).encode()


@specimen("HR-LOAD-01", says="odd separators in a string", bug="str.splitlines() for lines")
class SplitsLines(BlueGreenAdapter):
    name = "splits-at-odd-separators"
    host_class = _SplitsLines


class _DropsHalfLines(_Rewrites):
    """What has no line end is being written just now."""

    def rewritten(self, data: bytes) -> bytes:
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        return data[: end + 1]


@specimen("HR-LOAD-01", says="no line end at its end", bug="a last line without its end is dropped")
class DropsHalfLines(BlueGreenAdapter):
    name = "drops-a-last-line-without-end"
    host_class = _DropsHalfLines


class _Prepends(_Rewrites):
    def rewritten(self, data: bytes) -> bytes:
        return b"__plugin__ = True\n" + data if b"coding" not in data[:80] else data


@specimen(
    "HR-LOAD-01", says="a docstring and a future import first", bug="a line of its own comes first"
)
class Prepends(BlueGreenAdapter):
    name = "prepends-a-line"
    host_class = _Prepends


class _RunsAsAProgram(BlueGreenHost):
    def run(self, new: Generation, module: Any, code: Any) -> None:
        module.__name__ = "__main__"
        super().run(new, module, code)


@specimen("HR-LOAD-01", says="a part for when it is run as a program", bug="runpy.run_path")
class RunsAsAProgram(BlueGreenAdapter):
    name = "runs-plugins-as-main"
    host_class = _RunsAsAProgram


class _Inherits(BlueGreenHost):
    def run(self, new: Generation, module: Any, code: Any) -> None:
        import __future__

        path = str(module.__file__)
        flags = __future__.annotations.compiler_flag
        data = self.read(new.name)[""]
        super().run(new, module, compile(data, path, "exec", flags, dont_inherit=True))


@specimen(
    "HR-LOAD-01",
    says="annotations, and no future import said ok",
    bug="compile() inherits the host module's own __future__ flags",
)
class Inherits(BlueGreenAdapter):
    name = "future-imports-of-the-host"
    host_class = _Inherits


class _RefusesMarkAtReload(_Rewrites):
    def rewritten(self, data: bytes) -> bytes:
        if self.busy and data.startswith(b"\xef\xbb\xbf"):
            raise HostError("failed at read: an unexpected character at the beginning")
        return data


@specimen(
    "HR-LOAD-01", says="a reload refuses a good plugin", bug="loads and reloads read differently"
)
class RefusesMarkAtReload(BlueGreenAdapter):
    name = "reload-refuses-the-mark"
    host_class = _RefusesMarkAtReload


# HR-LOAD-04, setup-once


class _ToldOfEveryLoad(BlueGreenHost):
    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        await self.hook(self.live[name], "on_reload")


@specimen(
    "HR-LOAD-04",
    says="on_reload ran in the first load of a plugin",
    bug="one path for loads and reloads, which calls every hook",
)
class ToldOfEveryLoad(BlueGreenAdapter):
    name = "on-reload-at-a-first-load"
    host_class = _ToldOfEveryLoad


class _RemembersItWasThere(LockedHost):
    """Whoever was loaded before is reloaded, though nothing of it is left."""

    def begin(self, new: Entry, *hooks: str) -> None:
        seen: set[str] = self.__dict__.setdefault("seen", set())
        super().begin(new, *hooks)
        if "setup" in hooks and new.name in seen:
            super().begin(new, "on_reload")
        seen.add(new.name)


@specimen(
    "HR-LOAD-04",
    says="on_reload ran in the load of a plugin that had been unloaded",
    bug="'was it ever loaded' taken for 'is it loaded'",
)
class RemembersItWasThere(LockedAdapter):
    name = "on-reload-at-a-second-load"
    host_class = _RemembersItWasThere
