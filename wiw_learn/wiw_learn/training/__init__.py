"""Training: a config in, weights and a card out."""
