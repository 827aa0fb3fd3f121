"""PLUG: a plugin as the subject."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-PLUG-01",
        "import-is-pure",
        "MUST",
        claims="",
        kinds="E",
        text="Importing the module changes nothing in the process: environment, cwd, sys.path, "
        "signals, threads, tasks, descriptors, atexit, warnings, locale, logging, stdout, "
        "files, sockets.",
        why="Every reload does it once more: another thread, another log handler, a setting "
        "changed for all other plugins.",
        fix="Move the code into start() and undo it in stop(); leave imports, constants, "
        "functions and classes at the top of the module.",
    ),
    clause(
        "HR-PLUG-02",
        "metadata",
        "MUST",
        claims="",
        kinds="E",
        text="Name, version (PEP 440), dependencies and roles are declared and well formed.",
        why="Without a version nobody can say what runs, and without the plugins that it needs "
        "the order of loading is luck.",
        fix='Write version = "1.0.0" in the class (name, dependencies and roles where the '
        "defaults are wrong), or a mapping PLUGIN_META in the module.",
    ),
    clause(
        "HR-PLUG-03",
        "cycle",
        "MUST",
        claims="",
        kinds="P",
        text="Load, reload, unload any number of times: works, and leaves no growth in the census.",
        why="Threads that outlive their version pile up in the host: "
        "https://github.com/Fexty12573/SharpPluginLoader/issues/29",
        fix="Keep on self whatever start() opens and end it in stop(): cancel and await tasks, "
        "join threads, close files, remove handlers.",
    ),
    clause(
        "HR-PLUG-04",
        "two-generations-coexist",
        "MUST",
        claims="",
        kinds="E",
        text="Old and new live side by side during a swap, or the plugin declares stop-first.",
        why="The old version's shutdown destroys what the new one has just made: "
        "https://github.com/xujialiu/Zotero-TTS/issues/28",
        fix="Name files, sockets and registrations by generation (context.generation), or write "
        'swap_policy = "stop-first" in the class.',
    ),
    clause(
        "HR-PLUG-05",
        "stop-is-idempotent",
        "SHOULD",
        claims="",
        kinds="E",
        text="Stop twice, before start, or after a failed start does no harm.",
        why="Hosts stop in their error path what never came up; a stop that raises there leaves "
        "a plugin that can neither be used nor removed: "
        "https://github.com/scaarup/aula/issues/362",
        fix="Set what start() opens to None in __init__; in stop() take each value, set the "
        "attribute to None, and close it where it was something.",
    ),
    clause(
        "HR-PLUG-06",
        "half-start-released",
        "MUST",
        claims="",
        kinds="S",
        text="Cancelled or failed at any suspension point of its own start, it holds nothing.",
        why="The connection that was opened first stays open, and the next attempt finds the "
        "port or the file taken.",
        fix="Open things in a contextlib.AsyncExitStack and take it over by pop_all() at the end "
        "of start(); or catch BaseException, close what is open, and raise again.",
    ),
    clause(
        "HR-PLUG-07",
        "state-round-trip",
        "MUST",
        claims="state",
        kinds="P",
        text="get → set → get gives an equal state; it is data, it is no alias.",
        why="State that is the live object itself changes under the new version's hands, or is "
        "emptied by the old one's stop.",
        fix="Return copy.deepcopy of plain values (dict, list, str, int), and in "
        "set_reload_state(self, state) build your own objects from them.",
    ),
    clause(
        "HR-PLUG-08",
        "state-tolerant",
        "MUST",
        claims="state",
        kinds="P",
        text="Missing, extra, older or garbage state is refused or tolerated cleanly, never half "
        "applied.",
        why="After an upgrade or a downgrade it is another version's: half of it is read, and "
        "the plugin goes on with a mixture.",
        fix="In set_reload_state() check type, keys and values of all of it first, raise "
        "ValueError where it does not fit, and assign to self at the very end.",
    ),
    clause(
        "HR-PLUG-09",
        "state-compatible",
        "SHOULD",
        claims="state",
        kinds="E",
        text="State recorded from earlier released versions (a file kept in the plugin's repo) "
        "still loads.",
        why="Users who update lose their data, since the new code was only ever tried with its "
        "own.",
        fix="Record a state of each release as a JSON file in your repository, give them as "
        "PluginSubject(recorded=[...]), and convert older forms in set_reload_state().",
    ),
    clause(
        "HR-PLUG-10",
        "bounded-hooks",
        "MUST",
        claims="",
        kinds="E",
        text="Hooks end within the deadline, do not block the loop and honour cancellation.",
        why="One that blocks stops every other plugin in the process; one that never ends keeps "
        "the old version's resources open.",
        fix="Await instead of blocking (asyncio.sleep, asyncio.to_thread), put asyncio.timeout "
        "around network calls, and raise CancelledError again where you catch it.",
    ),
    clause(
        "HR-PLUG-11",
        "flush-delivers",
        "MUST",
        claims="sink",
        kinds="P S",
        text="Everything that a sink accepted is where it belongs when flush returned.",
        why="The last lines before a reload, which people look for first, are missing: "
        "https://github.com/fluent/fluentd/issues/4622",
        fix="In flush() send what is buffered and await its confirmation (for a file: write and "
        "flush); it is not enough to begin sending.",
    ),
    clause(
        "HR-PLUG-12",
        "no-loss-under-reload",
        "MUST",
        claims="sink",
        kinds="P R",
        text="The plugin reloaded under traffic on the reference engine loses, duplicates and "
        "reorders nothing.",
        why="Every update of the plugin leaves holes, doubles or disorder in the record: "
        "https://github.com/driskell/log-courier/issues/366",
        fix="Deliver in write() itself, or all that is buffered in flush(); open files for "
        "appending, so that two generations do not overwrite each other.",
    ),
    clause(
        "HR-PLUG-13",
        "silent-after-stop",
        "MUST",
        claims="",
        kinds="E",
        text="No callback, task, thread, timer or handler of it acts after stop.",
        why="Jobs of the old version go on beside those of the new one: "
        "https://github.com/sopel-irc/sopel/issues/831",
        fix="Keep every task, timer and thread on self and end it in stop() (cancel and await, "
        "join); or start tasks by context.spawn(), which does it for you.",
    ),
    clause(
        "HR-PLUG-14",
        "collectable",
        "MUST",
        claims="",
        kinds="P",
        text="Old generations are garbage after a reload: no module registry, cache or closure "
        "elsewhere holds them.",
        why="Each reload adds the plugin's code and data to the process once more: "
        "https://github.com/caddyserver/caddy/issues/2642",
        fix="Take out in stop() what start() put into other modules (callbacks, entries, "
        "class-level lists); where you cannot, let them hold a weakref.",
    ),
    clause(
        "HR-PLUG-15",
        "bad-config",
        "MUST",
        claims="config",
        kinds="P",
        text="Config outside its schema is refused with the key's name; nothing is half applied "
        "or held.",
        why="A misspelt key is ignored and the default runs in production, or a refusal leaves a "
        "connection open.",
        fix="Declare config_schema, check the whole of it in __init__ before anything is opened, "
        "and name the key in the error.",
    ),
    clause(
        "HR-PLUG-16",
        "survives-failed-upgrade",
        "MUST",
        claims="",
        kinds="E",
        text="With each ROLL stage injected into its next version, the running one serves on, "
        "unharmed.",
        why="A mistake in the next version ends the one that worked: "
        "https://github.com/timbrel/GitSavvy/pull/1237",
        fix="Let __init__, start() and set_reload_state() touch nothing that an older object "
        "uses: no shared globals, no removing of its files, no changing of the state that it "
        "gave.",
    ),
    clause(
        "HR-PLUG-17",
        "health-tells-truth",
        "SHOULD",
        claims="",
        kinds="E",
        text="Health answers before start, while running and after stop without raising, and "
        "differs.",
        why="A monitor shows green for a plugin that does not work: "
        "https://github.com/gobha-me/anvil/issues/22",
        fix="Let health_check() look at the thing itself (does the task run, is the connection "
        "open), and return False when it does not, before start() and after stop() too.",
    ),
    clause(
        "HR-PLUG-18",
        "no-secrets",
        "SHOULD",
        claims="",
        kinds="E",
        text="Values marked secret in its config appear in no log, repr, state or error.",
        why="Tokens end up in logs and bug reports, which more people read than the config.",
        fix="Leave them out of get_reload_state() and of messages, write a __repr__ without "
        "them, and list them in PluginSubject(secrets=[...]).",
    ),
)
