"""Fakes of every contract: tiny, deterministic, with a menu of faults; for tests and benchmarks."""
