"""WIW core: the closed loop of World-in-World, its contracts and its numbers, without ROS or torch."""
