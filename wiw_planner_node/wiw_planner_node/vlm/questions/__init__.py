"""A VLM that answers questions about a home: it explores by landmarks until it has seen enough."""
