"""Content-Disposition fields as users read them: what is malformed comes up as a warning."""

from __future__ import annotations

import warnings

from drywire_sansio import content_disposition

__all__ = ["parse_content_disposition"]


def parse_content_disposition(header: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the disposition type in lower case, None for none, and its parameters with their names in lower case.

    What is malformed is left out, with a BadContentDispositionHeader or BadContentDispositionParam warning.
    """
    return content_disposition.parse_content_disposition(header, _warn)


def _warn(warning: Warning) -> None:
    # The peer's text is left out: Python keeps each distinct text that it has warned of.
    malformed = "parameter" if isinstance(warning, content_disposition.BadContentDispositionParam) else "field"
    warnings.warn(type(warning)(f"a malformed Content-Disposition {malformed} is left out"), stacklevel=5)
