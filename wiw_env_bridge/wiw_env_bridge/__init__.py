"""The environment node of WIW: simulators, robots and the oracle."""
