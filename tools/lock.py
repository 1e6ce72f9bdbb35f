"""Write requirements-<python>-<machine>.lock from a pip report, one pinned and hashed wheel a line.

    pip install --dry-run --ignore-installed --report report.json \\
        -r requirements-ros.txt -r requirements-torch.txt \\
        -r requirements.txt -r requirements-extras.txt -r requirements-dev.txt
    python tools/lock.py report.json

``pip freeze`` will not do: some ROS wheels also install unprefixed metadata under foreign names.
"""

import json
import platform
import sys
from pathlib import Path


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text())
    lines = set()
    for item in report["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        if name == "torch":  # its build differs by machine: requirements-torch.txt
            continue
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.add(f"{name.lower()}=={version} --hash=sha256:{digest}")
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-{platform.machine()}"
    header = f"# Made by tools/lock.py for {tag}; {len(lines)} wheels. Do not edit.\n"
    Path(f"requirements-{tag}.lock").write_text(header + "\n".join(sorted(lines)) + "\n")


if __name__ == "__main__":
    main()
