"""Series of made-up samples for a real Prometheus: what exporters would have said, and how it gets into the database.

    steady("DCGM_FI_DEV_GPU_UTIL", {"UUID": "GPU-1"}, 0, start, end)
    steps("up", {"job": "dcgm"}, [(start, 1), (start + HOUR, None), (start + 2 * HOUR, 1)], end)   # None: no samples
    Series("odd", {}, [(start, 1.0), (start + 7, float("nan"))], ends=(start + 8,))

Text in OpenMetrics (https://github.com/prometheus/OpenMetrics) becomes blocks with ``promtool``. It cannot express the marker that a
scrape leaves behind where a series ends (https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness), because that is a NaN
with bits of its own: those go through the remote-write API.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from pathlib import Path

Time = float | datetime
Value = float | Callable[[float], float]  # a number, or what is called with the time of each sample


@dataclass(frozen=True, slots=True)
class Series:
    """One series.

    Attributes:
        name: Of the metric.
        labels: Without the name; those with an empty value are left out, as everywhere in Prometheus.
        samples: Seconds since 1970 and value, in the order of time. Gone through once for each file that is written.
        ends: Times of staleness markers: from there to the next sample, queries see nothing. Without one they see a last sample for
            five minutes more.
    """

    name: str
    labels: Mapping[str, str]
    samples: Iterable[tuple[float, float]]
    ends: Sequence[float] = field(default=())


@dataclass(frozen=True, slots=True)
class _Grid:
    """Samples at regular times: made when they are asked for, because a month of a thousand devices does not fit into memory."""

    pieces: tuple[tuple[float, float, Value | None], ...]
    every: float
    offset: float

    def __iter__(self) -> Iterator[tuple[float, float]]:
        for begin, end, value in self.pieces:
            if value is None:
                continue
            for number in range(math.ceil((begin - self.offset) / self.every), math.ceil((end - self.offset) / self.every)):
                at = number * self.every + self.offset
                yield at, value(at) if callable(value) else value


def steady(name: str, labels: Mapping[str, str], value: Value, start: Time, end: Time, *, every: float = 30, offset: float = 0) -> Series:
    """A series that holds one value from ``start`` up to, and without, ``end``."""
    return steps(name, labels, [(start, value)], end, every=every, offset=offset)


def steps(
    name: str,
    labels: Mapping[str, str],
    values: Sequence[tuple[Time, Value | None]],
    end: Time,
    *,
    every: float = 30,
    offset: float = 0,
    stale: bool = False,
) -> Series:
    """A series that changes.

    Args:
        name: Of the metric.
        labels: Without the name.
        values: From when on which value. None: no samples. NaN and infinities are values. A callable gives a value for each time, such
            as a counter's.
        end: When the last value ends: no sample is as late as this.
        every: The seconds between scrapes. They happen at multiples of it, whenever a series starts.
        offset: Scrapes happen so many seconds later than that.
        stale: Where samples end, a staleness marker stands at the next scrape, as it does for a pod that is gone. Otherwise they just end,
            as they do where the exporter's own timestamps are kept or Prometheus itself is down.
    """
    times = [*(_seconds(at) for at, _ in values), _seconds(end)]
    pieces = tuple((begin, stop, value) for (begin, stop), (_, value) in zip(pairwise(times), values, strict=True))
    after = [value for _, _, value in pieces[1:]] + [None]
    gone = [stop for (_, stop, value), following in zip(pieces, after, strict=True) if value is not None and following is None]
    ends = tuple(math.ceil((stop - offset) / every) * every + offset for stop in gone) if stale else ()
    return Series(name, labels, _Grid(pieces, every, offset), ends)


def _seconds(at: Time) -> float:
    return at.timestamp() if isinstance(at, datetime) else float(at)


def write_openmetrics(series: Iterable[Series], file: Path) -> int:
    """Write the samples as text, each metric's together, and return how many there are.

    Raises:
        ValueError: Samples of a series are not in the order of time: promtool would leave them out without a word.
    """
    count = 0
    with file.open("w", encoding="utf-8") as text:
        for name, group in groupby(sorted(series, key=lambda each: each.name), key=lambda each: each.name):
            text.write(f"# TYPE {name} unknown\n")
            for each in group:
                head, last = _head(each), -math.inf
                for at, value in each.samples:
                    if at <= last:
                        raise ValueError(f"{head}: the sample at {at} follows the one at {last}")
                    text.write(f"{head} {_number(value)} {at:.3f}\n")
                    count, last = count + 1, at
        text.write("# EOF\n")
    return count


def _head(series: Series) -> str:
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for value in series.labels.values())
    pairs = ",".join(f'{name}="{value}"' for name, value in zip(series.labels, escaped, strict=True))
    return f"{series.name}{{{pairs}}}"


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


# -- staleness markers ----------------------------------------------------------------------------------------------------------------

_STALE = struct.pack("<Q", 0x7FF0000000000002)  # a NaN (https://pkg.go.dev/github.com/prometheus/prometheus/model/value#StaleNaN)


def remote_write(series: Iterable[Series]) -> bytes:
    """The body of a remote-write request with the staleness markers of the series; empty where there are none.

    It is a message of Protocol Buffers, in a block of Snappy that compresses nothing
    (https://prometheus.io/docs/specs/prw/remote_write_spec/, https://github.com/google/snappy/blob/main/format_description.txt).
    """
    message = b"".join(_field(1, _markers(each)) for each in series if each.ends)
    parts = [message[at : at + 60] for at in range(0, len(message), 60)]
    return _varint(len(message)) + b"".join(bytes([(len(part) - 1) << 2]) + part for part in parts) if message else b""


def _markers(series: Series) -> bytes:
    labels = {"__name__": series.name} | {name: value for name, value in series.labels.items() if value}
    pairs = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(labels.items()))
    samples = (b"\x09" + _STALE + b"\x10" + _varint(round(at * 1000)) for at in series.ends)
    return b"".join(_field(1, pair) for pair in pairs) + b"".join(_field(2, sample) for sample in samples)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
