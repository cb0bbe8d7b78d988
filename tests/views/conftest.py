"""The engines that views run on, and the sources that they run over."""

from __future__ import annotations

from tests.engines.conftest import postgres

__all__ = ["postgres"]
