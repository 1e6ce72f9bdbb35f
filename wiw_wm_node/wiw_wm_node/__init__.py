"""The world-model node of WIW: rollouts of plans, streamed."""
