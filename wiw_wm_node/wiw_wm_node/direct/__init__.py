"""The direct world model: a network from panorama and motion to panorama, without geometry."""
