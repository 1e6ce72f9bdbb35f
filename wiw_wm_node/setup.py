from setuptools import find_packages, setup

setup(
    name="wiw_wm_node",
    version="0.1.0",
    description="The world-model node of WIW: rollouts of plans, streamed.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"wiw_wm_node": ["**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/wiw_wm_node"]),
        ("share/wiw_wm_node", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "wm_node = wiw_wm_node.node:main",
        ],
        "wiw.world_models": [
            "arm = wiw_wm_node.arm.model:ArmModel",
            "copy = wiw_wm_node.copy:CopyModel",
            "rotate = wiw_wm_node.rotate:RotateModel",
            "direct = wiw_wm_node.direct.model:DirectModel",
            "warp = wiw_wm_node.warp.model:WarpModel",
        ],
        "wiw.recipes": [
            "arm = wiw_wm_node.arm.recipe:ArmRecipe",
            "depth = wiw_wm_node.depth.recipe:DepthRecipe",
            "direct = wiw_wm_node.direct.recipe:DirectRecipe",
            "warp = wiw_wm_node.warp.inpaint.recipe:InpainterRecipe",
        ],
    },
)
