"""Specimens: wrong hosts and plugins that prove the kit's teeth, and correct ones it must pass."""
