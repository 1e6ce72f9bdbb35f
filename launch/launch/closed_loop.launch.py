"""Start the closed loop: environment bridge, world model and planner, and run episodes if asked.

ros2 launch wiw closed_loop.launch.py --show-args
ros2 launch wiw closed_loop.launch.py task:=ar wm:=warp episodes:=3

The graph itself is described in ``wiw.description``, which ``wiw up`` runs as well.
"""


def generate_launch_description():
    from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable

    from launch import LaunchDescription
    from wiw.description import arguments, variables

    declared = [
        DeclareLaunchArgument(
            argument.name,
            default_value=argument.default,
            description=argument.text,
            choices=list(argument.allowed) or None,
        )
        for argument in arguments()
    ]
    variables = [SetEnvironmentVariable(name, value) for name, value in variables().items()]
    return LaunchDescription([*declared, *variables, OpaqueFunction(function=start_nodes)])


def start_nodes(context):
    from launch.actions import Shutdown
    from launch_ros.actions import Node

    from wiw.description import arguments, graph

    values = {a.name: context.launch_configurations[a.name] for a in arguments()}
    files = [values["params_file"]] if values["params_file"] else []
    return [
        Node(
            package=node.package,
            executable=node.executable,
            name=node.name,
            namespace=values["namespace"],
            parameters=[dict(node.parameters), *files],
            arguments=["--ros-args", "--log-level", values["log_level"]],
            output="screen",
            emulate_tty=True,
            respawn=node.respawn,
            respawn_delay=1.0,
            on_exit=Shutdown(reason=f"{node.name} has ended") if node.required else None,
        )
        for node in graph(values)
    ]
