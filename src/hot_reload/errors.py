"""The error tree. Each says who caused it, what it names, and what to do next.

::

    HotReloadError
    ├── EngineMisuse            the caller's mistake: a closed engine, another loop, a bad argument
    ├── OperationFailed         an outcome that is no success, unwrapped
    └── PluginFault             the plugin's mistake, found in one stage of the transaction
        ├── SourceError         read: not there, not a regular file, too large, not readable
        │   └── LockMismatch    its files are not those of plugins.lock, or the lock is not readable
        ├── SourceSyntaxError   syntax: the bytes do not compile
        ├── ImportRefused       import: it changed the process, or did not survive its preflight
        ├── NoPluginError       plugin: no plugin, or more than one, in the module
        ├── ManifestError       metadata: a field is missing or malformed
        │   └── NotAdmitted     it is well-formed, but not beside the plugins that run now
        ├── HookFailed          a hook raised, whatever it raised
        ├── HookTimeout         a hook was still running at its deadline
        ├── UnhealthyError      health_check said no
        ├── StateError          the state cannot be carried; names the path to the value
        └── DependencyFault     dependencies: they cannot be satisfied as declared
            ├── CycleError          plugins need each other in a circle; names it in order
            ├── MissingDependency   a needed plugin is not there; names who needs what
            └── VersionConflict     it is there in a version outside the declared range

Inside the engine a fault ends one stage; the transaction turns it into a
``Failure`` in an outcome. A caller meets these as exceptions only through
``Result.unwrap()`` or by misusing the engine.
"""

from __future__ import annotations

from typing import ClassVar


class HotReloadError(Exception):
    """The root: everything that this library raises on purpose."""

    cure: ClassVar[str] = "Read the message: it names what, where and the next step."
    """What to do about errors of this class, for the reference; a message's own hint is closer."""


class EngineMisuse(HotReloadError):
    """The caller used the engine in a way that cannot work; nothing was changed."""

    cure = "Correct the call. The message says which argument, state or place was wrong."


class OperationFailed(HotReloadError):
    """``unwrap()`` was called on an outcome that is no success."""

    cure = "Look at the outcome: its failure has the stage, the cause, the file and the line."


class PluginFault(HotReloadError):
    """A plugin could not pass a stage of the transaction.

    ``file`` and ``line`` point at the cause in the plugin's source where it has one;
    ``hint`` is the next step for whoever wrote the plugin.
    """

    cure = "Follow the hint of the error; the version that ran before still serves."
    hangs_on_others: ClassVar[bool] = False
    """Whether the same source may pass once other plugins come, go or change."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        hint: str | None = None,
        traceback_text: str = "",
    ) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.hint = hint
        self.traceback_text = traceback_text


class SourceError(PluginFault):
    """The plugin's source cannot be read."""

    cure = "Put a readable, regular file of bounded size inside the plugin's directory."


class LockMismatch(SourceError):
    """The plugin's files are not those that ``plugins.lock`` names, or it cannot be read."""

    cure = (
        "Review the change, then lock it: `python -m hot_reload.source.lock plugins.lock PLUGIN`."
    )


class SourceSyntaxError(PluginFault):
    """The plugin's source does not compile."""

    cure = "Correct the line that the error names, for the Python that runs the engine."


class ImportRefused(PluginFault):
    """The import harms the process, or would: found by a preflight or in what it changed."""


class NoPluginError(PluginFault):
    """The module holds no plugin, or more than one and nothing that chooses."""

    cure = "Give the module one class with a version, or a function register or create."


class ManifestError(PluginFault):
    """The plugin's metadata is missing or malformed; the message names the field."""

    cure = "Correct the field of PLUGIN_META, metadata or the class that the message names."


class NotAdmitted(ManifestError):
    """The plugin may not run beside the others: its name is taken, or no sink would be left."""

    cure = "Change the other plugin that the message names, or load another sink."
    hangs_on_others = True


class HookFailed(PluginFault):
    """A hook of the plugin, its module body or its constructor raised."""

    cure = (
        "Correct the line that the error names; the traceback of the failure shows the way to it."
    )


class HookTimeout(PluginFault):
    """A hook of the plugin was still running when its deadline came."""

    cure = "Make the hook end sooner, or raise hook_deadline_seconds in the engine's settings."


class UnhealthyError(PluginFault):
    """The plugin's own health check said no."""

    cure = "Give the plugin what its health_check asks for, then reload it."


class StateError(PluginFault):
    """The plugin's state cannot be carried to the next generation."""

    cure = "Return plain data from get_reload_state: the message names the path to what is none."


class DependencyFault(PluginFault):
    """The plugins' declared dependencies cannot be satisfied; nothing was changed."""

    cure = "Load what is needed, in a version that fits, or change what is declared."
    hangs_on_others = True


class CycleError(DependencyFault):
    """Plugins that need each other in a circle.

    ``members`` goes along the arrows "needs": the first needs the second, the
    last needs the first. It begins with the alphabetically first name.
    """

    cure = "Remove one of the dependencies in the circle, or move what both need to a third plugin."

    def __init__(self, members: tuple[str, ...]) -> None:
        super().__init__(
            f"the dependencies form a cycle: {' -> '.join((*members, members[0]))}",
            hint="remove one of these dependencies, or move what both need to a third plugin",
        )
        self.members = members

    def __reduce__(self) -> tuple[type[CycleError], tuple[tuple[str, ...]]]:
        return (type(self), (self.members,))


class MissingDependency(DependencyFault):
    """``needer`` declares ``dependency``, which is not among the plugins."""

    cure = "Load the dependency first, or drop it from the dependencies of the one that needs it."

    def __init__(self, needer: str, dependency: str) -> None:
        super().__init__(
            f"plugin {needer!r} needs {dependency!r}, which is not loaded",
            hint=f"load {dependency!r} first, or drop it from the dependencies of {needer!r}",
        )
        self.needer = needer
        self.dependency = dependency

    def __reduce__(self) -> tuple[type[MissingDependency], tuple[str, str]]:
        return (type(self), (self.needer, self.dependency))


class VersionConflict(DependencyFault):
    """``needer`` admits the versions in ``range`` of ``dependency``; it is ``found``."""

    cure = "Load a version of the dependency that fits, or widen the declared range."

    def __init__(self, needer: str, dependency: str, range: str, found: str) -> None:
        super().__init__(
            f"plugin {needer!r} needs {dependency!r} in {range}, but it is {found}",
            hint=f"install a {dependency!r} that fits, or widen the range in {needer!r}",
        )
        self.needer = needer
        self.dependency = dependency
        self.range = range
        self.found = found

    def __reduce__(self) -> tuple[type[VersionConflict], tuple[str, str, str, str]]:
        return (type(self), (self.needer, self.dependency, self.range, self.found))
