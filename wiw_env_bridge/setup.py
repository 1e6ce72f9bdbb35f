from setuptools import find_packages, setup

setup(
    name="wiw_env_bridge",
    version="0.1.0",
    description="The environment node of WIW: simulators, robots and the oracle.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"wiw_env_bridge": ["**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/wiw_env_bridge"]),
        ("share/wiw_env_bridge", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "env_bridge = wiw_env_bridge.node:main",
            "simulated_robot = wiw_env_bridge.simulated_robot.node:main",
        ],
        "wiw.samplers": [
            "navigation = wiw_env_bridge.collect.navigation:NavigationSampler",
            "places = wiw_env_bridge.collect.places:PlacesSampler",
            "arm = wiw_env_bridge.collect.arm:ArmSampler",
        ],
        "wiw.environments": [
            "robot = wiw_env_bridge.robot.environment:RobotEnvironment",
            "habitat = wiw_env_bridge.habitat.plugin:HabitatEnvironment",
            "mujoco = wiw_env_bridge.mujoco.environment:MujocoEnvironment",
            "remote = wiw_env_bridge.remote.plugin:remote",
            "rlbench = wiw_env_bridge.rlbench.plugin:RlbenchEnvironment",
            "tabletop = wiw_env_bridge.tabletop.environment:TabletopEnvironment",
        ],
    },
)
