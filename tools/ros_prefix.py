"""Make this virtual environment a ROS 2 prefix: ``. .venv/setup.bash`` stands for an apt one.

The ROS wheels bake paths of their build container into CMake exports: they are pointed at this
interpreter, or ``colcon build`` of any interface package fails.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

LOCAL_SETUP = """\
# generated: this virtual environment as a ROS 2 prefix
case ":$PATH:" in
  *":{venv}/bin:"*) ;;
  *) export PATH="{venv}/bin:$PATH" ;;
esac
case ":$AMENT_PREFIX_PATH:" in
  *":{venv}:"*) ;;
  *) export AMENT_PREFIX_PATH="{venv}${{AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}}" ;;
esac
case ":$CMAKE_PREFIX_PATH:" in
  *":{venv}:"*) ;;
  *) export CMAKE_PREFIX_PATH="{venv}${{CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}}" ;;
esac
export VIRTUAL_ENV="{venv}" ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
"""

WIW = """\
#!/usr/bin/env bash
# The wiw command inside the built workspace.
. "{workspace}/install/setup.bash"
exec "{venv}/bin/python" -m wiw "$@"
"""


def python_include() -> str:
    """Return the folder of Python.h; a virtual environment's own include folder may be empty."""
    include = sysconfig.get_path("include")
    if not (Path(include) / "Python.h").exists():
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        include = str(Path(sys.base_prefix) / "include" / version)
    if not (Path(include) / "Python.h").exists():
        sys.exit(f"Python.h is not in {include}: install your Python's headers (python3-dev).")
    return include


def main() -> None:
    """Patch the CMake exports, write the set-up scripts and the wiw command."""
    venv = Path(sys.prefix)
    numpy_include, include = numpy.get_include(), python_include()
    container = r"/opt/python/cp3\d+-cp3\d+"
    numpy_in_container = container + r"/lib/python3\.\d+/site-packages/numpy/_?core/include"
    for export in (venv / "share").glob("*/cmake/*.cmake"):
        text = export.read_text()
        fixed = re.sub(numpy_in_container, numpy_include, text)
        fixed = re.sub(container + r"/include/python3\.\d+", include, fixed)
        if fixed != text:
            export.write_text(fixed)
    (venv / "local_setup.sh").write_text(LOCAL_SETUP.format(venv=venv))
    for name in ("local_setup.bash", "local_setup.zsh", "setup.sh", "setup.bash", "setup.zsh"):
        (venv / name).write_text(f'. "{venv}/local_setup.sh"\n')
    command = venv / "bin" / "wiw"
    command.write_text(WIW.format(venv=venv, workspace=venv.parent / "ros2_ws"))
    command.chmod(0o755)


if __name__ == "__main__":
    main()
