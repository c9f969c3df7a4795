"""What the assets of this group share."""

from typing import Final

import dagster as dg

GROUP: Final = "baselines"
REQUIRED: Final = dg.TableColumnConstraints(nullable=False)
