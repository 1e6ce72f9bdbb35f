"""Revisers: which imagined future to take, and when to answer."""
