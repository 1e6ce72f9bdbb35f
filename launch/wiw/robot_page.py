"""``docs/robot-profile.md``, made from the profile's own schema: every setting, unit and default.

``python -m wiw.robot_page > docs/robot-profile.md``; a test fails when the page is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from wiw_env_bridge.robot.profile import RobotProfile
from wiw_env_bridge.robot.schema import table

HEAD = """# Every setting of a robot's profile

Made by `python -m wiw.robot_page > docs/robot-profile.md`; a test compares it with the code. How to
use it: [a robot of your own](robot.md). Names of topics, services and actions are relative to the
bridge's namespace. `NAME` is a name of your choice, such as the camera `front`. What is not
`required` may be left out.
"""


def page() -> str:
    """Return the page: a table per section, the short settings first."""
    rows = list(table(RobotProfile))
    sections = [field.name for field in fields(RobotProfile)]
    own = [row for row in rows if "." not in row[0] and row[1]]
    text = HEAD + _table(own)
    for section in sections:
        inner = [row for row in rows if row[0].startswith(f"{section}.")]
        if inner:
            title = next(row[3] for row in rows if row[0] == section)
            text += f"\n## {section}\n\n{title}\n" + _table(inner)
    return text


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    return "\n" + "\n".join(_lines(rows)) + "\n"


def _lines(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    yield "| setting | default | unit | what it is |"
    yield "| --- | --- | --- | --- |"
    for name, default, unit, text in rows:
        shown = f"`{default}`" if default and default != "required" else default
        yield f"| `{name}` | {shown} | {unit} | {text} |"


if __name__ == "__main__":
    print(page().rstrip())
