"""LOAD: loading and unloading."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-LOAD-01",
        "takes-effect",
        "MUST",
        claims="",
        kinds="E",
        text="When load returns success, the loaded version serves, exactly once per event. "
        "Whatever Python takes for a source file loads, all of it: in its declared encoding, "
        "with any line ends, of any length.",
        why='A host that says "ok" too early hides a plugin that fails as soon as it runs: '
        "https://github.com/elastic/logstash/issues/6195",
        fix="Report success only after the plugin stands in the dispatch table, and fill that "
        "table in one place, so that no second one delivers the same event again. Give the "
        "file's bytes, all of them and undecoded, to compile(..., dont_inherit=True).",
    ),
    clause(
        "HR-LOAD-02",
        "failed-load-leaves-nothing",
        "MUST",
        claims="snapshot",
        kinds="E P",
        text="A load that fails (missing file, empty file, syntax error, import error, no plugin "
        "in it, two plugins in it, raising constructor, setup or start, SystemExit) leaves "
        "no registration, no serving handler, no module, task, thread, descriptor or "
        "sys.path entry behind, and the next good load works.",
        why="Remains of a failed attempt in sys.modules or in a handler table shadow the "
        "corrected file, or answer in its place: "
        "https://github.com/AstrBotDevs/AstrBot/pull/5462",
        fix="Put every step of the load on one undo list (module names, registrations, tasks, "
        "sys.path) and run it backwards on any BaseException.",
    ),
    clause(
        "HR-LOAD-03",
        "error-names-cause",
        "MUST",
        claims="",
        kinds="E",
        text="The failure reaches the caller (raised or returned; logged or printed alone is a "
        "SHOULD-fail) and names the plugin, the stage, the cause and, where there is one, "
        "file and line.",
        why="An error that only stands in some log leaves the author guessing why nothing "
        "changed: https://github.com/prometheus/prometheus/issues/814",
        fix="Raise or return one error that has all of it, and chain the original exception to "
        "it by `raise … from error`.",
    ),
    clause(
        "HR-LOAD-04",
        "setup-once",
        "MUST",
        claims="hooks",
        kinds="E M",
        text="Setup runs once at the first load of a plugin; start once for each G; neither twice "
        "for one G; the hooks of a reload (on_reload, the two of state) in no load.",
        why="A hook that runs twice opens two pools or two schedules, and one of each is never "
        "closed: https://github.com/mitmproxy/mitmproxy/issues/4511",
        fix="Call the hooks from one function, and mark the generation before you call, so that "
        "a retry, a rollback or a second path cannot call again.",
    ),
    clause(
        "HR-LOAD-05",
        "duplicate-refused",
        "MUST",
        claims="",
        kinds="E M",
        text="Loading a second plugin under a name that is live is refused and changes nothing.",
        why="Two plugins under one name answer together, and every later operation reaches only "
        "the first of them.",
        fix="Look the name up before you run anything of the file, and refuse with the name and "
        "with the path of the plugin that holds it.",
    ),
    clause(
        "HR-LOAD-06",
        "unload-is-complete",
        "MUST",
        claims="unload",
        kinds="E M",
        text="After unload nothing of the plugin serves; stop and teardown ran once each; its "
        "modules are gone.",
        why="A plugin whose shutdown never ran leaves its connections open and its data unsaved: "
        "https://github.com/sopel-irc/sopel/issues/1395",
        fix="Take the plugin out of dispatch first, then run flush, stop and teardown, each in "
        "its own guard, then remove every name of it from sys.modules.",
    ),
    clause(
        "HR-LOAD-07",
        "unknown-name",
        "MUST",
        claims="",
        kinds="E M",
        text="An operation on a name that is unknown, was unloaded or failed to load is refused "
        "clearly and changes nothing.",
        why='A misspelt name ends in a bare KeyError, or in a quiet "ok", and the plugin that '
        "was meant goes on as it was.",
        fix="Check the name before anything else, and raise an error that gives this name and "
        "those that exist.",
    ),
    clause(
        "HR-LOAD-08",
        "one-load-for-many-waiters",
        "MUST",
        claims="lazy",
        kinds="S",
        text="Concurrent first uses of a lazily loaded plugin share one load; all waiters get the "
        "same G or the same error.",
        why="Two requests that meet at the first use build the plugin twice, or the second fails "
        "with an error that has nothing to do with the plugin.",
        fix="Keep one future for each plugin, let every caller await it by asyncio.shield, and "
        "forget it when it fails, so that the next use tries again.",
    ),
    clause(
        "HR-LOAD-09",
        "same-file-name",
        "MUST",
        claims="",
        kinds="E",
        text="Two plugins whose files have the same base name, in two directories, do not see "
        "each other.",
        why="The second utils.py gets the first one's module, or takes the place of a module "
        "that belongs to somebody else: https://github.com/Rapptz/discord.py/issues/2608",
        fix="Name modules by plugin and generation instead of the file's stem, and keep the "
        "plugins' folders off sys.path.",
    ),
)
