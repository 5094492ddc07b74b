"""sopskit: SOPS files for the engineer, the reviewer and the cluster.

The public names below are loaded on first use, so that `import sopskit` costs nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"
