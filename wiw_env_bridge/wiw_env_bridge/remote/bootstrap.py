"""The script that another interpreter runs; it imports ``wiw_core`` and ``wiw_env_bridge`` only.

``python bootstrap.py SOCKET NAME=FOLDER...``, with the secret in the environment variable
``WIW_WORKER_TOKEN``. The packages come from the folders given, so that they are those of the
parent whatever is installed here, and nothing else of the parent's is seen. It is written for any
Python from 3.6, so that one that is too old can say so.
"""

import importlib.abc
import importlib.machinery
import os
import sys
from typing import Any, Dict, List, Optional  # noqa: UP035 - read by interpreters that are too old

OLDEST = (3, 9)
TOKEN_VARIABLE = "WIW_WORKER_TOKEN"
NEEDED = ("numpy", "scipy", "msgpack")


class Folders(importlib.abc.MetaPathFinder):
    """Finds these top-level packages in these folders, and nothing else."""

    def __init__(self, folders: Dict[str, str]) -> None:  # noqa: UP006
        self.folders = folders

    def find_spec(
        self, fullname: str, path: Any = None, target: Any = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        """Return where a package is, None for any other."""
        if path is not None or fullname not in self.folders:
            return None
        return importlib.machinery.PathFinder.find_spec(fullname, [self.folders[fullname]])


def main(arguments: List[str]) -> int:  # noqa: UP006
    """Serve until the parent is gone; returns the exit status."""
    where = "{} (Python {}.{})".format(sys.executable, *sys.version_info[:2])
    if sys.version_info < OLDEST:
        sys.exit("{} is too old: a worker needs Python {}.{} or newer.".format(where, *OLDEST))
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    for name in NEEDED:
        try:
            __import__(name)
        except ImportError as error:
            hint = "{} -m pip install {}".format(sys.executable, " ".join(NEEDED))
            sys.exit(f"{where} cannot import {name} ({error}). Install it: {hint}")
    address, *folders = arguments
    sys.meta_path.insert(0, Folders(dict(entry.split("=", 1) for entry in folders)))
    from wiw_env_bridge.remote.serving import serve

    return serve(address, os.environ.pop(TOKEN_VARIABLE, ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
