"""Environments that run in a process, and an interpreter, of their own.

Some simulators cannot share a process with ROS 2: Habitat-Sim wants another Python, CoppeliaSim
owns its process. Such an environment is an ordinary :class:`wiw_core.contracts.Environment`, served
by a worker (``serving``) that another interpreter runs (``bootstrap``), and used through
:class:`wiw_env_bridge.remote.client.RemoteEnvironment`. Both ends meet on Unix sockets in a private
directory (``process``); messages are typed and size-limited msgpack (``codec``, ``framing``).

What the worker imports of this package runs on Python 3.9 with numpy, scipy and msgpack alone.
"""
