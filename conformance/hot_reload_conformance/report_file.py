"""The report file: what the plugins of a host in another process tell the kit.

For an adapter whose host runs its plugins in a process of its own::

    async def open(self, workdir, ports):
        self.aside = Path(tempfile.mkdtemp())            # not in workdir: that is watched
        self.report = ReportFile(self.aside / "report")

    async def load(self, ref):
        self.process = Popen(..., env={**os.environ, **self.report.environment})
        ...                                              # wait until the host is up
        self.report.gather()

Moments cross, and nothing else: what the kit plans (an exception in a hook, a hang)
does not reach the other process, and its memory cannot be looked into.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hot_reload_conformance.probe import REPORT_VARIABLE, current


class ReportFile:
    """The kit's end of the file; the other end is ``probe.attach`` in the host's process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_bytes = 0
        path.touch()

    @property
    def environment(self) -> Mapping[str, str]:
        """What the host's process has to have in its environment."""
        return {REPORT_VARIABLE: str(self.path)}

    def gather(self) -> int:
        """Add what was reported since the last call to the case's recording; how much it was.

        Raises:
            RuntimeError: no case runs.
            ValueError: something else wrote to the file; names it.
        """
        recording = current()
        if recording is None:
            raise RuntimeError(f"{self.path}: no case runs that its reports could belong to")
        with self.path.open("rb") as file:
            file.seek(self._read_bytes)
            # A line without its end is still being written: it comes with the next call.
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read_bytes += len(whole) + len(newline)
        lines = whole.splitlines()
        for line in lines:
            try:
                plugin, version, serial, what, phase = json.loads(line)
            except ValueError as error:
                raise ValueError(
                    f"{self.path}: {line!r:.80} is no report of a plugin: only "
                    "hot_reload_conformance.probe may write there"
                ) from error
            recording.noted(plugin, version, serial, what, phase)
        return len(lines)
