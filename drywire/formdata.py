"""Forms."""

from drywire_client import FormData as FormData

__all__ = ["FormData"]
