"""What the WIW nodes share: managed node, conversions, parameters, QoS."""
