"""Interface packages that an installation may lack."""

from __future__ import annotations

import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_ros.interfaces import optional


def test_a_package_that_is_there_is_imported() -> None:
    assert hasattr(optional("std_msgs.msg"), "Header")


def test_a_package_that_is_absent_is_a_sentence_with_the_cure() -> None:
    with pytest.raises(WiwError, match="apt install ros-jazzy-no-such-msgs") as missing:
        optional("no_such_msgs.action")
    assert missing.value.code is ErrorCode.INTERFACE_MISSING
    assert "'no_such_msgs'" in missing.value.message
