"""mlaudit: a policy and cost audit for machine-learning workloads on Kubernetes.

The import package is called ``auditor``. In a clone the rules and the output formats live in the top-level folders ``rules/`` and
``reports/``; in the wheel they live inside this package. The path extension below makes both layouts import the same way, as
``auditor.rules`` and ``auditor.reports``, so that an installation puts exactly one package into site-packages.
"""

import os.path

__version__ = "0.1.0"

_here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - pathlib is a seventh of the time of `mlaudit --version`
if not os.path.isdir(os.path.join(_here, "rules")):  # noqa: PTH112, PTH118
    __path__.append(os.path.dirname(_here))  # noqa: PTH120
