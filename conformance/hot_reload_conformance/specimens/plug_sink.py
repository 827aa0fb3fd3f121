"""Wrong plugins, one bug each, as text: in what a sink delivers, and what nobody should see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hot_reload_conformance.specimens.plugin_specimen import specimen
from hot_reload_conformance.subject import PluginSubject


async def _delivered(plugin: Any) -> Sequence[Any]:
    return list(plugin.delivered)


# HR-PLUG-11 and 12: sinks

specimen(
    "flush-drops-batch",
    "HR-PLUG-11",
    """
    class Sink:
        version = "1.0"

        def __init__(self):
            self.batch, self.delivered = [], []

        def write(self, event):
            self.batch.append(event)
            if len(self.batch) == 10:
                self.delivered += self.batch
                self.batch = []

        def flush(self):
            self.batch = []
    """,
    says="1 of 1 events are missing after flush() returned",
    bug="the unfinished batch is thrown away with every reload",
    subject=PluginSubject(observe=_delivered),
)
specimen(
    "flush-begins-to-send",
    "HR-PLUG-11",
    """
    import asyncio


    class Sink:
        version = "1.0"

        def __init__(self):
            self.batch, self.delivered = [], []

        def write(self, event):
            self.batch.append(event)

        async def flush(self):
            asyncio.get_running_loop().call_soon(self.send)

        def send(self):
            self.delivered += self.batch
            self.batch = []
    """,
    says="1 of 1 events are missing after flush() returned",
    bug="flush is done when the sending has begun",
    subject=PluginSubject(observe=_delivered),
)
specimen(
    "buffers-without-flush",
    "HR-PLUG-11",
    """
    class Sink:
        version = "1.0"

        def __init__(self):
            self.batch, self.delivered = [], []

        def write(self, event):
            self.batch.append(event)
            if len(self.batch) == 2:
                self.delivered += self.batch
                self.batch = []
    """,
    says="buffers needs a flush(self)",
    bug="the last events before a reload are gone",
    subject=PluginSubject(observe=_delivered),
)
specimen(
    "flush-leaves-task",
    "HR-PLUG-11",
    """
    import asyncio

    class Sink:
        version = "1.0"

        def __init__(self):
            self.batch, self.delivered = [], []

        def write(self, event):
            self.batch.append(event)

        async def flush(self):
            self.writing = asyncio.create_task(self.write_out())

        async def write_out(self):
            await asyncio.sleep(30)
            self.delivered += self.batch
            self.batch = []
    """,
    says="are missing after flush() returned",
    bug="fire and forget: flush returns before anything is written",
    subject=PluginSubject(observe=_delivered),
)
specimen(
    "delivers-state-twice",
    "HR-PLUG-12",
    """
    import json
    import os

    class Sink:
        version = "1.0"

        def __init__(self, config):
            self.path, self.batch = config["path"], []

        def write(self, event):
            self.batch.append(event)

        def get_reload_state(self):
            return {"batch": list(self.batch)}

        def set_reload_state(self, state):
            self.batch = list(state["batch"])

        def flush(self):
            with open(self.path, "a") as file:
                file.writelines(json.dumps(event) + "\\n" for event in self.batch)
            self.batch = []

        @property
        def delivered(self):
            if not os.path.exists(self.path):
                return []
            with open(self.path) as file:
                return [json.loads(line) for line in file]
    """,
    says="events were delivered more than once after 3 reloads under traffic",
    bug="the batch goes to the next generation by the state, and to the file by the old flush",
    subject=PluginSubject(
        config=lambda folder: {"path": str(folder / "events")}, observe=_delivered
    ),
)

specimen(
    "flush-raises",
    "HR-PLUG-11",
    """
    class Sink:
        version = "1.0"

        def __init__(self):
            self.delivered = []

        def write(self, event):
            self.delivered.append(event)

        def flush(self):
            self.file.flush()
    """,
    says="'Sink' object has no attribute 'file' at flush_raises.py:11, with 1 events written",
    bug="a flush that was never called before the first reload",
    subject=PluginSubject(observe=_delivered),
)
specimen(
    "write-raises",
    "HR-PLUG-11",
    """
    class Sink:
        version = "1.0"

        def __init__(self):
            self.delivered = []

        def write(self, event):
            self.delivered.append(event["text"])
    """,
    says="If the sink does not take such events, give its own as `events`",
    bug="a sink for events of one shape, judged with others",
    subject=PluginSubject(observe=_delivered),
)
specimen(
    "refuses-while-busy",
    "HR-PLUG-12",
    """
    class Sink:
        version = "1.0"

        def __init__(self):
            self.batch, self.delivered = [], []

        def write(self, event):
            self.batch.append(event)

        def get_reload_state(self):
            if self.batch:
                raise RuntimeError("busy, try again later")
            return {"delivered": list(self.delivered)}

        def set_reload_state(self, state):
            self.delivered = list(state["delivered"])

        def flush(self):
            self.delivered += self.batch
            self.batch = []
    """,
    says="with events written, the plugin does not reload: get_reload_state",
    bug="under steady traffic the reload never succeeds",
    subject=PluginSubject(observe=_delivered),
)
specimen(
    "flushes-late",
    "HR-PLUG-12",
    """
    import json
    import os

    class Sink:
        version = "1.0"

        def __init__(self, config):
            self.path, self.batch = config["path"], []

        def write(self, event):
            self.batch.append(event)
            if len(self.batch) == 2:
                self.flush()

        def flush(self):
            with open(self.path, "a") as file:
                file.writelines(json.dumps(event) + "\\n" for event in self.batch)
            self.batch = []

        @property
        def delivered(self):
            with open(self.path) as file:
                return [json.loads(line) for line in file]
    """,
    says="not in the order in which they were written",
    bug="the old generation's batch is written after the new one's first",
    subject=PluginSubject(
        config=lambda folder: {"path": str(folder / "events")}, observe=_delivered
    ),
)

specimen(
    "truncates-its-file",
    "HR-PLUG-12",
    """
    import json

    class Sink:
        version = "1.0"

        def __init__(self, config):
            self.path = config["path"]

        def start(self):
            self.file = open(self.path, "w")

        def write(self, event):
            self.file.write(json.dumps(event) + "\\n")
            self.file.flush()

        def stop(self):
            self.file.write("# closed\\n")
            self.file.close()

        @property
        def delivered(self):
            with open(self.path) as file:
                return [json.loads(line) for line in file if line[0] != "#"]
    """,
    says="nothing that was delivered can be read back: observe() of the subject description raised",
    bug="the next generation empties the file, and the old one writes on behind its end",
    subject=PluginSubject(
        config=lambda folder: {"path": str(folder / "events")}, observe=_delivered
    ),
)

# HR-PLUG-18, no-secrets

_SECRET = PluginSubject(config={"token": "s3cr3t-token"}, secrets=["s3cr3t-token"])
specimen(
    "secret-in-repr",
    "HR-PLUG-18",
    """
    from dataclasses import dataclass

    def create(config):
        return Client("1.0", config["token"])

    @dataclass
    class Client:
        version: str
        token: str

        def handle(self, request):
            return "yes"
    """,
    says="stands in its repr() and in its str()",
    bug="a dataclass shows every field of its own accord",
    subject=_SECRET,
)
specimen(
    "secret-in-log",
    "HR-PLUG-18",
    """
    import logging

    class Client:
        version = "1.0"

        def __init__(self, config):
            self.config = config

        def start(self):
            logging.getLogger("specimen.client").warning("starting with %s", self.config)

        def handle(self, request):
            return "yes"

        def get_reload_state(self):
            return {"token": self.config["token"]}

        def set_reload_state(self, state):
            self.config["token"] = state["token"]
    """,
    says="stands in its state and in what it logs and prints",
    bug="the whole config is logged, to see what was read",
    subject=_SECRET,
)
specimen(
    "secret-in-error",
    "HR-PLUG-18",
    """
    class Client:
        version = "1.0"

        def __init__(self, config):
            self.url = config["url"]
            if not self.url.startswith("https://"):
                raise ValueError(f"the url is wrong in {config}")

        def handle(self, request):
            return "yes"
    """,
    says="stands in what a load reports with an empty 'url'",
    bug="a refusal shows the whole config, to say what is wrong in it",
    subject=PluginSubject(
        config={"phrase": "open-sesame-4711", "url": "https://example.org"},
        secrets=["open-sesame-4711"],
    ),
)
specimen(
    "secret-in-debug-log",
    "HR-PLUG-18",
    """
    import logging

    log = logging.getLogger(__name__)

    class Client:
        version = "1.0"

        def __init__(self, config):
            self.token = config["token"]

        def start(self):
            log.debug("logging in with %r", self.token)

        def handle(self, request):
            return "yes"
    """,
    says="stands in what it logs and prints",
    bug="a debug line of the first day, switched on by whoever looks for an error",
    subject=_SECRET,
)
specimen(
    "secret-in-error-about-an-item",
    "HR-PLUG-18",
    """
    class Mask:
        version = "1.0"

        def __init__(self, config):
            self.words = config["words"]
            if not all(isinstance(each, str) for each in self.words):
                raise ValueError(f"words is to be a list of words, not {self.words}")

        def handle(self, text):
            return "***" if text in self.words else text
    """,
    says="stands in what a load reports with a wrong item in 'words'",
    bug="the one wrong item is shown with all the others",
    subject=PluginSubject(config={"words": ["open-sesame-4711"]}, secrets=["open-sesame-4711"]),
)
