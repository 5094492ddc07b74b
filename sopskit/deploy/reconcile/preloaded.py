"""What the forkserver loads once, so that a child has it from the start: forking costs milliseconds, importing a second."""

from __future__ import annotations

import sopskit.cluster.client
import sopskit.deploy.helm
import sopskit.deploy.provider
import sopskit.deploy.reconcile.round
import sopskit.keysources.mounted  # noqa: F401
from sopskit.deploy.reconcile.forked import adopt_orphans

adopt_orphans()
