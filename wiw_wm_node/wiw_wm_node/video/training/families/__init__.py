"""How each family of pipelines is trained: what it is given, and what it is to say."""
