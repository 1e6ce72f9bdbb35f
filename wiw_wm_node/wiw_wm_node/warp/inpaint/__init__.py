"""A small trained network that fills a warped frame's holes and says how far to trust the frame."""
