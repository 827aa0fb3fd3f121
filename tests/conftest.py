"""What every test here may use; fixtures of one folder stand in its own conftest."""

pytest_plugins = ["pytester"]
