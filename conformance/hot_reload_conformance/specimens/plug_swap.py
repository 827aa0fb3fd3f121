"""Wrong plugins, one bug each, as text: in living beside the next generation, and after it."""

from __future__ import annotations

from pathlib import Path

from hot_reload_conformance.specimens.plugin_specimen import specimen
from hot_reload_conformance.subject import PluginSubject


def _made(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    return str(folder)


# HR-PLUG-04, two-generations-coexist

specimen(
    "exclusive-undeclared",
    "HR-PLUG-04",
    """
    import os

    class Service:
        version = "1.0"

        def __init__(self, config):
            self.path, self.lock = config["lock"], None

        def start(self):
            self.lock = os.open(self.path, os.O_CREAT | os.O_EXCL)

        def handle(self, request):
            return "yes"

        def stop(self):
            if self.lock is not None:
                os.close(self.lock)
                os.remove(self.path)
                self.lock = None
    """,
    says='declare swap_policy = "stop-first"',
    bug="a port or a lock file that both generations want during the swap",
    subject=PluginSubject(config=lambda folder: {"lock": str(folder / "lock")}),
)
specimen(
    "stop-takes-shared-file",
    "HR-PLUG-04",
    """
    import os

    class Service:
        version = "1.0"

        def __init__(self, config):
            self.path = config["pid_file"]

        def start(self):
            with open(self.path, "w") as file:
                file.write(str(os.getpid()))

        def handle(self, request):
            return open(self.path).read()

        def health_check(self):
            return os.path.exists(self.path)

        def stop(self):
            if os.path.exists(self.path):
                os.remove(self.path)
    """,
    says="after the old generation was stopped, the running plugin's health_check() says False",
    bug="the old generation's stop removes what the new one has just made",
    subject=PluginSubject(config=lambda folder: {"pid_file": str(folder / "pid")}),
)

# HR-PLUG-14, collectable

specimen(
    "registry-holds-class",
    "HR-PLUG-14",
    """
    import copyreg

    class Point:
        def __init__(self, x):
            self.x = x

    class Service:
        version = "1.0"

        def start(self):
            copyreg.pickle(Point, lambda point: (Point, (point.x,)))

        def handle(self, request):
            return "yes"
    """,
    says="is held by the dict 'dispatch_table' of module 'copyreg'",
    bug="registries of serializers, encoders and signals hold every class ever registered",
)
specimen(
    "slot-holds-the-last-one",
    "HR-PLUG-14",
    """
    import logging

    class Service:
        version = "1.0"

        def start(self):
            # One place for all generations: each takes it over, and the last one keeps it.
            logging.hot_reload_specimen = self.handle

        def handle(self, request):
            return "yes"
    """,
    says="after its unload the plugin is still in memory",
    bug="a method of a library's class replaced by the plugin's own, and never put back",
)
specimen(
    "cache-holds-instance",
    "HR-PLUG-14",
    """
    import logging

    class Service:
        version = "1.0"

        def start(self):
            # A place that every generation shares, and that outlives them all.
            vars(logging).setdefault("hot_reload_specimen", []).append(self.handle)

        def handle(self, request):
            return "yes"
    """,
    says="the list 'hot_reload_specimen' of module 'logging'",
    bug="listeners that are added to an event bus and never taken out",
)

# HR-PLUG-16, survives-failed-upgrade

specimen(
    "failed-upgrade-takes-file",
    "HR-PLUG-16",
    """
    import os

    class Service:
        version = "1.0"

        def __init__(self, config):
            self.path = config["pid_file"]

        def start(self):
            with open(self.path, "w") as file:
                file.write(str(os.getpid()))

        def handle(self, request):
            return open(self.path).read()

        def on_reload(self):
            self.start()

        def health_check(self):
            return os.path.exists(self.path)

        def stop(self):
            if os.path.exists(self.path):
                os.remove(self.path)
    """,
    says="the running plugin's health_check() says False",
    bug="the failed generation's stop removes what the running one uses",
    subject=PluginSubject(config=lambda folder: {"pid_file": str(folder / "pid")}),
)

specimen(
    "constructor-acquires",
    "HR-PLUG-16",
    """
    import os

    class Service:
        version = "1.0"

        def __init__(self, config):
            # Two of them, for a running and a coming generation.
            taken = set(os.listdir(config["slots"]))
            self.slot = os.path.join(config["slots"], min({"a", "b"} - taken))
            open(self.slot, "x").close()

        def handle(self, request):
            return self.slot

        def stop(self):
            if os.path.exists(self.slot):
                os.remove(self.slot)
    """,
    says="the next good one fails too: construct",
    bug="a constructor that acquires: when it fails nobody calls stop()",
    subject=PluginSubject(config=lambda folder: {"slots": _made(folder / "slots")}),
)

# HR-PLUG-04: settings of which the process has one

specimen(
    "signal-reset-by-the-old",
    "HR-PLUG-04",
    """
    import signal


    class Reopens:
        version = "1.0"

        def start(self):
            signal.signal(signal.SIGUSR1, self.reopen)

        def stop(self):
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)

        def reopen(self, *_):
            self.reopened = True

        def handle(self, request):
            return "yes"
    """,
    says="SIGUSR1 is as it was before the plugin was ever loaded",
    bug="stop() puts the default back, over the handler that the new version has just set",
)
specimen(
    "directory-reset-by-the-old",
    "HR-PLUG-04",
    """
    import os


    class Works:
        version = "1.0"
        before = None

        def start(self):
            self.before = os.getcwd()
            os.chdir("/")

        def stop(self):
            before, self.before = self.before, None
            if before:
                os.chdir(before)

        def handle(self, request):
            return os.getcwd()
    """,
    says="working directory is as it was before the plugin was ever loaded",
    bug="each goes back to where it was when it started, in the wrong order",
)
