"""Pipelines of the v1 SDK; they run on this machine, which Azure's never could."""
