"""The scenarios of the fault matrix. Those that are not slow run with the other tests; all run in `make faults`."""

from __future__ import annotations

from tests.support.scenarios.bodies import BODIES
from tests.support.scenarios.disks import THE_POD_S
from tests.support.scenarios.ends import ENDS
from tests.support.scenarios.found_later import FOUND_LATER
from tests.support.scenarios.middle import IN_THE_MIDDLE
from tests.support.scenarios.signals import SIGNALS
from tests.support.scenarios.start import FROM_THE_START, REFUSALS

LATE = {
    "SIGINT in the end, the server slow since then",
    "SIGTERM in the end, the server slow since then",
    "SIGTERM, the server gone in the middle",
    "SIGTERM, the server hangs since the middle",
    # Without a handler in Python, the signal would kill at once; with one, Kubernetes does it after the grace period.
    "SIGTERM in a C call that holds the GIL and never returns",
}
SCENARIOS = [*FROM_THE_START, *REFUSALS, *IN_THE_MIDDLE, *THE_POD_S, *ENDS, *SIGNALS, *BODIES, *FOUND_LATER]

# What the plugin must not change: these end as they do without it. Those in which only the plugin would do something
# after the body are left out.
BARE = [scenario for scenario in [*ENDS, *SIGNALS] if scenario.prepare is None and scenario.name not in LATE]
