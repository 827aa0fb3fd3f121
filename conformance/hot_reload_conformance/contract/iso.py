"""ISO: plugins do not harm each other."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-ISO-01",
        "neighbours-unharmed",
        "MUST",
        claims="",
        kinds="E M",
        text="Whatever one plugin does in load, reload or unload, the others keep serving with "
        "their state.",
        why="One broken plugin stops plugins that have nothing to do with it: "
        "https://github.com/AstrBotDevs/AstrBot/issues/8439",
        fix="Guard the calls into each plugin on their own, keep registrations apart by owner, "
        "and never clear a shared table to fill it anew.",
    ),
    clause(
        "HR-ISO-02",
        "hostile-import",
        "SHOULD",
        claims="isolated-import",
        kinds="R",
        text="A plugin that hangs, exits, exhausts memory or crashes the interpreter at import "
        "does not take the host with it.",
        why="An endless loop at the top of a module is one typing mistake, and it stops "
        "everything that runs in the process.",
        fix="Import a new version in a child process first, with limits of time and memory, and "
        "load it only when the child ended well.",
    ),
    clause(
        "HR-ISO-03",
        "executed-is-validated",
        "MUST",
        claims="validate",
        kinds="R",
        text="The bytes that run are the bytes that were validated.",
        why="A file that is read twice may change in between, by accident or on purpose, and "
        "then the check was of something else.",
        fix="Read the file once; hash, validate and compile this one bytes object, and report "
        "its hash.",
    ),
)
