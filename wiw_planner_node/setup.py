from setuptools import find_packages, setup

setup(
    name="wiw_planner_node",
    version="0.1.0",
    description="The planner node of WIW: propose, simulate, revise, act.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"wiw_planner_node": ["**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/wiw_planner_node"]),
        ("share/wiw_planner_node", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "planner_node = wiw_planner_node.node:main",
        ],
        "wiw.proposers": [
            "arm = wiw_planner_node.proposers.arm:ArmProposer",
            "around = wiw_planner_node.proposers.around:AroundProposer",
            "cem = wiw_planner_node.proposers.cem:CemProposer",
            "cem_arm = wiw_planner_node.proposers.cem_arm:CemArmProposer",
            "explore = wiw_planner_node.proposers.explore:ExploreProposer",
            "heuristic = wiw_planner_node.proposers.heuristic:HeuristicProposer",
            "openpi = wiw_planner_node.clients.openpi:OpenPiProposer",
            "trajectory = wiw_planner_node.clients.trajectory:TrajectoryProposer",
            "vlm = wiw_planner_node.vlm.policies:VlmProposer",
        ],
        "wiw.recipes": [
            "goal_distance = wiw_planner_node.perception.goal_distance.recipe:GoalDistanceRecipe",
        ],
        "wiw.revisers": [
            "arm = wiw_planner_node.revisers.arm:ArmReviser",
            "answer = wiw_planner_node.revisers.answer:AnswerReviser",
            "perceptual = wiw_planner_node.revisers.perceptual:PerceptualReviser",
            "place = wiw_planner_node.revisers.place:PlaceReviser",
            "recognise = wiw_planner_node.revisers.recognise:RecogniseReviser",
            "vlm = wiw_planner_node.vlm.policies:VlmReviser",
        ],
    },
)
