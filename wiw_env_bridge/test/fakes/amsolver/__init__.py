"""A fake of the fork of RLBench that World-in-World evaluates with."""
