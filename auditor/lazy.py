"""A property computed once.

`functools.cached_property` takes a lock on each first access until Python 3.12. For objects that live for microseconds and have twenty such
properties that was a sixth of the time to judge them. This one has no lock; the objects are used by one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

__all__ = ["lazy"]

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - used like `property`
    """Computes a value on first access and keeps it in the instance's ``__dict__``, where the next access finds it."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        """The value, for an instance; the descriptor itself, for the class."""
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
