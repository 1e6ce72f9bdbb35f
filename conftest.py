"""Settings every test shares."""

from hypothesis import settings

# Reproducible, and never a verdict on how busy the machine is.
settings.register_profile("wiw", deadline=None, derandomize=True)
settings.load_profile("wiw")
