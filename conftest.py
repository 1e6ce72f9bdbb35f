"""Settings every test shares."""

from hypothesis import settings

# Reproducible, and never a verdict on how busy the machine is.
settings.register_profile("wiw", deadline=None, derandomize=True)
settings.load_profile("wiw")


def pytest_sessionstart() -> None:
    """Free the shared memory of nodes that earlier tests have killed: it is never given back."""
    try:
        from wiw_ros.transport import remove_stale_segments
    except ImportError:  # the core alone is tested, without ROS
        return
    remove_stale_segments()
