"""The embedded simulator: seeded MuJoCo apartments, rendered on a CPU if there is no GPU."""

import os

# Both are read when mujoco, or the GL driver it loads, is first imported.
os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("LP_NUM_THREADS", "0")  # software GL in the calling thread: safe to fork
