"""What a Prometheus, or a server that speaks like one, knows about devices: Thanos, Mimir, VictoriaMetrics, a vendor's service.

Nothing but instant queries is asked of it (``/api/v1/query``), since that is what all of them serve.
"""

from __future__ import annotations

from auditor.source.prometheus.answers import Sample, TooMuchData
from auditor.source.prometheus.collect import collect
from auditor.source.prometheus.connection import Access, access
from auditor.source.prometheus.server import Server, Statistics
from auditor.source.prometheus.span import Span

__all__ = ["Access", "Sample", "Server", "Span", "Statistics", "TooMuchData", "access", "collect"]
