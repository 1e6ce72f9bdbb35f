"""The robot's description, from a file or from the topic where it is latched."""

from __future__ import annotations

from pathlib import Path

from std_msgs.msg import String

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.robot.arm.settings import ArmSettings
from wiw_env_bridge.robot.arm.urdf import MAX_BYTES
from wiw_env_bridge.robot.link import RobotLink


class Description:
    """The text of a URDF.

    Parameters
    ----------
    folder : Path
        Where a relative ``settings.urdf`` begins.
    """

    def __init__(self, link: RobotLink, settings: ArmSettings, folder: Path) -> None:
        self._path = folder / settings.urdf if settings.urdf else None
        self._stream = None
        if self._path is None:
            self._stream = link.listen(String, settings.description, keep=1, latched=True, depth=1)

    def read(self, wait_s: float) -> str:
        """Return the URDF, waiting for the topic.

        Raises
        ------
        WiwError
            ``BAD_PARAMETER`` for a file that cannot be read or is too large;
            ``STALE_OBSERVATION`` if nobody has said anything on the topic.
        """
        if self._path is not None:
            return _file(self._path)
        assert self._stream is not None
        heard = self._stream.wait(timeout_s=wait_s)
        if heard is None:
            raise WiwError(
                ErrorCode.STALE_OBSERVATION,
                f"'{self._stream.topic}' has told no description of the robot in {wait_s:g} s.",
                "Start robot_state_publisher, or give a file as arm.urdf.",
            )
        return str(heard.message.data)


def _file(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WiwError(ErrorCode.BAD_PARAMETER, f"The URDF '{path}' is over {MAX_BYTES} bytes.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WiwError(
            ErrorCode.BAD_PARAMETER, f"The URDF '{path}' cannot be read: {error}."
        ) from error
