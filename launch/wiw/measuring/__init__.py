"""``wiw measure``: the models and data of a measurement, and the page about it."""
