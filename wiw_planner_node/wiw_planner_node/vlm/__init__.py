"""Policies that ask a vision-language model behind any OpenAI-compatible endpoint."""
