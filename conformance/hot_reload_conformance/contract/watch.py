"""WATCH: edits on disk."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-WATCH-01",
        "converges",
        "MUST",
        claims="watch",
        kinds="M R",
        text="Once edits stop, what runs is the last valid bytes on disk, within the declared "
        "bound, or status says why not. No edit is lost: not during a reload, a cooldown, a "
        "failed reload, or a burst.",
        why="A saved edit never runs, and nobody can say which version serves; event queues "
        "overflow in silence: https://github.com/gorakhargosh/watchdog/issues/654",
        fix="Take events as hints: after each burst and at intervals compare the hashes on disk "
        "with the running ones, and remember as loaded only what was committed.",
    ),
    clause(
        "HR-WATCH-02",
        "save-styles",
        "MUST",
        claims="watch",
        kinds="R",
        text="Every save style is seen, five times in a row: in place, truncate-then-write, "
        "write-new-and-rename, backup-rename, delete-and-create, symlink swap, `..data` "
        "directory swap, older mtime, same size and mtime, several files in one burst.",
        why="Many editors write a new file and rename it over the old one; who listens to "
        '"modified" alone misses these saves: '
        "https://github.com/gorakhargosh/watchdog/issues/56",
        fix="Watch the parent directory, look at the path after any event there, and compare "
        "contents: different, not newer.",
    ),
    clause(
        "HR-WATCH-03",
        "coalesces",
        "MUST",
        claims="watch",
        kinds="M R",
        text="A burst within the quiet period gives one reload.",
        why="One save starts several reloads, each with its own interruption: "
        "https://github.com/nuxencs/seasonpackarr/pull/246",
        fix="Begin when nothing has changed for the quiet period, and start its timer anew at "
        "each change.",
    ),
    clause(
        "HR-WATCH-04",
        "quiet-period",
        "MUST",
        claims="watch clock",
        kinds="M",
        text="No reload before the quiet period since the last change ended, on a monotonic clock.",
        why="A system clock that is set back makes edits wait for as long; a reload that comes "
        "too early meets a checkout that is half done.",
        fix="Measure with time.monotonic() or the loop's clock, and look at the time of the last "
        "change at the very moment of the decision.",
    ),
    clause(
        "HR-WATCH-05",
        "max-wait",
        "MUST",
        claims="watch clock",
        kinds="M",
        text="Under constant change a reload still comes within the max wait.",
        why="A plugin with a file that is written twice a second is otherwise never updated.",
        fix="Remember when the first change that is still waiting was seen, and start when that "
        "is longer ago than the bound.",
    ),
    clause(
        "HR-WATCH-06",
        "torn-file-never-runs",
        "MUST",
        claims="watch",
        kinds="R",
        text="A half-written file never serves, though it may compile.",
        why="Nearly any beginning of a Python file that ends with a whole line compiles: half of "
        "a plugin runs, and no error says so.",
        fix="Read the file twice, a moment apart, load only when both reads gave the same bytes, "
        "and compile these bytes.",
    ),
    clause(
        "HR-WATCH-07",
        "ignores",
        "MUST",
        claims="watch",
        kinds="R",
        text="Bytecode, editors' temporary and backup files, excluded and test files, reads and "
        "touches without a change of bytes trigger nothing; `latest_news.py` is no test file.",
        why="Searches, backups and test runs restart plugins that nobody has edited: "
        "https://github.com/microsoft/tgrep/pull/152",
        fix="Match whole names and suffixes instead of substrings, and compare the hash of the "
        "plugin's own files before each reload.",
    ),
    clause(
        "HR-WATCH-08",
        "no-self-trigger",
        "MUST",
        claims="watch",
        kinds="R",
        text="The host's or the plugin's own writes start no loop: at rest, no reload.",
        why="A program that reacts to what it wrote itself reloads in a circle and never rests: "
        "https://github.com/pallets/werkzeug/issues/1333",
        fix="Write caches and state outside the watched folders, and start only when the bytes "
        "of a plugin's inputs differ from those that run.",
    ),
    clause(
        "HR-WATCH-09",
        "new-file",
        "MUST",
        claims="watch discover",
        kinds="R",
        text="A new plugin, a copied-in package and one that comes back after removal with the "
        "same bytes are loaded.",
        why="What was taken out and put back is not started again until a restart: "
        "https://github.com/elastic/logstash/issues/12713",
        fix="Forget a plugin's hash when you unload it, and scan a new directory completely: "
        "files may have come before the watch on it.",
    ),
    clause(
        "HR-WATCH-10",
        "deletion-policy",
        "MUST",
        claims="watch",
        kinds="R",
        text="Deletion follows the declared policy after a grace period; a delete-and-recreate is "
        "an edit.",
        why="Deleted code keeps running: https://github.com/deltazefiro/DeltaBot/issues/3 – or a "
        "plugin is gone because an editor deletes before it writes.",
        fix="Wait for the grace period, look again, then do what the policy says: unload "
        "completely, or keep it and say so in the status.",
    ),
    clause(
        "HR-WATCH-11",
        "survives",
        "MUST",
        claims="watch",
        kinds="R",
        text="A failing reload, an exception in a callback, an undecodable file name or a "
        "replaced root leaves the watch alive or its death visible in health, and no old G "
        "running.",
        why='The watching thread dies of one error, the switch still shows "on", and every '
        "later edit is ignored.",
        fix="Catch everything around one change and go on to the next, restart the watch when it "
        "ends, and show its state and last error in health.",
    ),
    clause(
        "HR-WATCH-12",
        "switch",
        "MUST",
        claims="watch enable-watch",
        kinds="M R",
        text="Disabled: no reload. Enabled again: it catches up.",
        why="A timer that was pending when somebody switched off fires in the middle of their "
        "work, and what they edited meanwhile is forgotten later.",
        fix="Ask the switch when a reload is about to start instead of when the change is seen; "
        "when it is switched on, compare the disk with what runs.",
    ),
    clause(
        "HR-WATCH-13",
        "stop-is-final",
        "MUST",
        claims="watch",
        kinds="M R",
        text="After stop returns no reload starts, and no thread, task or descriptor is left.",
        why="A plugin comes back to life in a host that is already half closed.",
        fix="Set the closed flag first, cancel and await pending timers and tasks, join threads, "
        "and read the flag again before each reload.",
    ),
    clause(
        "HR-WATCH-14",
        "declared-inputs",
        "SHOULD",
        claims="watch inputs",
        kinds="R",
        text="An edit of a data or config file that a plugin declares reloads it.",
        why="Templates, word lists and manifests change more often than code, and only a restart "
        "picks them up.",
        fix="Read `inputs` from the manifest, hash these files together with the source, and "
        "watch them too.",
    ),
)
