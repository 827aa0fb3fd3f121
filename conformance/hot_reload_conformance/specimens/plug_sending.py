"""Wrong plugins, as text: sinks that send by themselves, and a flush that comes in its middle.

Called right after the last event, as examples do, each of these flushes delivers all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hot_reload_conformance.specimens.plug_correct import lines
from hot_reload_conformance.specimens.plugin_specimen import specimen
from hot_reload_conformance.subject import PluginSubject


async def _delivered(plugin: Any) -> Sequence[Any]:
    return list(plugin.delivered)


specimen(
    "flush-overlooks-what-is-on-its-way",
    "HR-PLUG-11",
    """
    import asyncio

    class Sink:
        version = "1.0"

        def __init__(self):
            self.batch, self.delivered = [], []
            self.sending = None

        async def start(self):
            self.sending = asyncio.create_task(self.send_again_and_again())

        async def send_again_and_again(self):
            while True:
                await asyncio.sleep(1)
                await self.flush()

        def write(self, event):
            self.batch.append(event)

        async def flush(self):
            batch, self.batch = self.batch, []
            if batch:
                await self.post(batch)

        async def post(self, batch):
            await asyncio.sleep(0.05)
            self.delivered += batch

        async def stop(self):
            sending, self.sending = self.sending, None
            if sending is not None:
                sending.cancel()
                await asyncio.wait({sending})
    """,
    says="events that the sink accepted before flush() are missing as it returns",
    bug="the batch that a timer has taken is in nobody's list while it is being sent",
    subject=PluginSubject(observe=_delivered),
)
specimen(
    "flush-asks-before-it-waits",
    "HR-PLUG-11",
    """
    import asyncio
    import json

    class Sink:
        version = "1.0"

        def __init__(self, config):
            self.path, self.batch = config["path"], []
            self.lock, self.sending = asyncio.Lock(), None

        async def start(self):
            self.sending = asyncio.create_task(self.send_again_and_again())

        async def send_again_and_again(self):
            while True:
                await asyncio.sleep(0.5)
                await self.flush()

        def write(self, event):
            self.batch.append(event)

        async def flush(self):
            if not self.batch:
                return
            batch, self.batch = self.batch, []
            async with self.lock:
                await asyncio.sleep(0.05)
                with open(self.path, "a") as file:
                    file.writelines(json.dumps(event) + "\\n" for event in batch)

        async def get_reload_state(self):
            await self.flush()
            return {}

        def set_reload_state(self, state):
            pass

        async def stop(self):
            sending, self.sending = self.sending, None
            if sending is not None:
                sending.cancel()
                await asyncio.wait({sending})
    """,
    says="await it in flush()",
    bug="there is a lock around the sending, and whether there is anything is asked outside of it",
    subject=PluginSubject(config=lambda folder: {"path": str(folder / "lines")}, observe=lines),
)
