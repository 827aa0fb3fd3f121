"""The reload transaction's decisions, pure: no I/O, no asyncio, ``now`` is an argument."""
