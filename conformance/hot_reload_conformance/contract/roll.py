"""ROLL: a reload that fails at any stage."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-ROLL-01",
        "old-keeps-serving",
        "MUST",
        claims="reload",
        kinds="E M S",
        text="For every stage: the old G serves, the same object with the same state as before.",
        why="One typing mistake takes a running command away until somebody notices: "
        "https://github.com/Rapptz/discord.py/issues/2291",
        fix="Do everything that can fail (read, compile, import, construct, start, restore, "
        "health) with the new generation, and touch the old one only after all of it has "
        "passed.",
    ),
    clause(
        "HR-ROLL-02",
        "old-untouched",
        "MUST",
        claims="blue-green",
        kinds="E M",
        text="No stop, teardown, setup or start ran on the old G.",
        why="A generation that was stopped and then kept answers with closed files and "
        "connections: it looks alive and is not.",
        fix="Call no hook of the old generation before the commit, except get_reload_state.",
    ),
    clause(
        "HR-ROLL-03",
        "new-released",
        "MUST",
        claims="hooks",
        kinds="E M S",
        text="What the failed G acquired is released: stop runs on a half-started G, once; "
        "nothing of it stays registered.",
        why="What the version that failed has opened stays open, and the corrected version finds "
        "its port or its lock taken.",
        fix="When a stage after construction fails, or is cancelled, run the new generation's "
        "stop in a guard and undo its registrations.",
    ),
    clause(
        "HR-ROLL-04",
        "failure-reported",
        "MUST",
        claims="reload",
        kinds="E M",
        text="The caller gets the stage and the original cause, also when the clean-up fails in "
        "turn; where several plugins were reloaded together, which of them it was.",
        why="When the clean-up's own error takes the place of the first one, the author repairs "
        "the wrong thing.",
        fix="Keep the first exception as the cause, add what the clean-up raised as a note or a "
        "second field, and name the stage where it began.",
    ),
    clause(
        "HR-ROLL-05",
        "next-good-edit-loads",
        "MUST",
        claims="reload",
        kinds="E M",
        text="After any failed reload the next good edit loads, with no manual step.",
        why="A flag that the failure left set refuses all that follows until the host is "
        "restarted: https://github.com/fluent/fluent-bit/pull/10546",
        fix="Reset flags and locks in `finally`, remember as loaded only what was committed, and "
        "drop what the attempt left in sys.modules.",
    ),
    clause(
        "HR-ROLL-06",
        "revert-clears-error",
        "MUST",
        claims="reload",
        kinds="E",
        text="A bad edit, then the running bytes again: the error state clears.",
        why="The mistake is taken back and the status stays red, so that nobody believes the "
        "status any more.",
        fix="Compare the file's hash with that of the running generation; where they are equal "
        'clear the recorded error and answer "unchanged".',
    ),
    clause(
        "HR-ROLL-07",
        "old-shutdown-failure-contained",
        "MUST",
        claims="hooks",
        kinds="E M",
        text="A failure or hang in the old G's flush, stop or teardown does not undo the swap and "
        "does not skip the hooks after it, and is reported as a warning of a reload that "
        "succeeded.",
        why="One flush that raises then leaves the old connections open for good, or makes a "
        "swap that worked look like one that failed.",
        fix="After the commit run flush, stop and teardown each in its own guard with its own "
        "deadline, and put what they raise into the result's warnings.",
    ),
    clause(
        "HR-ROLL-08",
        "setup-that-cannot-run-twice",
        "MUST",
        claims="reload",
        kinds="E",
        text="Rollback works for a plugin whose setup may run only once.",
        why="Some setups create a table or claim a name; going back by running them again ends "
        "with no plugin at all.",
        fix="Keep the old generation's object running until the commit and go back to this "
        "object; never make it anew by another load.",
    ),
    clause(
        "HR-ROLL-09",
        "rollback-failure-is-declared",
        "MUST",
        claims="stop-first",
        kinds="E",
        text="Where the old G cannot be restored the plugin is in a declared FAILED state with "
        "both causes, never silently gone.",
        why="Nothing answers any more while the process calls itself healthy, and the first to "
        "notice is a user: https://github.com/crowdsecurity/crowdsec/issues/4545",
        fix="Set a FAILED state that status and error both show, with the new generation's "
        "failure and that of the restoration, and let the next good edit leave it.",
    ),
    clause(
        "HR-ROLL-10",
        "host-survives-base-exceptions",
        "MUST",
        claims="reload",
        kinds="E",
        text="SystemExit or a bare BaseException from a plugin at any stage ends that reload, "
        "never the host or its watcher.",
        why="A plugin that calls sys.exit() ends the program for everybody, since `except "
        "Exception` does not catch it: "
        "https://docs.python.org/3/library/exceptions.html#SystemExit",
        fix="Catch BaseException around every call into a plugin and turn it into a failed "
        "reload, KeyboardInterrupt too, since a plugin can raise it; let only your own "
        "cancellation through, and a real Ctrl-C, which a handler of SIGINT knows of.",
    ),
    clause(
        "HR-ROLL-11",
        "deleted-file",
        "MUST",
        claims="reload",
        kinds="E",
        text="Reload of a plugin whose file is gone fails by HR-ROLL-01, or follows a declared "
        "unload-on-delete.",
        why="Editors and deployments take files away for a moment; a host that gives up running "
        "code for it has nothing left to serve with.",
        fix="Treat a missing file as a failure of the read stage, before the old generation is "
        "touched; or document that deletion unloads, and unload completely.",
    ),
)
