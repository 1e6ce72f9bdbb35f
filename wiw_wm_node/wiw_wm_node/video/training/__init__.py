"""Post-training of video models on what the robot saw: samples, losses, families, recipes."""
