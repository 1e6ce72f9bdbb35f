"""An arm: from tool poses to joint trajectories, through the robot's own controllers."""
