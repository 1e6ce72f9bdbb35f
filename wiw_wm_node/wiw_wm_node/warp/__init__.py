"""The depth-warp world model: remember RGB-D views, move them along the path, fill the holes."""
