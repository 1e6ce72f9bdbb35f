"""One bridge per robot: the second refuses, the first goes on; and a dead one is no obstacle."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.bridge import lease
from wiw_msgs.msg import RobotLease
from wiw_msgs.srv import DescribeEnv
from wiw_ros.ears import Ears
from wiw_ros.qos import LEASE
from wiw_ros.testing import NodeProcess, Probe, own_domain

pytestmark = pytest.mark.system
ROBOT = "/arm/cmd"


@pytest.fixture
def probe() -> Iterator[Probe]:
    with own_domain() as domain, Probe(domain) as probe:
        yield probe


def bridge_of(folder: Path, name: str, **parameters: Any) -> NodeProcess:
    parameters = {"environment": "fake", "exit_on_failure": True} | parameters
    return NodeProcess("wiw_env_bridge.node", folder, parameters, name=name)


def speaks_for(other: RobotLease, probe: Probe) -> Any:
    """Publish another computer's lease, as its bridge would."""
    publisher = probe.node.create_publisher(RobotLease, lease.TOPIC, LEASE)
    probe.node.create_timer(0.1, lambda: publisher.publish(other))
    return publisher


def lease_of_another(age_s: float, held: bool, robot: str = ROBOT) -> RobotLease:
    return RobotLease(
        robot=robot, bridge="/far/bridge", host="far", instance="x", age_s=age_s, held=held
    )


def describes(probe: Probe, name: str) -> int:
    return int(probe.call(DescribeEnv, f"{name}/describe", DescribeEnv.Request()).code)


def test_a_second_bridge_on_one_robot_refuses_and_the_first_goes_on(
    probe: Probe, tmp_path: Path
) -> None:
    heard = probe.record(RobotLease, lease.TOPIC, LEASE)
    with bridge_of(tmp_path, "first", robot=ROBOT) as first:
        probe.until_state("first", "active")
        probe.until(lambda: any(m.held for _, m in heard), 20.0, "the lease")
        with bridge_of(tmp_path, "second", robot=ROBOT) as second:
            assert second.process.wait(40.0) == 1
            assert "1035 DUPLICATE_BRIDGE" in second.output and ROBOT in second.output
        assert describes(probe, "first") == 1 and probe.state("first") == "active"

        # The kernel gives the lock of a killed process back: its successor need not wait.
        first.kill()
        with bridge_of(tmp_path, "fourth", robot=ROBOT):
            probe.until_state("fourth", "active")


def test_two_bridges_of_one_name_cannot_both_be_active(probe: Probe, tmp_path: Path) -> None:
    with bridge_of(tmp_path, "env_bridge") as first:
        probe.until_state("env_bridge", "active")
        folder = tmp_path / "second"
        folder.mkdir()
        with bridge_of(folder, "env_bridge") as second:
            probe.until(lambda: "1035 DUPLICATE_BRIDGE" in second.output, 40.0, "the refusal")
            assert "name is taken" in second.output
        assert "DUPLICATE" not in first.output


class LeasedNode:
    """A node of this process with a lease, as a bridge has one."""

    def __init__(self, probe: Probe) -> None:
        self.node: Any = rclpy.create_node("here", context=probe.node.context)
        self.node.full_name = "/here"
        self.ears = Ears(self.node)
        self.lost: list[WiwError] = []
        self.lease = lease.Lease(self.node, self.ears, self.lost.append)

    def close(self) -> None:
        self.lease.release()
        self.ears.close()
        self.node.destroy_node()


@pytest.fixture
def here(probe: Probe) -> Iterator[LeasedNode]:
    here = LeasedNode(probe)
    yield here
    here.close()


def test_a_robot_held_from_another_computer_is_refused_and_one_asked_for_later_is_not(
    probe: Probe, here: LeasedNode
) -> None:
    far = lease_of_another(age_s=600.0, held=True)
    heard = probe.record(RobotLease, lease.TOPIC, LEASE)
    speaks_for(far, probe)
    probe.until(lambda: len(heard) > 3, 20.0, "the other's beats")
    with pytest.raises(WiwError, match="held by the bridge '/far/bridge' on 'far'") as caught:
        here.lease.take(ROBOT)
    assert caught.value.code is ErrorCode.DUPLICATE_BRIDGE
    here.lease.take("/another/robot")
    far.held, far.age_s = False, 0.0  # it only asks, and was later
    heard.clear()
    probe.until(lambda: any(not m.held for _, m in heard), 20.0, "the changed beat")
    time.sleep(lease.FRESH_S)  # what it said before is forgotten
    here.lease.take(ROBOT)
    assert here.lease.reason is None and not here.lost


def test_after_a_parted_network_heals_the_older_lease_stands(
    probe: Probe, here: LeasedNode
) -> None:
    heard = probe.record(RobotLease, lease.TOPIC, LEASE)
    here.lease.take(ROBOT)
    probe.until(lambda: any(m.age_s > lease.TIE_S for _, m in heard), 20.0, "some age")
    far = lease_of_another(age_s=0.0, held=True)
    speaks_for(far, probe)
    probe.until(lambda: sum(m.host == "far" for _, m in heard) > 3, 20.0, "the other's beats")
    assert here.lease.reason is None and not here.lost
    far.age_s = 600.0
    probe.until(lambda: bool(here.lost), 20.0, "it yields")
    assert here.lease.reason is here.lost[0]
    assert here.lost[0].code is ErrorCode.DUPLICATE_BRIDGE


def test_a_lock_file_belongs_to_one_holder_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease.tempfile, "gettempdir", lambda: str(tmp_path))
    with lease._lock_file(ROBOT):
        with pytest.raises(WiwError, match="another process of this computer"):
            lease._lock_file(ROBOT)
        lease._lock_file("/other").close()
        monkeypatch.setenv("ROS_DOMAIN_ID", "77")
        lease._lock_file(ROBOT).close()  # another domain, another robot
    assert len(os.listdir(tmp_path)) == 3
