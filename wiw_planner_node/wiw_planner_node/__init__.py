"""The planner node of WIW: propose, simulate, revise, act."""
