"""STATE: what survives a reload."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-STATE-01",
        "round-trip",
        "MUST",
        claims="state",
        kinds="E P M",
        text="State given by the old G arrives in the new G equal in value and type.",
        why="A tuple that comes back as a list, or an int as a float, breaks the new code long "
        "after the reload.",
        fix="Hand a deep copy over in memory; where the state must be serialised, refuse what "
        "would come back as something else.",
    ),
    clause(
        "HR-STATE-02",
        "no-lost-update",
        "MUST",
        claims="state",
        kinds="S M",
        text="Changes made to the state while the reload runs are not lost: what the old G did "
        "before the commit is in the new G.",
        why="Counts and messages of the last moments are missing afterwards, and only under load.",
        fix="Hold calls and deliveries from before get_reload_state until the commit, then "
        "release them to the new generation, or to the old one after a failure.",
    ),
    clause(
        "HR-STATE-03",
        "no-aliasing",
        "MUST",
        claims="state",
        kinds="E",
        text="Old G, snapshot and new G share no mutable object.",
        why="The old generation's stop clears its list, and the new one's list is empty too.",
        fix="Deep-copy what get_reload_state returned before you give it to set_reload_state, "
        "and keep no reference to the original.",
    ),
    clause(
        "HR-STATE-04",
        "restore-failure-rolls-back",
        "MUST",
        claims="state",
        kinds="E M",
        text="A restore that raises, halfway too, is a failed reload (ROLL).",
        why="A plugin with half of its data serves on, and its next save makes the loss permanent.",
        fix="Call set_reload_state before the commit; when it raises, release the new generation "
        "and keep the old one.",
    ),
    clause(
        "HR-STATE-05",
        "enabled-flag",
        "MUST",
        claims="enable",
        kinds="E M",
        text="A disabled plugin stays disabled through a reload, with no enabled moment.",
        why="A plugin that somebody switched off for a reason acts again after an edit: "
        "https://github.com/AstrBotDevs/AstrBot/issues/9280",
        fix="Keep the flag outside the generation, read it before the new one enters dispatch, "
        "and do not make enabling a part of loading.",
    ),
    clause(
        "HR-STATE-06",
        "no-hooks-no-trouble",
        "MUST",
        claims="state",
        kinds="E",
        text="A plugin without state hooks reloads, and the result says that no state was carried.",
        why="Most plugins have none: a host that insists cannot reload them, and one that is "
        "silent lets authors believe that their data was kept.",
        fix="Make both hooks optional, and say in the result that nothing was carried (in the "
        "adapter: `Reply(ok=True, state_carried=False)`).",
    ),
    clause(
        "HR-STATE-07",
        "uncopyable-state",
        "MUST",
        claims="state",
        kinds="E",
        text="State that cannot be carried (a lock, a socket, a cycle, too large) fails with the "
        "path to the value; the old G serves.",
        why="One lock among a plugin's values makes every reload of it fail, with an error that "
        "does not say where.",
        fix="Copy only what the state hook returned, find the value that cannot be copied, and "
        "fail with its place, such as state['cache'][3].",
    ),
    clause(
        "HR-STATE-08",
        "only-what-was-given",
        "MUST",
        claims="state",
        kinds="E",
        text="Restoring does not overwrite the new code's defaults, version or config beyond what "
        "the state hook gave.",
        why="A corrected default comes in with the new version and is written over at once, so "
        "that the correction never takes effect.",
        fix="Pass the state to set_reload_state and set nothing yourself; never copy a plugin's "
        "__dict__.",
    ),
    clause(
        "HR-STATE-09",
        "migration",
        "SHOULD",
        claims="state-migration",
        kinds="E",
        text="The new G learns the old G's version and may migrate or refuse; a refusal is a "
        "failed reload.",
        why="A field was renamed, the data in memory had the old name, and the program crashed "
        "after the reload: https://github.com/rrousselGit/riverpod/issues/3230",
        fix="Hand the old version beside the state to the restoring hook, and treat what the "
        "hook raises as a failure of this stage.",
    ),
    clause(
        "HR-STATE-10",
        "connections",
        "SHOULD",
        claims="connections",
        kinds="E",
        text="A registered connection is handed to the new G once, open, and goes back to the old "
        "G when the reload fails.",
        why="Users are cut off at every edit, or two generations read from one socket and each "
        "gets half of the bytes.",
        fix="Keep registered connections in the host, change their owner at the commit, and "
        "change it back on rollback; neither copy nor close them.",
    ),
)
