"""What the robot has learned of the floor it moves on: a map, its frontiers, routes and rooms."""
