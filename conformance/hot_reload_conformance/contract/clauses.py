"""The clauses of the reload contract, version 1.0: every one, whether it has a check or not.

The order is the order of the documents. Never weaken a sentence to make something pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.contract.clause import Clause, Kind, Level

CONTRACT_VERSION = "1.0"


def _clause(
    code: str,
    slug: str,
    level: str,
    claims: str,
    kinds: str,
    text: str,
    why: str = "",
    fix: str = "",
) -> Clause:
    return Clause(
        code=code,
        slug=slug,
        level=Level(level),
        claims=frozenset(Claim(name) for name in claims.split()),
        kinds=tuple(Kind(letter) for letter in kinds.split()),
        text=text,
        why=why,
        fix=fix,
    )


_ALL: tuple[Clause, ...] = (
    _clause(
        "HR-LOAD-01",
        "takes-effect",
        "MUST",
        "",
        "E",
        "When load returns success, the loaded version serves, exactly once per event.",
    ),
    _clause(
        "HR-LOAD-02",
        "failed-load-leaves-nothing",
        "MUST",
        "snapshot",
        "E P",
        "A load that fails (missing file, empty file, syntax error, import error, no plugin "
        "in it, two plugins in it, raising constructor, setup or start, SystemExit) leaves no "
        "registration, no serving handler, no module, task, thread, descriptor or sys.path "
        "entry behind, and the next good load works.",
    ),
    _clause(
        "HR-LOAD-03",
        "error-names-cause",
        "MUST",
        "",
        "E",
        "The failure reaches the caller (raised or returned; logged or printed alone is a "
        "SHOULD-fail) and names the plugin, the stage, the cause and, where there is one, "
        "file and line.",
    ),
    _clause(
        "HR-LOAD-04",
        "setup-once",
        "MUST",
        "hooks",
        "E M",
        "Setup runs once at the first load of a plugin; start once for each G; neither twice "
        "for one G.",
    ),
    _clause(
        "HR-LOAD-05",
        "duplicate-refused",
        "MUST",
        "",
        "E M",
        "Loading a second plugin under a name that is live is refused and changes nothing.",
    ),
    _clause(
        "HR-LOAD-06",
        "unload-is-complete",
        "MUST",
        "unload",
        "E M",
        "After unload nothing of the plugin serves; stop and teardown ran once each; its "
        "modules are gone.",
    ),
    _clause(
        "HR-LOAD-07",
        "unknown-name",
        "MUST",
        "",
        "E M",
        "An operation on an unknown name is refused clearly and changes nothing.",
    ),
    _clause(
        "HR-LOAD-08",
        "one-load-for-many-waiters",
        "MUST",
        "lazy",
        "S",
        "Concurrent first uses of a lazily loaded plugin share one load; all waiters get the "
        "same G or the same error.",
    ),
    _clause(
        "HR-LOAD-09",
        "same-file-name",
        "MUST",
        "",
        "E",
        "Two plugins whose files have the same base name, in two directories, do not see each "
        "other.",
    ),
    _clause(
        "HR-SWAP-01",
        "new-code-serves",
        "MUST",
        "reload",
        "E M",
        "After a successful reload only the new G serves.",
    ),
    _clause(
        "HR-SWAP-02",
        "same-size-same-second",
        "MUST",
        "reload",
        "E",
        "An edit of the same size within the same second takes effect (bytecode writing on; "
        "the check proves that a bytecode file was in play where the host writes one).",
    ),
    _clause(
        "HR-SWAP-03",
        "removed-names-gone",
        "MUST",
        "reload",
        "E",
        "A name, handler or command removed from the source is gone from the new G.",
    ),
    _clause(
        "HR-SWAP-04",
        "submodules",
        "MUST",
        "packages",
        "E",
        "An edit in any file of a plugin package takes effect; absolute, relative and late "
        "(inside a function) imports of its own modules reach its own G.",
    ),
    _clause(
        "HR-SWAP-05",
        "start-before-stop",
        "MUST",
        "blue-green",
        "E S",
        "The new G's start has returned before the old G's stop begins.",
    ),
    _clause(
        "HR-SWAP-06",
        "never-absent",
        "MUST",
        "blue-green",
        "E S",
        "At every moment of a reload, failed or not, a call is answered by exactly one G, "
        "never by none or by both.",
    ),
    _clause(
        "HR-SWAP-07",
        "hook-order",
        "MUST",
        "hooks",
        "E M S",
        "Hooks run in the order that the host declares, once each. Whatever it is: state is "
        "read from the old G before its stop begins and given to the new one after its "
        "construction; in a blue-green host nothing of the old G's shutdown comes before the "
        "commit. The reference: (new) construct → start → gate closes → (old) "
        "get_reload_state → (new) set_reload_state → health_check → on_reload → commit, gate "
        "opens → (old) flush → stop → teardown.",
    ),
    _clause(
        "HR-SWAP-08",
        "no-duplicate-registration",
        "MUST",
        "reload",
        "P",
        "After N reloads each event is handled once, and registries have the size that they had.",
    ),
    _clause(
        "HR-SWAP-09",
        "unchanged-is-harmless",
        "MUST",
        "reload",
        "E",
        "Reloading unchanged source leaves an equivalent plugin serving, or says that nothing "
        "changed.",
    ),
    _clause(
        "HR-SWAP-10",
        "calls-in-flight-finish",
        "MUST",
        "blue-green",
        "S",
        "A call that began on the old G finishes there before its stop begins, within the "
        "drain deadline.",
    ),
    _clause(
        "HR-SWAP-11",
        "old-stop-spares-new",
        "MUST",
        "hooks",
        "E",
        "The old G's stop cannot unregister or close what the new G registered.",
    ),
    _clause(
        "HR-SWAP-12",
        "exclusive-resource",
        "SHOULD",
        "stop-first",
        "R",
        "A plugin that holds an exclusive resource (a port, a lock file) reloads by the "
        "declared stop-first order, and its old G comes back if the new one fails.",
    ),
    _clause(
        "HR-SWAP-13",
        "self-reload",
        "MUST",
        "reload",
        "E",
        "A plugin that asks for its own reload from a hook or handler gets a deferral or a "
        "clear refusal, never a deadlock.",
    ),
    _clause(
        "HR-ROLL-01",
        "old-keeps-serving",
        "MUST",
        "reload",
        "E M S",
        "For every stage: the old G serves, the same object with the same state as before.",
    ),
    _clause(
        "HR-ROLL-02",
        "old-untouched",
        "MUST",
        "blue-green",
        "E M",
        "No stop, teardown, setup or start ran on the old G.",
    ),
    _clause(
        "HR-ROLL-03",
        "new-released",
        "MUST",
        "hooks",
        "E M S",
        "What the failed G acquired is released: stop runs on a half-started G, once; nothing "
        "of it stays registered.",
    ),
    _clause(
        "HR-ROLL-04",
        "failure-reported",
        "MUST",
        "reload",
        "E M",
        "The caller gets the stage and the original cause, also when the clean-up fails in turn.",
    ),
    _clause(
        "HR-ROLL-05",
        "next-good-edit-loads",
        "MUST",
        "reload",
        "E M",
        "After any failed reload the next good edit loads, with no manual step.",
    ),
    _clause(
        "HR-ROLL-06",
        "revert-clears-error",
        "MUST",
        "reload",
        "E",
        "A bad edit, then the running bytes again: the error state clears.",
    ),
    _clause(
        "HR-ROLL-07",
        "old-shutdown-failure-contained",
        "MUST",
        "hooks",
        "E M",
        "A failure or hang in the old G's flush, stop or teardown does not undo the swap and "
        "does not skip the hooks after it, and is reported as a warning of a reload that "
        "succeeded.",
    ),
    _clause(
        "HR-ROLL-08",
        "setup-that-cannot-run-twice",
        "MUST",
        "reload",
        "E",
        "Rollback works for a plugin whose setup may run only once.",
    ),
    _clause(
        "HR-ROLL-09",
        "rollback-failure-is-declared",
        "MUST",
        "stop-first",
        "E",
        "Where the old G cannot be restored the plugin is in a declared FAILED state with "
        "both causes, never silently gone.",
    ),
    _clause(
        "HR-ROLL-10",
        "host-survives-base-exceptions",
        "MUST",
        "reload",
        "E",
        "SystemExit or a bare BaseException from a plugin at any stage ends that reload, "
        "never the host or its watcher.",
    ),
    _clause(
        "HR-ROLL-11",
        "deleted-file",
        "MUST",
        "reload",
        "E",
        "Reload of a plugin whose file is gone fails by HR-ROLL-01, or follows a declared "
        "unload-on-delete.",
    ),
    _clause(
        "HR-STATE-01",
        "round-trip",
        "MUST",
        "state",
        "E P M",
        "State given by the old G arrives in the new G equal in value and type.",
    ),
    _clause(
        "HR-STATE-02",
        "no-lost-update",
        "MUST",
        "state",
        "S M",
        "Changes made to the state while the reload runs are not lost: what the old G did "
        "before the commit is in the new G.",
    ),
    _clause(
        "HR-STATE-03",
        "no-aliasing",
        "MUST",
        "state",
        "E",
        "Old G, snapshot and new G share no mutable object.",
    ),
    _clause(
        "HR-STATE-04",
        "restore-failure-rolls-back",
        "MUST",
        "state",
        "E M",
        "A restore that raises, halfway too, is a failed reload (ROLL).",
    ),
    _clause(
        "HR-STATE-05",
        "enabled-flag",
        "MUST",
        "enable",
        "E M",
        "A disabled plugin stays disabled through a reload, with no enabled moment.",
    ),
    _clause(
        "HR-STATE-06",
        "no-hooks-no-trouble",
        "MUST",
        "state",
        "E",
        "A plugin without state hooks reloads, and the result says that no state was carried.",
    ),
    _clause(
        "HR-STATE-07",
        "uncopyable-state",
        "MUST",
        "state",
        "E",
        "State that cannot be carried (a lock, a socket, a cycle, too large) fails with the "
        "path to the value; the old G serves.",
    ),
    _clause(
        "HR-STATE-08",
        "only-what-was-given",
        "MUST",
        "state",
        "E",
        "Restoring does not overwrite the new code's defaults, version or config beyond what "
        "the state hook gave.",
    ),
    _clause(
        "HR-STATE-09",
        "migration",
        "SHOULD",
        "state-migration",
        "E",
        "The new G learns the old G's version and may migrate or refuse; a refusal is a "
        "failed reload.",
    ),
    _clause(
        "HR-STATE-10",
        "connections",
        "SHOULD",
        "connections",
        "E",
        "A registered connection is handed to the new G once, open, and goes back to the old "
        "G when the reload fails.",
    ),
    _clause(
        "HR-FLOW-01",
        "no-loss",
        "MUST",
        "sinks",
        "P M S R",
        "No accepted event is lost by a reload, an addition or a removal, successful, failed "
        "or cancelled.",
    ),
    _clause(
        "HR-FLOW-02",
        "no-duplicate",
        "MUST",
        "sinks exactly-once",
        "P M S R",
        "None is delivered twice to one sink's lineage. (A host may declare at-least-once "
        "instead; then duplicates are counted and shown.)",
    ),
    _clause(
        "HR-FLOW-03",
        "order",
        "MUST",
        "sinks",
        "P M S R",
        "Events of one producer arrive in order, across the swap too.",
    ),
    _clause(
        "HR-FLOW-04",
        "drain-before-stop",
        "MUST",
        "sinks",
        "M S",
        "Flush runs after the old G's last event and before its stop; both run even if the "
        "other fails.",
    ),
    _clause(
        "HR-FLOW-05",
        "nothing-outside-lifetime",
        "MUST",
        "sinks",
        "M S",
        "No event reaches a G before its start returned or after its stop began.",
    ),
    _clause(
        "HR-FLOW-06",
        "add-sees-all-after",
        "MUST",
        "sinks",
        "M S",
        "A sink gets every event accepted after its addition returned.",
    ),
    _clause(
        "HR-FLOW-07",
        "remove-sees-none-after",
        "MUST",
        "sinks",
        "M S",
        "A removed sink gets none after removal returned, and had everything accepted before "
        "flushed.",
    ),
    _clause(
        "HR-FLOW-08",
        "sibling-unharmed",
        "MUST",
        "sinks",
        "M S",
        "A sink that raises, hangs or reloads costs its siblings neither an event nor more "
        "than the declared pause.",
    ),
    _clause(
        "HR-FLOW-09",
        "bounded-drain",
        "MUST",
        "sinks timeouts",
        "S",
        "A hung flush ends at its deadline; what it held is rescued to the new G or counted "
        "as dropped, by name.",
    ),
    _clause(
        "HR-FLOW-10",
        "drain-counts-own-work",
        "MUST",
        "sinks",
        "S",
        "Under constant traffic a drain ends: it waits for the old G's events only.",
    ),
    _clause(
        "HR-FLOW-11",
        "stages-agree",
        "MUST",
        "stages",
        "M S",
        "One event passes one consistent set of filters, enrichers, processors and redactors: "
        "never half old, half new within one plugin; nothing passes unredacted while a "
        "redactor reloads.",
    ),
    _clause(
        "HR-FLOW-12",
        "producers-not-blocked",
        "SHOULD",
        "sinks",
        "R",
        "A reload holds producers up for no longer than the declared bound.",
    ),
    _clause(
        "HR-GUARD-01",
        "last-sink-stays",
        "MUST",
        "sinks",
        "E M S",
        "The last sink cannot be removed, unloaded, disabled, or lost by a config change or a "
        "failed reload; the refusal is clear.",
    ),
    _clause(
        "HR-GUARD-02",
        "last-sink-race",
        "MUST",
        "sinks",
        "S",
        "Concurrent removals leave at least one sink, in every interleaving.",
    ),
    _clause(
        "HR-GUARD-03",
        "last-healthy-sink",
        "SHOULD",
        "sinks health",
        "E M",
        "The last *healthy* sink cannot be removed while only failed ones would remain.",
    ),
    _clause(
        "HR-GUARD-04",
        "dependents-protected",
        "MUST",
        "dependencies",
        "E M",
        "A plugin that others depend on cannot be removed from under them: refused, or "
        "cascaded when asked for.",
    ),
    _clause(
        "HR-DEPS-01",
        "dependents-follow",
        "MUST",
        "dependencies",
        "E M",
        "After a reload every transitive dependent uses the new G.",
    ),
    _clause(
        "HR-DEPS-02",
        "dependency-order",
        "MUST",
        "dependencies",
        "P M",
        "Dependencies start before dependents; dependents stop before dependencies; for any "
        "acyclic graph.",
    ),
    _clause(
        "HR-DEPS-03",
        "only-affected",
        "MUST",
        "dependencies",
        "P M",
        "Plugins outside the closure are not touched.",
    ),
    _clause(
        "HR-DEPS-04",
        "cascade-is-atomic",
        "MUST",
        "dependencies rollback-cascade",
        "E M S",
        "If one of a cascade fails, all of it rolls back.",
    ),
    _clause(
        "HR-DEPS-05",
        "cycle-named",
        "MUST",
        "dependencies",
        "E P",
        "A cycle is refused, naming its members, and changes nothing.",
    ),
    _clause(
        "HR-DEPS-06",
        "version-range",
        "MUST",
        "dependencies",
        "E",
        "A new version outside a dependent's declared range is refused before commit.",
    ),
    _clause(
        "HR-DEPS-07",
        "changed-edges",
        "MUST",
        "dependencies",
        "E M",
        "A new version that adds or drops a dependency: new edges for start, old edges for stop.",
    ),
    _clause(
        "HR-DEPS-08",
        "batch",
        "SHOULD",
        "dependencies",
        "E",
        "A batch of changed plugins reloads once each, in order; independent ones in parallel.",
    ),
    _clause(
        "HR-DEPS-09",
        "missing",
        "MUST",
        "dependencies",
        "E",
        "A missing dependency is named; nothing changes.",
    ),
    _clause(
        "HR-WATCH-01",
        "converges",
        "MUST",
        "watch",
        "M R",
        "Once edits stop, what runs is the last valid bytes on disk, within the declared "
        "bound, or status says why not. No edit is lost: not during a reload, a cooldown, a "
        "failed reload, or a burst.",
    ),
    _clause(
        "HR-WATCH-02",
        "save-styles",
        "MUST",
        "watch",
        "R",
        "Every save style is seen, five times in a row: in place, truncate-then-write, "
        "write-new-and-rename, backup-rename, delete-and-create, symlink swap, `..data` "
        "directory swap, older mtime, same size and mtime, several files in one burst.",
    ),
    _clause(
        "HR-WATCH-03",
        "coalesces",
        "MUST",
        "watch",
        "M R",
        "A burst within the quiet period gives one reload.",
    ),
    _clause(
        "HR-WATCH-04",
        "quiet-period",
        "MUST",
        "watch clock",
        "M",
        "No reload before the quiet period since the last change ended, on a monotonic clock.",
    ),
    _clause(
        "HR-WATCH-05",
        "max-wait",
        "MUST",
        "watch clock",
        "M",
        "Under constant change a reload still comes within the max wait.",
    ),
    _clause(
        "HR-WATCH-06",
        "torn-file-never-runs",
        "MUST",
        "watch",
        "R",
        "A half-written file never serves, though it may compile.",
    ),
    _clause(
        "HR-WATCH-07",
        "ignores",
        "MUST",
        "watch",
        "R",
        "Bytecode, editors' temporary and backup files, excluded and test files, reads and "
        "touches without a change of bytes trigger nothing; `latest_news.py` is no test file.",
    ),
    _clause(
        "HR-WATCH-08",
        "no-self-trigger",
        "MUST",
        "watch",
        "R",
        "The host's or the plugin's own writes start no loop: at rest, no reload.",
    ),
    _clause(
        "HR-WATCH-09",
        "new-file",
        "MUST",
        "watch discover",
        "R",
        "A new plugin, a copied-in package and one that comes back after removal with the "
        "same bytes are loaded.",
    ),
    _clause(
        "HR-WATCH-10",
        "deletion-policy",
        "MUST",
        "watch",
        "R",
        "Deletion follows the declared policy after a grace period; a delete-and-recreate is "
        "an edit.",
    ),
    _clause(
        "HR-WATCH-11",
        "survives",
        "MUST",
        "watch",
        "R",
        "A failing reload, an exception in a callback, an undecodable file name or a replaced "
        "root leaves the watch alive or its death visible in health.",
    ),
    _clause(
        "HR-WATCH-12",
        "switch",
        "MUST",
        "watch enable-watch",
        "M R",
        "Disabled: no reload. Enabled again: it catches up.",
    ),
    _clause(
        "HR-WATCH-13",
        "stop-is-final",
        "MUST",
        "watch",
        "M R",
        "After stop returns no reload starts, and no thread, task or descriptor is left.",
    ),
    _clause(
        "HR-WATCH-14",
        "declared-inputs",
        "SHOULD",
        "watch inputs",
        "R",
        "An edit of a data or config file that a plugin declares reloads it.",
    ),
    _clause(
        "HR-LIMIT-01",
        "rate",
        "MUST",
        "rate-limit clock",
        "M",
        "No more reloads than the declared rate.",
    ),
    _clause(
        "HR-LIMIT-02",
        "deferred-not-dropped",
        "MUST",
        "rate-limit clock",
        "M",
        "A request over the limit is deferred and coalesced, or refused with a time to retry; "
        "an acknowledged request is never dropped.",
    ),
    _clause(
        "HR-LIMIT-03",
        "retry-backoff",
        "MUST",
        "retry clock",
        "M",
        "Transient failures are retried with growing delay up to the declared number; a new "
        "edit resets the budget; a syntax error is not retried.",
    ),
    _clause(
        "HR-LIMIT-04",
        "hook-deadline",
        "MUST",
        "timeouts clock",
        "E S",
        "Every hook has a deadline, also one that swallows cancellation; other plugins stay "
        "manageable meanwhile.",
    ),
    _clause(
        "HR-LIMIT-05",
        "storm",
        "MUST",
        "watch",
        "P R",
        "A storm of changes or requests gives at most one running reload and one follow-up "
        "for each plugin.",
    ),
    _clause(
        "HR-CONF-01",
        "applied",
        "MUST",
        "config",
        "E M",
        "A valid change of config reaches the affected plugins, and only those.",
    ),
    _clause(
        "HR-CONF-02",
        "invalid-keeps-old",
        "MUST",
        "config",
        "E M",
        "Invalid, empty or half-written config changes nothing, and the error names file, "
        "line and key.",
    ),
    _clause(
        "HR-CONF-03",
        "all-or-nothing",
        "MUST",
        "config",
        "E M",
        "If one consumer refuses, none keeps the new config; the last good one is that which runs.",
    ),
    _clause(
        "HR-CONF-04",
        "next-good-applies",
        "MUST",
        "config clock",
        "M",
        "After a bad config the next good one applies as soon as it could have without the "
        "bad one.",
    ),
    _clause(
        "HR-CONF-05",
        "copied",
        "MUST",
        "config",
        "E",
        "A caller's later mutation of the dict changes nothing.",
    ),
    _clause(
        "HR-CONF-06",
        "unchanged-noop",
        "MUST",
        "config",
        "E",
        "The same content again does nothing.",
    ),
    _clause(
        "HR-CONF-07",
        "safe",
        "MUST",
        "config",
        "E",
        "Unsafe YAML tags run nothing; alias, merge-key and depth bombs and duplicate keys "
        "are refused within 100 ms.",
    ),
    _clause(
        "HR-OBS-01",
        "in-progress",
        "MUST",
        "health",
        "E S",
        "Health says that a reload runs while it runs, and not after success, failure or "
        "cancellation.",
    ),
    _clause(
        "HR-OBS-02",
        "counts-conserve",
        "MUST",
        "metrics",
        "M",
        "attempts = successes + failures + refusals; counters never go down; durations are "
        "measured on every path.",
    ),
    _clause(
        "HR-OBS-03",
        "one-terminal-event",
        "MUST",
        "events",
        "M S",
        "Each attempt emits one start and exactly one terminal event, in order.",
    ),
    _clause(
        "HR-OBS-04",
        "result-tells-truth",
        "MUST",
        "reload",
        "M",
        "What the result says (old and new version, success, error) is what a behaviour probe "
        "finds.",
    ),
    _clause(
        "HR-OBS-05",
        "audit",
        "MUST",
        "audit",
        "E M",
        "Each operation, refused and forced ones too, leaves one audit record: when, what, by "
        "whom, why, hash, result.",
    ),
    _clause(
        "HR-OBS-06",
        "last-result",
        "SHOULD",
        "health",
        "E",
        "Status tells the last result, its time and error per plugin, and what runs (version, "
        "hash).",
    ),
    _clause(
        "HR-OBS-07",
        "history-holds-nothing",
        "MUST",
        "events",
        "E",
        "Records and errors kept by the host keep no old G alive.",
    ),
    _clause(
        "HR-RACE-01",
        "cancel-anywhere",
        "MUST",
        "cancel",
        "S",
        "Cancelling an operation at any suspension point leaves old or new fully serving, "
        "nothing held, and the next operation works.",
    ),
    _clause(
        "HR-RACE-02",
        "serial-explanation",
        "MUST",
        "reload",
        "S M",
        "Any interleaving of operations has a result that some serial order explains.",
    ),
    _clause(
        "HR-RACE-03",
        "overlapping-reloads",
        "MUST",
        "reload",
        "E S",
        "Overlapping reloads of one plugin are serialized or coalesced; the last written "
        "content wins; no caller gets a spurious error.",
    ),
    _clause(
        "HR-RACE-04",
        "independent-progress",
        "SHOULD",
        "reload",
        "S",
        "A slow or hung reload of one plugin does not stop operations on others.",
    ),
    _clause(
        "HR-RACE-05",
        "no-deadlock",
        "MUST",
        "reload",
        "S",
        "Plugins that call back into the host from hooks cause no deadlock.",
    ),
    _clause(
        "HR-RACE-06",
        "close-during-reload",
        "MUST",
        "reload",
        "S",
        "Closing the host in mid-reload ends within a bound, with nothing left running.",
    ),
    _clause(
        "HR-RACE-07",
        "stale-completion",
        "MUST",
        "cancel",
        "S",
        "An older, slower start that completes late does not replace a newer G.",
    ),
    _clause(
        "HR-LEAK-01",
        "old-generation-collected",
        "MUST",
        "reload",
        "P",
        "After N reloads one G is alive; old instances, classes and modules are collectable.",
    ),
    _clause(
        "HR-LEAK-02",
        "census",
        "MUST",
        "reload",
        "P",
        "Threads, tasks, descriptors, children, sys.modules, sys.path, logging handlers, "
        "atexit and signal handlers do not grow, on success and on every ROLL stage.",
    ),
    _clause(
        "HR-LEAK-03",
        "memory-flat",
        "SHOULD",
        "reload",
        "R",
        "Memory does not grow over many reloads beyond the declared bound.",
    ),
    _clause(
        "HR-LEAK-04",
        "owned-work-cancelled",
        "SHOULD",
        "ownership",
        "E",
        "Tasks that a G started are cancelled and awaited before its reload is reported done.",
    ),
    _clause(
        "HR-ISO-01",
        "neighbours-unharmed",
        "MUST",
        "",
        "E M",
        "Whatever one plugin does in load, reload or unload, the others keep serving with "
        "their state.",
    ),
    _clause(
        "HR-ISO-02",
        "hostile-import",
        "SHOULD",
        "isolated-import",
        "R",
        "A plugin that hangs, exits, exhausts memory or crashes the interpreter at import "
        "does not take the host with it.",
    ),
    _clause(
        "HR-ISO-03",
        "executed-is-validated",
        "MUST",
        "validate",
        "R",
        "The bytes that run are the bytes that were validated.",
    ),
    _clause(
        "HR-PROC-01",
        "rebuilt-binary",
        "MUST",
        "process",
        "R",
        "A rebuilt executable is picked up; a partly written one never runs.",
    ),
    _clause(
        "HR-PROC-02",
        "handshake",
        "MUST",
        "process",
        "R",
        "A child that says nothing, noise, too much or another protocol version fails with a "
        "clear cause and is reaped.",
    ),
    _clause(
        "HR-PROC-03",
        "crash",
        "MUST",
        "process",
        "R",
        "A crashed child is noticed, its call fails clearly, it restarts with backoff, and a "
        "crash loop stops.",
    ),
    _clause(
        "HR-PROC-04",
        "stop",
        "MUST",
        "process",
        "R",
        "Stop ends the child and its descendants within the grace period, and leaves no "
        "zombie; the host's death ends them too.",
    ),
    _clause(
        "HR-PROC-05",
        "pipes",
        "MUST",
        "process",
        "R",
        "A flood on stderr, an oversize or broken message, a wrong id neither blocks nor "
        "kills the host.",
    ),
    _clause(
        "HR-CTRL-01",
        "authorised",
        "MUST",
        "http",
        "R",
        "No token, no answer: every route, reads too.",
    ),
    _clause(
        "HR-CTRL-02",
        "browser-safe",
        "MUST",
        "http",
        "R",
        "Foreign Host or Origin, form posts and GET on a mutating route are refused; no CORS "
        "grant.",
    ),
    _clause(
        "HR-CTRL-03",
        "ids-are-not-paths",
        "MUST",
        "http",
        "R",
        "Traversal, encoded, overlong and unknown ids touch no file and answer 4xx.",
    ),
    _clause(
        "HR-CTRL-04",
        "honest-status",
        "MUST",
        "http",
        "R",
        "2xx only for what was done or queued; queued says so; storms get 429 with a time to "
        "retry.",
    ),
    _clause(
        "HR-PLUG-01",
        "import-is-pure",
        "MUST",
        "",
        "E",
        "Importing the module changes nothing in the process: environment, cwd, sys.path, "
        "signals, threads, tasks, descriptors, atexit, warnings, locale, logging, stdout, "
        "files, sockets.",
    ),
    _clause(
        "HR-PLUG-02",
        "metadata",
        "MUST",
        "",
        "E",
        "Name, version (PEP 440), dependencies and roles are declared and well formed.",
    ),
    _clause(
        "HR-PLUG-03",
        "cycle",
        "MUST",
        "",
        "P",
        "Load, reload, unload any number of times: works, and leaves no growth in the census.",
    ),
    _clause(
        "HR-PLUG-04",
        "two-generations-coexist",
        "MUST",
        "",
        "E",
        "Old and new live side by side during a swap, or the plugin declares stop-first.",
    ),
    _clause(
        "HR-PLUG-05",
        "stop-is-idempotent",
        "SHOULD",
        "",
        "E",
        "Stop twice, before start, or after a failed start does no harm.",
    ),
    _clause(
        "HR-PLUG-06",
        "half-start-released",
        "MUST",
        "",
        "S",
        "Cancelled or failed at any suspension point of its own start, it holds nothing.",
    ),
    _clause(
        "HR-PLUG-07",
        "state-round-trip",
        "MUST",
        "state",
        "P",
        "get → set → get gives an equal state; it is data, it is no alias.",
    ),
    _clause(
        "HR-PLUG-08",
        "state-tolerant",
        "MUST",
        "state",
        "P",
        "Missing, extra, older or garbage state is refused or tolerated cleanly, never half "
        "applied.",
    ),
    _clause(
        "HR-PLUG-09",
        "state-compatible",
        "SHOULD",
        "state",
        "E",
        "State recorded from earlier released versions (a file kept in the plugin's repo) "
        "still loads.",
    ),
    _clause(
        "HR-PLUG-10",
        "bounded-hooks",
        "MUST",
        "",
        "E",
        "Hooks end within the deadline, do not block the loop and honour cancellation.",
    ),
    _clause(
        "HR-PLUG-11",
        "flush-delivers",
        "MUST",
        "sink",
        "P S",
        "Everything that a sink accepted is where it belongs when flush returned.",
    ),
    _clause(
        "HR-PLUG-12",
        "no-loss-under-reload",
        "MUST",
        "sink",
        "P R",
        "The plugin reloaded under traffic on the reference engine loses, duplicates and "
        "reorders nothing.",
    ),
    _clause(
        "HR-PLUG-13",
        "silent-after-stop",
        "MUST",
        "",
        "E",
        "No callback, task, thread, timer or handler of it acts after stop.",
    ),
    _clause(
        "HR-PLUG-14",
        "collectable",
        "MUST",
        "",
        "P",
        "Old generations are garbage after a reload: no module registry, cache or closure "
        "elsewhere holds them.",
    ),
    _clause(
        "HR-PLUG-15",
        "bad-config",
        "MUST",
        "config",
        "P",
        "Config outside its schema is refused with the key's name; nothing is half applied or "
        "held.",
    ),
    _clause(
        "HR-PLUG-16",
        "survives-failed-upgrade",
        "MUST",
        "",
        "E",
        "With each ROLL stage injected into its next version, the running one serves on, unharmed.",
    ),
    _clause(
        "HR-PLUG-17",
        "health-tells-truth",
        "SHOULD",
        "",
        "E",
        "Health answers before start, while running and after stop without raising, and differs.",
    ),
    _clause(
        "HR-PLUG-18",
        "no-secrets",
        "SHOULD",
        "",
        "E",
        "Values marked secret in its config appear in no log, repr, state or error.",
    ),
)

CONTRACT: Mapping[str, Clause] = {clause.code: clause for clause in _ALL}
"""Every clause by its code, in the order of the documents."""

BY_SLUG: Mapping[str, Clause] = {clause.slug: clause for clause in _ALL}
"""Every clause by its slug; slugs are unique."""
