"""Polls: pages with questions, a vote for one of their choices, and the results."""

from .main import make_app
from .settings import Settings

__all__ = ["Settings", "make_app"]
