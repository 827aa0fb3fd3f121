"""Wrong plugins, one bug each, as text: in their state."""

from __future__ import annotations

from typing import Any

from hot_reload_conformance.specimens.plugin_specimen import specimen
from hot_reload_conformance.subject import PluginSubject


async def _add_one(plugin: Any) -> None:
    plugin.handle("one")


# HR-PLUG-07, state-round-trip

specimen(
    "shares-list",
    "HR-PLUG-07",
    """
    class Service:
        version = "1.0"

        def __init__(self):
            self.items = []

        def handle(self, request):
            self.items.append(request)
            return len(self.items)

        def get_reload_state(self):
            return {"items": self.items}

        def set_reload_state(self, state):
            self.items = state["items"]

        def stop(self):
            self.items.clear()
    """,
    says="hands out the plugin's own object at $['items'], not a copy",
    bug="design B-k: the old generation's stop empties the state of the new one",
)
specimen(
    "state-forgets-a-field",
    "HR-PLUG-07",
    """
    class Service:
        version = "1.0"

        def __init__(self):
            self.count, self.names = 0, set()

        def handle(self, request):
            self.count += 1
            self.names.add(request)
            return self.count

        def get_reload_state(self):
            return {"count": self.count, "names": sorted(self.names)}

        def set_reload_state(self, state):
            self.count = state["count"]
    """,
    says="$['names'] had 1 items, came back with 0",
    bug="a field that was added later, to one of the two hooks",
    subject=PluginSubject(exercise=_add_one),
)
specimen(
    "state-changes-when-asked",
    "HR-PLUG-07",
    """
    class Service:
        version = "1.0"

        def __init__(self):
            self.pending = ["first"]

        def handle(self, request):
            self.pending.append(request)
            return len(self.pending)

        def get_reload_state(self):
            pending, self.pending = self.pending, []
            return {"pending": pending}

        def set_reload_state(self, state):
            self.pending = list(state["pending"])
    """,
    says="gives another state when it is asked twice in a row",
    bug="a reload that rolls back has lost what was taken out",
)
specimen(
    "state-holds-lock",
    "HR-PLUG-07",
    """
    import threading

    class Service:
        version = "1.0"

        def __init__(self):
            self.count, self.lock = 0, threading.Lock()

        def handle(self, request):
            with self.lock:
                self.count += 1
            return self.count

        def get_reload_state(self):
            return dict(vars(self))

        def set_reload_state(self, state):
            vars(self).update(state)
    """,
    says="$['lock'] cannot be carried: a _thread.lock is no plain data",
    bug="design E-f: deepcopy of a lock raises in the middle of a reload",
)
specimen(
    "state-holds-own-class",
    "HR-PLUG-07",
    """
    class Job:
        def __init__(self, name):
            self.name = name

    class Service:
        version = "1.0"

        def __init__(self):
            self.jobs = [Job("first")]

        def handle(self, request):
            return len(self.jobs)

        def get_reload_state(self):
            return {"jobs": list(self.jobs)}

        def set_reload_state(self, state):
            self.jobs = list(state["jobs"])
    """,
    says="an instance of the plugin's own class Job, which is replaced too",
    bug="isinstance(job, Job) is false after the reload, for the old class lives on in the state",
)

specimen(
    "state-hook-raises",
    "HR-PLUG-07",
    """
    class Service:
        version = "1.0"

        def handle(self, request):
            self.count = 1

        def get_reload_state(self):
            return {"count": self.count}

        def set_reload_state(self, state):
            self.count = state["count"]
    """,
    says="get_reload_state() raised AttributeError: 'Service' object has no attribute 'count' at "
    "state_hook_raises.py:8: the plugin cannot be reloaded at all",
    bug="an attribute that is first set where it is first used",
)
specimen(
    "restore-raises",
    "HR-PLUG-07",
    """
    class Service:
        version = "1.0"
        seen = ("first",)

        def handle(self, request):
            return self.seen

        def get_reload_state(self):
            return {"seen": list(self.seen)}

        def set_reload_state(self, state):
            self.seen = state["seen_requests"]
    """,
    says="set_reload_state() raised KeyError: 'seen_requests' at restore_raises.py:12, given what",
    bug="a key that was renamed in one of the two hooks",
)
