"""Wrong plugins, as text: a start that waits for what tasks of its own get.

Broken off in the very step in which it begins to wait, as examples do, none of them has anything
yet; a moment later one of its tasks has.
"""

from __future__ import annotations

from hot_reload_conformance.specimens.plugin_specimen import specimen
from hot_reload_conformance.subject import PluginSubject

specimen(
    "half-start-loses-what-was-gathered",
    "HR-PLUG-06",
    """
    import asyncio
    import os

    class Service:
        version = "1.0"

        def __init__(self):
            self.files, self.opening = [], []

        async def start(self):
            self.opening = [asyncio.create_task(self.opened(each)) for each in (0.01, 0.02)]
            self.files = await asyncio.gather(*self.opening)

        async def opened(self, seconds):
            await asyncio.sleep(seconds)
            return os.open("/dev/null", os.O_WRONLY)

        def handle(self, request):
            return os.write(self.files[0], b"asked")

        async def stop(self):
            for each in self.opening:
                each.cancel()
            files, self.files, self.opening = self.files, [], []
            for each in files:
                os.close(each)
    """,
    says="also what a task of its own got while start() waited for that task",
    bug="one is open already when gather() is cancelled: what it gave is nobody's",
)
specimen(
    "half-start-keeps-the-lock-file",
    "HR-PLUG-06",
    """
    import asyncio
    import os

    class Service:
        version = "1.0"

        def __init__(self, config):
            self.path, self.locked = config["lock"], False

        async def start(self):
            self.locked = await asyncio.create_task(self.lock())

        async def lock(self):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL))
            await asyncio.sleep(0.01)
            return True

        def handle(self, request):
            return self.locked

        async def stop(self):
            locked, self.locked = self.locked, False
            if locked:
                os.remove(self.path)
    """,
    says="the first one still holds what the next one needs",
    bug="that the file is there is known when the task has ended, and not when it was made",
    subject=PluginSubject(config=lambda folder: {"lock": str(folder / "lock")}),
)
