"""Real hosts: each in its own environment, its verdicts recorded and compared."""
