#!/usr/bin/env bash
# From a bare machine to a built workspace: Debian packages (as root), .venv, ROS 2 from PyPI, the interfaces that PyPI lacks,
# colcon build of ros2_ws.
# Idempotent: each step is skipped while its inputs are unchanged. With an apt-installed Jazzy you do not need this file.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD venv=$PWD/.venv stamps=$PWD/.venv/.wiw
say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }

need=()
for pair in cmake:cmake g++:g++ make:make; do
  command -v "${pair%%:*}" >/dev/null || need+=("${pair##*:}")
done
for pair in libEGL.so.1:libegl1 libOpenGL.so.0:libopengl0; do
  PATH="$PATH:/sbin" ldconfig -p | grep -q "${pair%%:*}" || need+=("${pair##*:}")
done
[ -e /usr/lib/"$(uname -m)"-linux-gnu/dri/swrast_dri.so ] || need+=(libgl1-mesa-dri)
if [ ${#need[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Debian packages: ${need[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
  else
    say "missing: ${need[*]}; install them, for example: sudo apt-get install ${need[*]}"; exit 1
  fi
fi

stamp() { cat "$@" | sha256sum | cut -c1-16; }
mkdir -p "$root/.venv"
[ -x "$venv/bin/python" ] || { say "creating .venv"; python3 -m venv "$venv"; }
mkdir -p "$stamps"
key=$(stamp requirements*.txt tools/ros_prefix.py)
if [ "$(cat "$stamps/pip" 2>/dev/null)" != "$key" ]; then
  say "installing ROS 2 Jazzy and the rest from PyPI (about a minute)"
  "$venv/bin/pip" install -qq --disable-pip-version-check -r requirements-torch.txt 2>&1 | grep -v "neither a file nor a directory" || true
  lock=requirements-cp311-x86_64.lock
  if "$venv/bin/python" -c 'import sys,platform;sys.exit((sys.version_info[:2],platform.machine())!=((3,11),"x86_64"))' && [ -f "$lock" ]; then
    "$venv/bin/pip" install -qq --disable-pip-version-check --require-hashes --no-deps -r "$lock" 2>&1 | grep -v "neither a file nor a directory" || true
  else
    "$venv/bin/pip" install -qq --disable-pip-version-check -r requirements-ros.txt -r requirements-torch.txt -r requirements.txt -r requirements-extras.txt -r requirements-dev.txt 2>&1 | grep -v "neither a file nor a directory" || true
  fi
  "$venv/bin/python" -c 'import rclpy, mujoco, cv2, torch' || { say "the packages did not install; see above"; exit 1; }
  "$venv/bin/python" tools/ros_prefix.py
  echo "$key" >"$stamps/pip"
fi

# Interfaces that PyPI lacks: tests need all, a robot without MoveIt the first three. An apt Jazzy's own are kept.
packages=(tf2_msgs nav2_msgs control_msgs)
[ -n "${WIW_TESTS:-}" ] && packages+=(object_recognition_msgs octomap_msgs moveit_msgs)
for package in "${packages[@]}"; do
  source=tests/interfaces/$package built=$stamps/$package
  key=$(stamp $(find "$source" tests/interfaces/interfaces.cmake -type f | sort) requirements-ros.txt tools/ros_prefix.py)
  [ "$(cat "$built" 2>/dev/null)" = "$key" ] && continue
  [ ! -e "$built" ] && "$venv/bin/python" -c "import $package" 2>/dev/null && continue
  say "building $package (10 to 20 seconds)"
  (
    set +u; . "$venv/setup.bash"; set -u
    rm -rf "$built.build"
    cmake -S "$source" -B "$built.build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="-O0 -DNDEBUG" \
      -DCMAKE_CXX_FLAGS_RELEASE="-O0 -DNDEBUG" -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX="$venv" -DCMAKE_PREFIX_PATH="$venv" \
      -DPython3_EXECUTABLE="$venv/bin/python" \
      && cmake --build "$built.build" -j2 && cmake --install "$built.build"
  ) >"$built.log" 2>&1 || { tail -n 60 "$built.log"; exit 1; }
  rm -rf "$built.build"
  echo "$key" >"$built"
done

key=$(stamp $(git ls-files -- '*.msg' '*.srv' '*.action' '*CMakeLists.txt' '*package.xml' '*setup.py' '*setup.cfg' 2>/dev/null) "$stamps/pip")
if [ "$(cat "$stamps/build" 2>/dev/null)" != "$key" ] || [ ! -f ros2_ws/install/setup.bash ]; then
  say "building ros2_ws with colcon (about a minute)"
  (
    set +u; . "$venv/setup.bash"; set -u
    cd ros2_ws
    colcon --log-base log build --symlink-install --event-handlers console_cohesion- console_stderr- \
      --cmake-args -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DPython3_EXECUTABLE="$venv/bin/python" >"$stamps/colcon.log" 2>&1 \
      || { tail -n 60 "$stamps/colcon.log"; exit 1; }
  )
  echo "$key" >"$stamps/build"
fi
say "ready: . ros2_ws/install/setup.bash, or use .venv/bin/wiw"
