"""Policies that others serve: their wire, and the proposers that ask them."""
