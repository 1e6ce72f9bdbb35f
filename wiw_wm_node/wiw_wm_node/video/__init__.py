"""Video models: one engine around which every pipeline of diffusers is one small adapter.

``adapter.Family`` is what a pipeline must say, ``model.VideoModel`` the world model that runs it.
"""
