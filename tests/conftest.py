"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["tests.testbed.plugin"]

# In CI the same examples each time; a busy machine is no failure anywhere.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=200)
settings.register_profile("here", deadline=None, max_examples=100)
settings.load_profile("ci" if os.environ.get("CI") else "here")
