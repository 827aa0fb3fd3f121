"""What every test here may use; fixtures of one folder stand in its own conftest."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# How long one example takes is the machine's to say, and under a tracer it says otherwise.
settings.register_profile("repo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repo")
