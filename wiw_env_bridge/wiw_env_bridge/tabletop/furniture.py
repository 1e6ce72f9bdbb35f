"""What stands still around the arm: room, table, lights."""

from __future__ import annotations

from wiw_env_bridge.tabletop.panda import TABLE_TOP_M

TABLE_MIDDLE = (0.15, 0.0)
TABLE_HALF = (0.55, 0.75)
"""Middle and half sizes of the table top, x and y in metres."""
ROOM_X, ROOM_Y, CEILING_M = (-1.5, 2.5), (-2.0, 2.0), 2.6
"""A closed room: every ray of every camera ends somewhere, so depth is known everywhere."""

WORLD_HEAD = """<statistic extent="2" center="0.2 0 0.8"/>
<visual><quality numslices="16" numstacks="10" numquads="1" shadowsize="0" offsamples="0"/>
<headlight ambient=".42 .42 .42" diffuse=".22 .22 .22" specular="0 0 0"/></visual>
<asset><texture name="wood" type="2d" builtin="checker" rgb1=".60 .50 .40" rgb2=".58 .48 .38"
 width="128" height="128"/><material name="wood" texture="wood" texrepeat="8 12" specular=".1"/>
<texture name="tiles" type="2d" builtin="checker" rgb1=".55 .55 .57" rgb2=".5 .5 .52" width="64"
 height="64"/><material name="tiles" texture="tiles" texrepeat="12 12"/></asset>"""
"""Textures and lights; coarse solids and no shadows, which are slow without a GPU."""


def world_mjcf() -> str:
    """Return room, table and lights for a worldbody whose z = 0 is the floor."""
    (x, y), (half_x, half_y), top = TABLE_MIDDLE, TABLE_HALF, TABLE_TOP_M
    legs = "".join(
        f'<geom type="box" size=".03 .03 {(top - 0.04) / 2}" contype="0" conaffinity="0"'
        f' pos="{x + sx * (half_x - 0.06)} {y + sy * (half_y - 0.06)} {(top - 0.04) / 2}"'
        ' rgba=".3 .3 .3 1"/>'
        for sx in (-1, 1)
        for sy in (-1, 1)
    )
    (x0, x1), (y0, y1), ceiling = ROOM_X, ROOM_Y, CEILING_M
    middle_x, middle_y, half_z = (x0 + x1) / 2, (y0 + y1) / 2, ceiling / 2
    walls = "".join(
        f'<geom type="box" size="{sx} {sy} {sz}" pos="{px} {py} {pz}" rgba="{colour} 1"'
        ' contype="0" conaffinity="0"/>'
        for px, py, pz, sx, sy, sz, colour in (
            (x0, middle_y, half_z, 0.02, (y1 - y0) / 2, half_z, ".80 .82 .84"),
            (x1, middle_y, half_z, 0.02, (y1 - y0) / 2, half_z, ".80 .82 .84"),
            (middle_x, y0, half_z, (x1 - x0) / 2, 0.02, half_z, ".74 .77 .80"),
            (middle_x, y1, half_z, (x1 - x0) / 2, 0.02, half_z, ".74 .77 .80"),
            (middle_x, middle_y, ceiling, (x1 - x0) / 2, (y1 - y0) / 2, 0.02, ".9 .9 .9"),
        )
    )
    return (
        '<light pos="1.5 -.5 3" dir="-.5 .2 -1" type="directional" diffuse=".45 .45 .43"'
        ' castshadow="false"/><light pos="0 1 3" dir="0 -.4 -1" type="directional"'
        ' diffuse=".25 .25 .27" castshadow="false"/>'
        '<geom name="floor" type="plane" size="4 4 .1" material="tiles"/>'
        f'<geom name="table" type="box" size="{half_x} {half_y} .02" pos="{x} {y} {top - 0.02}"'
        f' material="wood"/>{legs}{walls}'
    )
