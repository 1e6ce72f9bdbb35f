"""The arm's world model: what moves is moved by geometry, a small network paints the rest."""
