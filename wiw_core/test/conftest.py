"""Property tests repeat the same examples everywhere, and none fails because a machine was busy."""

from hypothesis import settings

settings.register_profile("wiw", deadline=None, derandomize=True)
settings.load_profile("wiw")
