"""The list of faults: what may be asked for, and for how long."""

from __future__ import annotations

import math

import pytest

from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.simulated_robot import faults as faults_module
from wiw_env_bridge.simulated_robot.faults import FAULTS, Faults


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(faults_module.time, "monotonic", lambda: now[0])
    return now


def test_a_fault_is_on_from_its_injection_until_everything_is_mended() -> None:
    faults = Faults("base")
    assert not faults.on("slip")
    assert faults.value("slip") == 0.0
    faults.inject("slip", 0.3)
    faults.inject("depth_off")
    assert faults.value("slip") == 0.3
    assert faults.on("depth_off")
    faults.inject("")
    assert not any(faults.on(name) for name in FAULTS)


def test_no_amount_means_the_default_one() -> None:
    faults = Faults("base")
    faults.inject("delayed_camera")
    assert faults.value("delayed_camera") == FAULTS["delayed_camera"].default == 2.0


def test_a_fault_mends_itself_after_its_duration(clock: list[float]) -> None:
    faults = Faults("base")
    faults.inject("camera_off", duration_s=1.5)
    clock[0] += 1.4
    assert faults.on("camera_off")
    clock[0] += 0.2
    assert not faults.on("camera_off")


@pytest.mark.parametrize(
    ("name", "value", "duration_s", "says"),
    [
        ("camera_of", 0.0, 0.0, "Did you mean 'camera_off'"),
        ("joint_states_off", 0.0, 0.0, "no fault named 'joint_states_off'"),
        ("slip", 1.5, 0.0, "amount 1.5"),
        ("slip", -0.5, 0.0, "amount -0.5"),
        ("delayed_camera", math.nan, 0.0, "amount nan"),
        ("camera_off", 0.0, -1.0, "last -1.0 s"),
        ("camera_off", 0.0, math.inf, "last inf s"),
    ],
)
def test_what_a_base_cannot_have_is_refused_in_a_sentence(
    name: str, value: float, duration_s: float, says: str
) -> None:
    faults = Faults("base")
    with pytest.raises(WiwError, match=says) as refused:
        faults.inject(name, value, duration_s)
    assert refused.value.code is ErrorCode.BAD_PARAMETER
    assert not any(faults.on(known) for known in FAULTS)


def test_a_parameter_gives_faults_with_and_without_an_amount() -> None:
    faults = Faults("base")
    faults.read(["depth_off", " slip = 0.25 "])
    assert faults.on("depth_off")
    assert faults.value("slip") == 0.25


@pytest.mark.parametrize("entry", ["slip=much", "=1", ""])
def test_a_parameter_that_names_no_fault_is_refused(entry: str) -> None:
    with pytest.raises(WiwError, match="'faults'"):
        Faults("base").read([entry])


def test_a_name_that_no_robot_has_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(KeyError):
        Faults("base").on("camera_of")


def test_every_fault_says_what_it_does_in_a_sentence() -> None:
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.text.endswith(".") and fault.text[0].isupper()
        assert name in fault.sentence
        assert bool(fault.unit) or fault.default == 0.0
        assert set(fault.kinds) <= {"base", "arm"} and fault.kinds
