"""RACE: operations that overlap."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-RACE-01",
        "cancel-anywhere",
        "MUST",
        claims="cancel",
        kinds="S",
        text="Cancelling an operation at any suspension point leaves old or new fully serving, "
        "nothing held, and the next operation works.",
        why="Somebody presses Ctrl-C or a request times out in the middle, and the plugin is "
        "neither there nor can it be loaded.",
        fix="Before the commit treat CancelledError as any failure (roll back, then raise it "
        "again), shield what comes after the commit, and release locks in `finally`.",
    ),
    clause(
        "HR-RACE-02",
        "serial-explanation",
        "MUST",
        claims="reload",
        kinds="S M",
        text="Any interleaving of operations has a result that some serial order explains.",
        why="Two operations that work alone leave together a registry that neither of them could "
        "have made.",
        fix="Put operations on the same plugin one behind the other, and decide after the lock "
        "is held, not before.",
    ),
    clause(
        "HR-RACE-03",
        "overlapping-reloads",
        "MUST",
        claims="reload",
        kinds="E S",
        text="Overlapping reloads of one plugin are serialized or coalesced; the last written "
        "content wins; no caller gets a spurious error.",
        why='A user presses "reload" twice, and one plugin is taken down and brought up at the '
        "same time: https://github.com/home-assistant/core/pull/72636",
        fix="Hold one lock for each plugin through the whole reload, read the file after you "
        "have it, and give those who wait the result that covers their edit.",
    ),
    clause(
        "HR-RACE-04",
        "independent-progress",
        "SHOULD",
        claims="reload",
        kinds="S",
        text="A slow or hung reload of one plugin does not stop operations on others.",
        why="One plugin with a slow server keeps everyone from repairing any of the others.",
        fix="Lock the plugin and its dependents instead of the host, and hold registry locks "
        "only for the assignment.",
    ),
    clause(
        "HR-RACE-05",
        "no-deadlock",
        "MUST",
        claims="reload",
        kinds="S",
        text="Plugins that call back into the host from hooks cause no deadlock.",
        why="The host stands still for ever because a plugin asked it something at the wrong "
        "moment: https://github.com/cuberite/cuberite/pull/2112",
        fix="Call no plugin while you hold a registry lock: copy what you need, release, then "
        "call.",
    ),
    clause(
        "HR-RACE-06",
        "close-during-reload",
        "MUST",
        claims="reload",
        kinds="S",
        text="Closing the host in mid-reload ends within a bound, with nothing left running.",
        why="Shutdown hangs until somebody kills the process, and buffers that were to be "
        "flushed are lost.",
        fix="Refuse new operations, cancel the running one, await its rollback under a deadline, "
        "then stop the generations that are left.",
    ),
    clause(
        "HR-RACE-07",
        "stale-completion",
        "MUST",
        claims="cancel",
        kinds="S",
        text="An older, slower start that completes late does not replace a newer G.",
        why="A retry that had waited set up once more what a reload had set up meanwhile: "
        "https://github.com/home-assistant/core/pull/117756",
        fix="Number each attempt when it begins; at the commit release it instead where a newer "
        "one has committed.",
    ),
)
