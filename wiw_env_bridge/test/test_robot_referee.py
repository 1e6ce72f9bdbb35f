"""Promises of the referees of a real robot, a pose or a person, with a user's own episodes."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from robot_peers import code_of
from std_srvs.srv import SetBool, Trigger

from wiw_core.decisions import EpisodeStatus
from wiw_core.errors import ErrorCode, WiwError
from wiw_core.geometry import Pose2
from wiw_env_bridge.robot.link import RobotLink
from wiw_env_bridge.robot.profile import parse_profile
from wiw_env_bridge.robot.referee.base import Ending, Travelled
from wiw_env_bridge.robot.referee.episodes import RealEpisodes, load_episodes
from wiw_env_bridge.robot.referee.operator import OperatorReferee
from wiw_env_bridge.robot.referee.pose import PoseReferee
from wiw_ros.testing import Probe, own_domain

FILE = """
task: {task}
frame: map
success_m: 0.5
episodes:
  a: {{image: goal.png, fov_deg: 90, goal: [1.0, 2.0], start: [0.0, 0.0, 0.0], seed: 4}}
  b: {{image: goal.png, goal: [3.0, 0.0], text: Go there., budget: 7}}
  c: {{image: goal.png, goal: [0.0, 0.0], split: train}}
"""
FRAMES = {"map": "map", "odom": "odom"}
DONE = Ending(2, "", math.nan, ErrorCode.OK, "")
WENT = Travelled(5, 1, 0, 1.5)


def nothing() -> None:
    pass


def episodes(folder: Path, task: str = "ignav") -> RealEpisodes:
    cv2.imwrite(str(folder / "goal.png"), np.full((32, 48, 3), (10, 20, 30), np.uint8))
    path = folder / "episodes.yaml"
    path.write_text(FILE.format(task=task))
    return load_episodes(path)


class Somewhere:
    """Where the robot says it is."""

    def __init__(self) -> None:
        self.pose = Pose2()

    def __call__(self, frame: str) -> Pose2:
        assert frame == "map"
        return self.pose


@pytest.fixture
def judged(tmp_path: Path) -> tuple[PoseReferee, Somewhere]:
    where = Somewhere()
    return PoseReferee(episodes(tmp_path), FRAMES, where), where


def test_episodes_of_ones_own_keep_their_order_and_their_photo(judged: Any) -> None:
    referee, _ = judged
    assert referee.tasks() == ("ignav",)
    assert referee.episode_ids("ignav", "val", 0) == ("a", "b")
    assert referee.episode_ids("ignav", "val", 1) == ("a",)
    assert referee.episode_ids("ignav", "train", 0) == ("c",)
    episode, decided = referee.begin("ignav", "a", nothing)
    assert not decided and episode.seed == 4 and episode.budget == 20
    assert episode.privileges == ("oracle_stop",)
    view = episode.goal_view
    assert view is not None and tuple(view.rgb[0, 0]) == (30, 20, 10)
    assert view.intrinsics[0, 0] == pytest.approx(24.0)  # 90 degrees over 48 pixels
    assert referee.begin("ignav", "b", nothing)[0].budget == 7


def test_being_within_the_radius_is_success_and_the_oracle_stop(judged: Any) -> None:
    referee, where = judged
    referee.begin("ignav", "a", nothing)
    where.pose = Pose2(1.0, 1.4, 0.0)
    assert not referee.decided()
    where.pose = Pose2(1.0, 1.6, 0.0)
    assert referee.decided()
    result = referee.finish(DONE, WENT)
    assert result.status is EpisodeStatus.SUCCESS
    assert result.final_distance_m == pytest.approx(0.4)
    assert result.shortest_m == pytest.approx(math.hypot(1.0, 2.0))
    assert (result.actions, result.collisions, result.path_m) == (5, 1, 1.5)
    assert code_of(lambda: referee.finish(DONE, WENT)) == "NO_EPISODE"


def test_without_the_privilege_nothing_is_decided_before_the_end(tmp_path: Path) -> None:
    where = Somewhere()
    referee = PoseReferee(episodes(tmp_path, "ignav_self_stop"), FRAMES, where)
    referee.begin("ignav_self_stop", "a", nothing)
    where.pose = Pose2(1.0, 2.0, 0.0)
    assert not referee.decided()
    assert referee.finish(DONE, WENT).success


def test_a_fault_is_never_a_success(judged: Any) -> None:
    referee, where = judged
    referee.begin("ignav", "a", nothing)
    where.pose = Pose2(1.0, 2.0, 0.0)
    fault = Ending(2, "", math.nan, ErrorCode.WM_DIED, "it died")
    result = referee.finish(fault, WENT)
    assert (result.status, result.code) == (EpisodeStatus.ABORTED_FAULT, ErrorCode.WM_DIED)


def test_a_robot_that_is_not_at_the_start_is_told_where_to_go(judged: Any) -> None:
    referee, where = judged
    where.pose = Pose2(1.0, 0.0, 0.0)
    with pytest.raises(WiwError, match=r"1\.00 m and 0\.00 rad") as caught:
        referee.begin("ignav", "a", nothing)
    assert caught.value.code is ErrorCode.START_STATE
    referee.begin("ignav", "b", nothing)  # which may begin anywhere


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("task: ignav\nepisodes: {}", "'episodes' is empty"),
        ("task: ignav\nepisodes: {a: {goal: [1, 2]}}", "neither 'image' nor 'text'"),
        ("task: ignav\nepisodes: {a: {text: x, goal: [1]}}", "must have 2 entries"),
        ("task: ignav\nsuccess_m: 0\nepisodes: {a: {text: x}}", "must be above 0 m"),
        ("task: ignav\nepisodes: {a: {text: x, gaol: [1, 2]}}", "did you mean 'goal'"),
        ("- 1", "must be a mapping"),
    ],
)
def test_a_bad_file_of_episodes_is_refused_with_its_reason(
    text: str, part: str, tmp_path: Path
) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(text)
    with pytest.raises(WiwError) as caught:
        load_episodes(path)
    assert caught.value.code is ErrorCode.BAD_PARAMETER and part in str(caught.value)


def test_a_goal_that_nobody_can_judge_and_a_photo_that_is_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text("task: ignav\nepisodes: {a: {image: no.png, goal: [1, 2]}, b: {text: x}}")
    with pytest.raises(WiwError, match="nobody can judge: b"):
        PoseReferee(load_episodes(path), FRAMES, Somewhere())
    with pytest.raises(WiwError, match="photo cannot be read"):
        load_episodes(path).public("a")
    with pytest.raises(WiwError, match=r"frames\.map is"):
        PoseReferee(episodes(tmp_path), {"map": "", "odom": "odom"}, Somewhere())


@pytest.fixture
def person(tmp_path: Path) -> Iterator[tuple[OperatorReferee, Probe]]:
    with own_domain() as domain, Probe(domain, "bridge") as probe:
        link = RobotLink(probe.node)
        profile = parse_profile(
            {
                "name": "r",
                "kind": "base",
                "cameras": {"front": {"image": "image", "info": "info"}},
                "referee": {
                    "kind": "operator",
                    "episodes": "episodes.yaml",
                    "person_s": 0.4,
                    "verdict_s": 0.4,
                },
            }
        )
        yield OperatorReferee(link, profile, episodes(tmp_path)), probe
        link.close()


def ready(probe: Probe) -> bool:
    return bool(probe.call(Trigger, "/bridge/referee/ready", Trigger.Request()).success)


def verdict(probe: Probe, data: bool) -> bool:
    return bool(probe.call(SetBool, "/bridge/referee/verdict", SetBool.Request(data=data)).success)


def begun(referee: OperatorReferee, probe: Probe) -> None:
    """Begin an episode; the person says that the robot is placed as soon as somebody waits."""

    def place() -> None:
        while not ready(probe):
            threading.Event().wait(0.02)

    referee._settings = parse_profile(  # a slow machine must not run out of a person's time
        {
            "name": "r",
            "kind": "base",
            "cameras": {"front": {"image": "image", "info": "info"}},
            "referee": {"kind": "operator", "episodes": "x", "verdict_s": 0.4},
        }
    ).referee
    thread = threading.Thread(target=place)
    thread.start()
    referee.begin("ignav", "b", nothing)
    thread.join(10.0)


def test_a_person_places_and_judges(person: Any) -> None:
    referee, probe = person
    begun(referee, probe)
    assert not referee.decided()
    assert verdict(probe, True) and referee.decided()
    assert referee.finish(DONE, WENT).status is EpisodeStatus.SUCCESS
    begun(referee, probe)
    assert verdict(probe, False) and not referee.decided()
    assert referee.finish(DONE, WENT).status is EpisodeStatus.FAILURE


def test_nobody_to_place_it_and_nobodys_verdict_are_said_and_never_guessed(person: Any) -> None:
    referee, probe = person
    assert not ready(probe) and not verdict(probe, True)  # nothing waits, nothing is open
    assert code_of(lambda: referee.begin("ignav", "b", nothing)) == "NOT_APPROVED"
    begun(referee, probe)
    result = referee.finish(DONE, WENT)
    assert (result.status, result.code) == (EpisodeStatus.ABORTED_FAULT, ErrorCode.NOT_APPROVED)


def test_waiting_for_a_person_ends_when_the_robot_is_told_to_hold(person: Any) -> None:
    def held() -> None:
        raise WiwError(ErrorCode.CANCELLED, "held")

    assert code_of(lambda: person[0].begin("ignav", "b", held)) == "CANCELLED"
