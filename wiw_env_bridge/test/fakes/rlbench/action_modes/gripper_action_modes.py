"""How the gripper is moved."""


class Discrete:
    """Open above 0.5, else closed."""

    def __init__(
        self, attach_grasped_objects: bool = True, detach_before_open: bool = True
    ) -> None:
        self.attach_grasped_objects = attach_grasped_objects
