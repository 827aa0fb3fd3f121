"""PROC: plugins in processes of their own."""

from hot_reload_conformance.contract.clause import clause

CLAUSES = (
    clause(
        "HR-PROC-01",
        "rebuilt-binary",
        "MUST",
        claims="process",
        kinds="R",
        text="A rebuilt executable is picked up; a partly written one never runs.",
        why="A program cannot be started while somebody still writes it, and half of one "
        "crashes: https://github.com/open-component-model/ocm/pull/929",
        fix="Wait until size and hash stay the same, copy the file to a private place, verify "
        "the copy and execute that.",
    ),
    clause(
        "HR-PROC-02",
        "handshake",
        "MUST",
        claims="process",
        kinds="R",
        text="A child that says nothing, noise, too much or another protocol version fails with a "
        "clear cause and is reaped.",
        why="A child that was started and then could not be used is left running: "
        "https://github.com/hashicorp/nomad/pull/28286",
        fix="Read the first line under a deadline and a limit of size, check the version, and on "
        "any failure kill the child, wait for it, and show its stderr.",
    ),
    clause(
        "HR-PROC-03",
        "crash",
        "MUST",
        claims="process",
        kinds="R",
        text="A crashed child is noticed, its call fails clearly, it restarts with backoff, and a "
        "crash loop stops.",
        why="A child that has already ended is reported as started, and callers wait for it: "
        "https://github.com/hashicorp/go-plugin/issues/305",
        fix="Wait on the child in a task of its own, fail its open calls at once, start it again "
        "with growing delay, and give up after the declared number.",
    ),
    clause(
        "HR-PROC-04",
        "stop",
        "MUST",
        claims="process",
        kinds="R",
        text="Stop ends the child and its descendants within the grace period, and leaves no "
        "zombie; the host's death ends them too.",
        why="Children outlive the program and keep its ports and files: "
        "https://github.com/hashicorp/go-plugin/issues/10",
        fix="Give the child a process group, ask it to end, kill the group when the grace period "
        "is over, and wait for it; use a parent-death signal or a pipe for the host's own "
        "death.",
    ),
    clause(
        "HR-PROC-05",
        "pipes",
        "MUST",
        claims="process",
        kinds="R",
        text="A flood on stderr, an oversize or broken message, a wrong id neither blocks nor "
        "kills the host.",
        why="The parent waits for an answer, the child for somebody to read its output, and both "
        "stand still: https://docs.python.org/3/library/subprocess.html#subprocess.Popen.wait",
        fix="Read stdout and stderr in tasks of their own, bound a message's size, and let a "
        "broken one fail only the call that it belongs to.",
    ),
)
