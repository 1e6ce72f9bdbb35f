"""What is asked of a robot, with the numbers of the paper's protocol.

A task is a frozen dataclass that meets :class:`wiw_core.contracts.Task`. To add one: write it in a
module of its own, every number a named constant with its source; register the class under the
``wiw.tasks`` entry-point group; give an environment episodes for it. Being fields, the numbers can
be overridden, as in ``Registry(TASKS).create("ar", budget=5)``.
"""
