"""Error codes and the one exception type that carries them across every boundary."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ErrorCode(IntEnum):
    """What went wrong, in a band per component; ``wiw_msgs/msg/ErrorCode.msg`` mirrors it.

    0 is never a verdict: an empty ROS 2 result is all zeros, so success is 1.
    """

    UNSET = 0
    OK = 1

    # 1xxx: environment bridge
    UNKNOWN_ENVIRONMENT = 1001
    UNKNOWN_TASK = 1002
    UNKNOWN_EPISODE = 1003
    NO_EPISODE = 1004
    STALE_OBSERVATION = 1010
    FROZEN_CAMERA = 1011
    BAD_IMAGE = 1012
    GOAL_REJECTED = 1020
    ACTION_SERVER_LOST = 1021
    ACTION_FAILED = 1022
    INTERFACE_MISSING = 1023
    COMMAND_LOST = 1030
    STALE_GENERATION = 1031
    BUSY = 1032
    ESTOPPED = 1033
    NOT_APPROVED = 1034
    DUPLICATE_BRIDGE = 1035
    DRY_RUN = 1036
    TIME_JUMP = 1040
    UNKNOWN_ACTION = 1041
    ACTION_OUT_OF_LIMITS = 1042
    EMPTY_PLAN = 1043
    START_STATE = 1044
    NO_PATH = 1050
    IK_FAILED = 1051
    TF_UNAVAILABLE = 1060
    DISPLACEMENT_MISMATCH = 1061
    ENVIRONMENT_FAILED = 1070
    ENVIRONMENT_UNRESPONSIVE = 1071

    # 2xxx: world model
    WM_DIED = 2001
    WM_UNRESPONSIVE = 2002
    DEADLINE_EXCEEDED = 2003
    UNKNOWN_MODEL = 2004
    CANCELLED = 2005
    INVALID_FRAMES = 2010
    CONTRACT_VIOLATION = 2011
    BAD_FRAME_COUNT = 2012
    DEPTH_REQUIRED = 2013
    PANORAMA_REQUIRED = 2014
    OUT_OF_MEMORY = 2020
    MODEL_UNAVAILABLE = 2030
    TOO_LARGE = 2040

    # 3xxx: proposer, reviser, VLM
    PROPOSAL_INVALID = 3001
    UNPARSABLE = 3002
    VLM_UNAVAILABLE = 3003
    UNKNOWN_PROPOSER = 3004
    UNKNOWN_REVISER = 3005
    NO_VALID_SCORE = 3010

    # 4xxx: planner
    BAD_PARAMETER = 4001
    NOT_ACTIVE = 4002
    ABORTED_BY_USER = 4003
    ENVIRONMENT_MISMATCH = 4004

    # 5xxx: recording
    RECORDING_FAILED = 5001
    RECORD_CORRUPT = 5002

    # 9xxx: internal
    INTERNAL = 9001


class WiwError(Exception):
    """A failure with a code, one clear sentence, and what to do about it.

    Parameters
    ----------
    code : ErrorCode
        Never ``UNSET`` or ``OK``.
    message : str
        One sentence for a person.
    hint : str
        What to do; appended to ``str(error)``.
    """

    def __init__(self, code: ErrorCode, message: str, hint: str = "") -> None:
        if code in (ErrorCode.UNSET, ErrorCode.OK):
            raise ValueError(f"{code.name} is not a failure")
        self.code = ErrorCode(code)
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}".strip())

    def __reduce__(self) -> tuple[type[WiwError], tuple[ErrorCode, str, str]]:
        return (type(self), (self.code, self.message, self.hint))


def describe(code: int) -> str:
    """Return ``"2001 WM_DIED"`` for 2001; unknown numbers keep their digits."""
    try:
        return f"{int(code)} {ErrorCode(code).name}"
    except ValueError:
        return f"{int(code)} (unknown code)"


_LISTED = 32
"""Most names that a message lists."""


def unknown_name(code: ErrorCode, kind: str, name: str, known: Iterable[str]) -> WiwError:
    """Build the error for a name that nothing answers to, suggesting the nearest known one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(names[:_LISTED]) or "none"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {listed}{more}."
    return WiwError(code, f"There is no {kind} named '{name}'.", hint)
