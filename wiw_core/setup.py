from setuptools import find_packages, setup

setup(
    name="wiw_core",
    version="0.1.0",
    description="The closed loop of World-in-World, its contracts and its numbers, without ROS.",
    license="Apache-2.0",
    packages=find_packages(exclude=["test"]),
    package_data={"wiw_core": ["**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/wiw_core"]),
        ("share/wiw_core", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "wiw.judges": [
            "llm = wiw_core.judging.llm:LlmJudge",
            "matcher = wiw_core.judging.matcher:Matcher",
        ],
        "wiw.tasks": [
            "aeqa = wiw_core.tasks.aeqa:ActiveQuestionAnswering",
            "ar = wiw_core.tasks.ar:ActiveRecognition",
            "ar_unboxed = wiw_core.tasks.ar:UnboxedRecognition",
            "ignav = wiw_core.tasks.ignav:ImageGoalNavigation",
            "ignav_self_stop = wiw_core.tasks.ignav:SelfStopNavigation",
            "insert_onto_square_peg = wiw_core.tasks.manipulation:SquarePeg",
            "push_buttons = wiw_core.tasks.manipulation:PushButtons",
            "slide_block_to_color_target = wiw_core.tasks.manipulation:SlideBlock",
            "stack_cups = wiw_core.tasks.manipulation:StackCups",
        ],
        "wiw.environments": [
            "fake = wiw_core.fakes.environment:FakeEnvironment",
        ],
        "wiw.world_models": [
            "fake = wiw_core.fakes.world_model:FakeWorldModel",
        ],
        "wiw.proposers": [
            "fake = wiw_core.fakes.policy:FakeProposer",
        ],
        "wiw.revisers": [
            "fake = wiw_core.fakes.policy:FakeReviser",
        ],
    },
)
