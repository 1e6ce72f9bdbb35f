"""The command: help that teaches, errors that are one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wiw import cli, doctor, inventory
from wiw.doctor import Finding, Grade


def call(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["wiw", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.mark.parametrize(
    "command",
    [
        *("up", "eval", "compare", "judge", "report", "doctor", "list", "run"),
        *("collect", "train", "measure", "study"),
    ],
)
def test_every_command_has_help(monkeypatch, capsys, command):
    code, out, _ = call(monkeypatch, capsys, command, "--help")
    assert code == 0 and "Usage" in out


def test_module_runs_as_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "wiw", "--help"], capture_output=True, text=True, check=True
    )
    assert "wiw run" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "near"),
    [
        (("up", "wm:=worp"), "2004 UNKNOWN_MODEL", "warp"),
        (("eval", "--task", "ignaw"), "1002 UNKNOWN_TASK", "ignav"),
        (("eval", "--arm", "oracel"), "2004 UNKNOWN_MODEL", "oracle"),
        (("judge", "nowhere", "--judge", "mather"), "4001 BAD_PARAMETER", "matcher"),
        (("judge", "nowhere"), "5001 RECORDING_FAILED", "study"),
        (("judge", "nowhere", "--judge", "llm"), "4001 BAD_PARAMETER", "base_url"),
        (("eval", "--env", "mujocco"), "1001 UNKNOWN_ENVIRONMENT", "mujoco"),
        (("list", "model"), "4001 BAD_PARAMETER", "models"),
        (("report", "nowhere"), "4001 BAD_PARAMETER", "no study"),
        (("compare", "no/a/b", "no/a/c"), "4001 BAD_PARAMETER", "no study"),
        (("eval", "--policy", "heuristics"), "3004 UNKNOWN_PROPOSER", "heuristic"),
        (("eval", "--ray", "nowhere", "--env", "fake"), "4001 BAD_PARAMETER", "host:port"),
        (("eval", "--by", "difficulti", "--env", "fake"), "4001 BAD_PARAMETER", "difficulty"),
    ],
)
def test_an_error_is_one_line_with_code_and_nearest_name(
    monkeypatch, capsys, tmp_path, words, code, near
):
    monkeypatch.chdir(tmp_path)
    status, _, err = call(monkeypatch, capsys, *words)
    assert status == 2
    assert err.startswith(code) and near in err
    assert len(err.strip().splitlines()) == 1


def test_up_prints_its_commands_when_asked_to_start_nothing(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "up", "--dry-run", "wm:=copy")
    assert code == 0
    assert [line.split(" -m ")[1].split()[0] for line in out.splitlines()] == [
        "wiw_env_bridge.node",
        "wiw_wm_node.node",
        "wiw_planner_node.node",
    ]


def test_show_args_lists_every_argument_with_its_default(monkeypatch, capsys):
    _, out, _ = call(monkeypatch, capsys, "up", "--show-args")
    for name in ("env", "task", "wm", "rollout_servers", "episodes", "seed", "namespace"):
        assert f"{name} (default" in out


def test_list_shows_what_is_installed(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "list")
    assert code == 0
    for name in ("warp", "oracle", "mujoco", "ignav", "heuristic", "place", "oracle-value"):
        assert name in out


def test_a_plugin_that_cannot_be_loaded_is_listed_with_its_reason(monkeypatch):
    from importlib.metadata import EntryPoint

    broken = EntryPoint("broken", "no_such_package:Model", "wiw.world_models")
    monkeypatch.setattr("wiw_core.registry._installed", lambda group: (broken,))
    item = next(item for item in inventory.section("models") if item.name == "broken")
    assert "no_such_package" in item.problem


def test_doctor_fails_only_on_a_failure(monkeypatch, capsys):
    found = [Finding("a", Grade.OK, "fine"), Finding("b", Grade.WARN, "hm", "Do this.")]
    monkeypatch.setattr(doctor, "examine", lambda: found)
    code, out, _ = call(monkeypatch, capsys, "doctor")
    assert code == 0 and "Do this." in out
    found.append(Finding("c", Grade.FAIL, "broken", "Do that."))
    code, out, _ = call(monkeypatch, capsys, "doctor")
    assert code == 1 and "Do that." in out


def test_a_check_that_breaks_is_a_finding(monkeypatch):
    def _broken() -> Finding:
        raise RuntimeError("boom")

    monkeypatch.setattr(doctor, "CHECKS", (_broken,))
    (finding,) = doctor.examine()
    assert finding.grade is Grade.FAIL and "boom" in finding.seen


def test_doctor_notices_little_shared_memory_and_stale_segments(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "SHM", tmp_path)
    (tmp_path / "fastrtps_deadbeef").write_bytes(b"x" * 2**20)
    assert doctor._stale_segments().grade is Grade.WARN
    monkeypatch.setattr(doctor, "SHM_FREE_MB", 2**40)
    assert doctor._shared_memory().grade is Grade.FAIL


def test_doctor_refuses_a_domain_that_dds_cannot_use(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "500")
    assert doctor._domain().grade is Grade.FAIL
