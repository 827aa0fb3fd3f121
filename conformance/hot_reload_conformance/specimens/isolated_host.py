"""A correct host that tries every import in a process of its own first, under a deadline."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import warnings
from collections.abc import Mapping

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)

IMPORT_DEADLINE_SECONDS = 2.0


class IsolatedHost(BlueGreenHost):
    """Forks for the rehearsal: what the import does there, it does to the copy."""

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        self.rehearse(new, files)
        await super().build(new, files)

    def rehearse(self, new: Generation, files: Mapping[str, bytes]) -> None:
        """Run the module in a forked process that has to say a word only it can know.

        Raises:
            HostError: it said nothing before it ended or the deadline came.
        """
        word = secrets.token_bytes(8)
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads are not used
            pid = os.fork()
        if pid == 0:
            self.run_in_copy(new, files, word, writing)
        os.close(writing)
        heard = self.listen(reading, len(word))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if heard in (word, b"!"):  # "!": it raised; in here it will tell what
            return
        why = "did not end in time" if heard is None else "ended its process"
        raise HostError(f"{new.name!r} failed at import: its module {why} when it was tried")

    def run_in_copy(
        self, new: Generation, files: Mapping[str, bytes], word: bytes, writing: int
    ) -> None:
        said = b"!"
        probe.install(Recording())  # what happens in the copy is no part of the case
        try:
            for part in reversed(list(files)):
                self.execute(new, part, files)
            said = word
        except SystemExit:
            said = b""
        except HostError as error:
            said = b"" if isinstance(error.__cause__, (SystemExit, MemoryError)) else b"!"
        finally:
            os.write(writing, said)
            os._exit(0)

    def listen(self, reading: int, length: int) -> bytes | None:
        """What the copy said; b"" if it ended without a word, None if it did not end."""
        try:
            ready, _, _ = select.select([reading], [], [], IMPORT_DEADLINE_SECONDS)
            return os.read(reading, length) if ready else None
        finally:
            os.close(reading)


class IsolatedAdapter(BlueGreenAdapter):
    name = "isolated-import"
    claims = BlueGreenAdapter.claims | {Claim.ISOLATED_IMPORT}
    host_class = IsolatedHost
