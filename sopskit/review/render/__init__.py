"""Renderers: each draws the finished, redacted model, and escapes what came out of the repository."""
