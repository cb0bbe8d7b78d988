"""Serve one node: ``python -m passerelle.node node.toml``.

``passerelle node serve`` becomes this. A node lives for months, and needs nothing of what makes a command line pleasant:
without it, it starts in half the time and is a tenth smaller.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(path: Path) -> None:
    """Serve until a termination signal; what an operator can mend is one line and exit code 1."""
    # A log of JSON lines draws no tracebacks: structlog takes what draws them only where it is.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]

    from passerelle.node.config import ConfigurationError, load
    from passerelle.node.keys import KeyFileError
    from passerelle.node.serve import serve
    from passerelle.store.errors import StoreError

    try:
        serve(load(path))
    except (ConfigurationError, KeyFileError, StoreError) as fault:
        print(f"passerelle: {fault}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "node.toml"))
