"""What is drawn on the table's picture for a VLM."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planner_arm_tables import button, table_view

from wiw_core.errors import ErrorCode, WiwError
from wiw_core.observation import Projection, Rgb
from wiw_planner_node.perception.tabletop.camera import TableCamera
from wiw_planner_node.vlm.arm import marks
from wiw_planner_node.vlm.arm.marks import marked

PLACES = [np.array([0.2, -0.2, 0.776]), np.array([0.1, 0.15, 0.776])]
VIEW = table_view([part for x, y, _ in PLACES for part in button(x, y, "red")], 250)


def changed(places: list[np.ndarray]) -> np.ndarray:
    """Where the marks of these places differ from a picture with the axes alone."""
    return np.asarray((marked(VIEW, places) != marked(VIEW, [])).any(-1))


def test_each_object_has_its_dot_where_the_camera_sees_its_middle() -> None:
    picture = marked(VIEW, PLACES)
    for x, y in np.rint(TableCamera.of(VIEW).pixels(np.array(PLACES))).astype(int):
        assert (picture[y, x] == 255).all()
    rows, columns = np.nonzero(changed(PLACES[:1]))
    x, y = TableCamera.of(VIEW).pixels(PLACES[0])
    assert np.hypot(rows - y, columns - x).max() < 25, "a mark stays beside its object"


def test_objects_are_numbered_in_their_order_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    signs: dict[str, tuple[float, float]] = {}

    def noted(picture: Rgb, text: str, middle: tuple[float, float], *_: Any, **__: Any) -> None:
        signs[text] = middle

    monkeypatch.setattr(marks, "draw_sign", noted)
    marks.marked(VIEW, PLACES)
    assert set(signs) == {"x", "y", "z", "1", "2"}
    for text, place in zip("12", PLACES):
        x, y = TableCamera.of(VIEW).pixels(place)
        assert np.hypot(signs[text][0] - x, signs[text][1] - y) < 20


def test_the_axes_point_where_the_robot_has_its_axes() -> None:
    plain = VIEW.rgb.astype(int)
    drawn = (marked(VIEW, []) != VIEW.rgb).any(-1)
    rows, columns = np.nonzero(drawn)
    assert 0 < len(rows) < 0.05 * drawn.size
    assert rows.min() > 125 and columns.max() < 125, "they keep to a corner"
    picture = marked(VIEW, []).astype(int) - plain
    green = (picture[..., 1] - picture[..., 0] > 60) & drawn
    red = (picture[..., 0] - picture[..., 1] > 60) & drawn
    blue = (picture[..., 2] - picture[..., 0] > 60) & drawn
    assert np.nonzero(green)[1].mean() > np.nonzero(blue)[1].mean(), "+y is to the right"
    assert np.nonzero(red)[0].mean() > np.nonzero(green)[0].mean(), "+x comes nearer"
    assert np.nonzero(blue)[0].mean() < np.nonzero(green)[0].mean(), "+z is up"


def test_what_is_behind_the_camera_gets_no_dot() -> None:
    assert not changed([np.array([2.5, 0.0, 1.55])]).any()


def test_the_picture_that_the_robot_keeps_is_not_drawn_on() -> None:
    before = VIEW.rgb.copy()
    marked(VIEW, PLACES)
    assert np.array_equal(VIEW.rgb, before)


def test_a_panorama_is_refused() -> None:
    with pytest.raises(WiwError) as caught:
        marked(replace(VIEW, projection=Projection.EQUIRECTANGULAR), PLACES)
    assert caught.value.code is ErrorCode.BAD_IMAGE
