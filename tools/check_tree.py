"""Check the tree: short files, and nothing in them that only one machine has. Prints what fails."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from pathlib import Path

MAX_LINES, MAX_MEDIAN = 500, 200
SOURCE = {".py", ".sh", ".md", ".toml", ".yaml", ".xml", ".j2", ".msg", ".srv", ".action", ".cfg"}
"""What people write and read; data and locks may be as long as they like."""
PRIVATE = {
    "a path of one machine": re.compile(r"(?<![\w.$}])/(?:work|root|home/\w+|mnt|Users)/\w"),
    "a package index of one machine": re.compile(r"--(?:extra-)?index-url|\btrusted-host\b"),
}


def files(root: Path) -> list[Path]:
    """Return every file that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return [root / name for name in names if name and (root / name).is_file()]


def problems(root: Path) -> list[str]:
    """Return one sentence per problem."""
    found, lengths = [], []
    for path in files(root):
        name = path.relative_to(root)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # pictures and weights
        if path.suffix in SOURCE:
            lengths.append(len(lines))
            if len(lines) > MAX_LINES:
                found.append(f"{name}: {len(lines)} lines, more than {MAX_LINES}")
        for what, pattern in PRIVATE.items():
            for number, line in enumerate(lines, 1):
                if match := pattern.search(line):
                    found.append(f"{name}:{number}: {what}: {match.group()}")
    if lengths and statistics.median(lengths) >= MAX_MEDIAN:
        found.append(f"the median file has {statistics.median(lengths):.0f} lines: {MAX_MEDIAN}")
    return found


def main() -> None:
    """Exit with 1 if anything fails."""
    found = problems(Path(__file__).resolve().parent.parent)
    print("\n".join(found) if found else "tree: files are short and name no machine")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
