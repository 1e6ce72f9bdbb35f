"""What an observation holds."""

from coppelia_fake import CameraConfig, ObservationConfig

__all__ = ["CameraConfig", "ObservationConfig"]
