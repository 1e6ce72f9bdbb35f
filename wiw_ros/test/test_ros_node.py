"""The managed node as a real process: up, down, reconfigured, misconfigured, signalled."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray

from wiw_msgs.msg import Heartbeat
from wiw_ros import node
from wiw_ros.qos import DIAGNOSTICS, HEARTBEAT
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
MODULE = "wiw_ros.fake_node"


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


def test_a_node_comes_up_by_itself_beats_and_tells_its_state(probe: Probe, tmp_path: Path) -> None:
    beats = probe.record(Heartbeat, "heartbeat", HEARTBEAT)
    told = probe.record(DiagnosticArray, "/diagnostics", DIAGNOSTICS)
    with NodeProcess(MODULE, tmp_path, {"names": ["a"]}, name="up", namespace="/robot1") as node:
        probe.until_state("/robot1/up", "active")
        assert "set up with rate=10.0 names=['a']" in node.output
    with NodeProcess(MODULE, tmp_path, name="beating"):
        probe.until(lambda: any(m.node == "/beating" for _, m in beats), 20.0, "a beat")
        probe.until(
            lambda: any(
                s.name == "/beating" and s.message == "active" for _, m in told for s in m.status
            ),
            20.0,
            "diagnostics that say active",
        )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_holds_then_ends_with_zero_and_no_traceback(
    probe: Probe, tmp_path: Path, number: int
) -> None:
    name = f"signalled_{int(number)}"
    with NodeProcess(MODULE, tmp_path, name=name) as node:
        probe.until_state(name, "active")
        assert node.stop(number) == 0
        lines = node.output
    assert lines.index("holding") < lines.index("torn down")
    assert "Traceback" not in lines


def test_impatient_signals_do_not_spoil_the_way_down(probe: Probe, tmp_path: Path) -> None:
    with NodeProcess(MODULE, tmp_path, name="impatient") as node:
        probe.until_state("impatient", "active")
        for _ in range(500):  # bounded: the node ends within 5 s
            node.process.send_signal(signal.SIGINT)
            try:
                node.process.wait(0.02)
                break
            except subprocess.TimeoutExpired:
                continue
        assert node.process.returncode == 0, node.output
        assert "torn down" in node.output


def test_a_node_that_hangs_in_stop_is_ended_anyway(probe: Probe, tmp_path: Path) -> None:
    with NodeProcess(MODULE, tmp_path, {"fault": "hang_in_stop"}, name="hangs") as node:
        probe.until_state("hangs", "active")
        assert node.stop(timeout_s=20.0) == 1


def test_parameters_change_between_cleanup_and_configure_only(probe: Probe, tmp_path: Path) -> None:
    with NodeProcess(MODULE, tmp_path, name="again") as node:
        probe.until_state("again", "active")
        assert "clean the node up" in probe.set("again", rate=20.0)[0]
        assert probe.change("again", "deactivate") and probe.change("again", "cleanup")
        assert probe.set("again", rate=20.0, names=["x", "y"]) == ["", ""]
        assert "Did you mean 'rate'?" in probe.set("again", ratte=3.0)[0]
        assert probe.change("again", "configure") and probe.change("again", "activate")
        assert "set up with rate=20.0 names=['x', 'y']" in node.output


def test_a_transition_that_is_not_possible_is_refused_not_ignored(
    probe: Probe, tmp_path: Path
) -> None:
    with NodeProcess(MODULE, tmp_path, {"autostart": False}, name="manual"):
        probe.until_state("manual", "unconfigured")
        assert not probe.change("manual", "activate")
        assert probe.change("manual", "configure") and probe.change("manual", "activate")
        assert not probe.change("manual", "configure")
        assert probe.state("manual") == "active"


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("nan", {"rate": float("nan")}, "4001 BAD_PARAMETER: 'rate' must be finite, got nan."),
        ("typo", {"ratte": 1.0}, "There is no parameter named 'ratte'. Did you mean 'rate'"),
        ("text", {"rate": "fast", "count": 0}, "'count' = 0 is outside 1 and more"),
        ("refuse", {"fault": "refuse"}, "2030 MODEL_UNAVAILABLE: The fake node was told"),
        ("crash", {"fault": "crash"}, "9001 INTERNAL: RuntimeError: the fake node was told"),
    ],
)
def test_a_node_that_cannot_set_up_says_why_in_one_sentence_and_stays_reconfigurable(
    probe: Probe, tmp_path: Path, name: str, parameters: dict[str, object], sentence: str
) -> None:
    with NodeProcess(MODULE, tmp_path, parameters, name=name) as node:
        probe.until_state(name, "unconfigured")
        wait_for(node, "autostart failed")
        assert sentence in node.output and "Traceback" not in node.output
        if "ratte" not in parameters:  # one that does not exist cannot be put right
            assert probe.set(name, fault="none", rate=5.0, count=1) == ["", "", ""]
            assert probe.change(name, "configure") and probe.change(name, "activate")
        assert node.stop() == 0


def test_exit_on_failure_ends_the_process_with_one(tmp_path: Path, probe: Probe) -> None:
    parameters = {"fault": "refuse", "exit_on_failure": True}
    with NodeProcess(MODULE, tmp_path, parameters, name="leaves") as node:
        assert node.process.wait(30.0) == 1
        assert "2030 MODEL_UNAVAILABLE" in node.output


def wait_for(node: NodeProcess, words: str) -> None:
    end = time.monotonic() + 20.0
    while words not in node.output:
        assert time.monotonic() < end and node.process.poll() is None, node.output


def test_a_signal_that_another_thread_takes_is_not_lost() -> None:
    """The kernel may hand both signals of a double Ctrl-C to a thread that Python ignores."""
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    before = signal.signal(signal.SIGUSR1, lambda *_: asked.put(7))
    over = threading.Event()
    other = threading.Thread(target=over.wait, daemon=True)
    other.start()
    rescue = threading.Timer(20.0, asked.put, [-1])
    rescue.start()
    kill = threading.Timer(0.1, signal.pthread_kill, [other.ident, signal.SIGUSR1])
    kill.start()
    try:
        assert node._first(asked) == 7
    finally:
        rescue.cancel()
        over.set()
        signal.signal(signal.SIGUSR1, before)
