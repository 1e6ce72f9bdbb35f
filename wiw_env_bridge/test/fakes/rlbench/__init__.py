"""A fake of RLBench 1.2's Python interface; the table behind it is ``coppelia_fake``."""
