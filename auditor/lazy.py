"""Values worked out when somebody asks: a property, and a mapping.

`functools.cached_property` takes a lock on each first access until Python 3.12. For objects that live for microseconds and have twenty such
properties that was a sixth of the time to judge them. This one has no lock; the objects are used by one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar, overload

__all__ = ["LazyMapping", "lazy"]

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


class LazyMapping(Mapping[str, T]):
    """Works out a value when its key is first asked for, for keys of which few are.

    Args:
        keys: those that may have a value.
        work_out: the value of one; None for one that has none, and so is no key.
    """

    def __init__(self, keys: Collection[str], work_out: Callable[[str], T | None]) -> None:
        self._keys = keys
        self._work_out = work_out
        self._known: dict[str, T | None] = {}

    def __getitem__(self, key: str) -> T:
        """The value of a key.

        Raises:
            KeyError: it has none.
        """
        if key not in self._known:
            if key not in self._keys:
                raise KeyError(key)
            self._known[key] = self._work_out(key)
        value = self._known[key]
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[str]:
        """The keys that have a value; each is worked out."""
        return (key for key in self._keys if key in self)

    def __len__(self) -> int:
        """How many keys have a value."""
        return sum(1 for _ in self)
