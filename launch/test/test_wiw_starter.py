"""``wiw up``: respawn, giving up, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from wiw.description import NodeSpec
from wiw.starter import Starter


def _spec(name: str, **flags: bool) -> NodeSpec:
    return NodeSpec(name, "package", name, "module", **flags)


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


SERVE = _python("import time; print('serving', flush=True); time.sleep(600)")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_graph_ends_with_the_verdict_of_its_required_node():
    lines: list[str] = []
    nodes = [
        (_spec("server"), SERVE),
        (_spec("runner", required=True), _python("print('done'); raise SystemExit(3)")),
    ]
    assert Starter(nodes, {}, write=lines.append).run() == 1
    assert any("runner" in line and "done" in line for line in lines)
    assert any("exit code 3" in line for line in lines)


def test_success_of_the_required_node_is_success_of_the_graph():
    nodes = [(_spec("server"), SERVE), (_spec("runner", required=True), _python("pass"))]
    assert Starter(nodes, {}, write=lambda line: None).run() == 0


def test_a_node_that_keeps_failing_is_started_three_times_and_ends_the_graph():
    lines: list[str] = []
    node = (_spec("flaky", respawn=True), _python("print('here I am'); raise SystemExit(1)"))
    assert Starter([node], {}, backoff_s=0.01, write=lines.append).run() == 1
    assert sum("here I am" in line for line in lines) == 3
    assert any("giving up" in line for line in lines)


def test_no_process_is_left_when_the_graph_ends():
    pids: list[int] = []

    def read(line: str) -> None:
        if "pid=" in line:
            pids.append(int(line.rpartition("=")[2]))

    deaf = "import os,signal,time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
    deaf += "print(f'pid={os.getpid()}', flush=True); time.sleep(600)"
    starter: Starter

    def read_and_stop(line: str) -> None:
        read(line)
        if len(pids) == 2:
            starter.stop()

    polite = "import os,time; print(f'pid={os.getpid()}', flush=True); time.sleep(600)"
    nodes = [(_spec("deaf"), _python(deaf)), (_spec("polite"), _python(polite))]
    starter = Starter(nodes, {}, write=read_and_stop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wiw.starter.STOP_S", 0.5)
        assert starter.run() == 0
    assert len(pids) == 2 and not any(_alive(pid) for pid in pids)


def test_ctrl_c_ends_the_children_too(tmp_path):
    script = tmp_path / "up.py"
    script.write_text(
        "import sys\n"
        "from wiw.description import NodeSpec\n"
        "from wiw.starter import Starter\n"
        "code = \"import os,time; print(f'pid={os.getpid()}', flush=True); time.sleep(600)\"\n"
        "node = (NodeSpec('node', 'p', 'e', 'm'), [sys.executable, '-c', code])\n"
        "raise SystemExit(Starter([node], {}).run())\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    assert process.stdout is not None
    line = next(line for line in process.stdout if "pid=" in line)
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    assert process.wait(timeout=30) == 0
    watchdog.cancel()
    assert not _alive(int(line.rpartition("=")[2]))


def test_nodes_get_the_transport_environment():
    lines: list[str] = []
    code = "import os; print('profile', os.environ['WIW_TEST_PROFILE'])"
    node = (_spec("node", required=True), _python(code))
    Starter([node], {"WIW_TEST_PROFILE": "loopback"}, write=lines.append).run()
    assert any("profile loopback" in line for line in lines)
