"""What killed nodes leave in shared memory."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from wiw_ros.transport import remove_stale_segments, segments, stale_segments


def test_only_what_nobody_has_mapped_and_is_not_young_is_removed(tmp_path: Path) -> None:
    for name in ("fastrtps_used", "fastrtps_left", "fastrtps_left_el", "fastrtps_young", "other"):
        (tmp_path / name).write_bytes(b"x" * 4096)
        if name != "fastrtps_young":
            os.utime(tmp_path / name, (1.0, 1.0))
    with (tmp_path / "fastrtps_used").open("r+b") as file, mmap.mmap(file.fileno(), 0):
        assert {path.name for path in segments(tmp_path)} == {
            "fastrtps_used",
            "fastrtps_left",
            "fastrtps_young",
        }
        assert {p.name for p in stale_segments(tmp_path)} == {"fastrtps_left", "fastrtps_young"}
        assert remove_stale_segments(tmp_path) == 4096
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"fastrtps_used", "fastrtps_young", "other"}
