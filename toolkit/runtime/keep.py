"""What `init()` made, and whether it can live on in re-executed modules."""

from __future__ import annotations

from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple

MOST_OBJECTS = 20_000

PLAIN = (type(None), bool, int, float, complex, str, bytes, range, slice)


class Made:
    """The globals that `init()` assigned in the user's modules, by file."""

    def __init__(self) -> None:
        self.assigned: Dict[str, Set[str]] = {}
        self.scattered = False
        self.known = False
        self._before: Dict[str, Dict[str, Any]] = {}
        self._members: List[Tuple[Any, Dict[str, Any]]] = []

    def before(self, modules: Dict[str, ModuleType]) -> None:
        # The values themselves are kept, not their ids: a freed object's id may come again.
        self._before = {path: dict(vars(module)) for path, module in modules.items()}
        self._members = [(owner, dict(vars(owner))) for owner in _owners(modules.values())]

    def after(self, modules: Dict[str, ModuleType]) -> None:
        nothing = object()
        self.assigned = {}
        for path, module in modules.items():
            if path not in self._before:
                continue  # imported by init(): importing it again makes the same
            before = self._before[path]
            names = {
                name
                for name, value in vars(module).items()
                if before.get(name, nothing) is not value and not name.startswith("__")
            }
            self.assigned[path] = names
        self.scattered = any(_differ(before, vars(owner)) for owner, before in self._members)
        self.known = True
        self._before, self._members = {}, []


def _owners(modules: Iterable[ModuleType]) -> Iterator[Any]:
    """The user's classes and functions: `init()` may keep its objects in their attributes."""
    for module in modules:
        for value in list(vars(module).values()):
            if getattr(value, "__module__", None) == module.__name__ and isinstance(
                value, (type, FunctionType)
            ):
                yield value


def _differ(before: Dict[str, Any], after: Any) -> bool:
    return set(before) != set(after) or any(before[name] is not after[name] for name in before)


class Entangled(Exception):
    """A kept object holds code of the former modules, so `init()` has to make it anew."""


def instances_of(values: Iterable[Any], module_names: Set[str]) -> List[Any]:
    """The objects among the values, and inside them, whose class is from one of the modules."""
    found: List[Any] = []
    waiting: List[Any] = list(values)
    seen: Set[int] = set()
    while waiting and len(seen) < MOST_OBJECTS:
        value = waiting.pop()
        if isinstance(value, PLAIN) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (type, FunctionType)):
            if value.__module__ in module_names:
                raise Entangled(value.__qualname__)
            continue
        if type(value).__module__ in module_names:
            found.append(value)
        waiting += _inside(value)
    return found


def _inside(value: Any) -> List[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, ModuleType):
        return []
    return list(getattr(value, "__dict__", {}).values())


def adopt(objects: Iterable[Any], now: Dict[str, ModuleType]) -> None:
    """Give objects the classes of the re-executed modules, all of them or none."""
    done: List[Tuple[Any, type]] = []
    try:
        for value in objects:
            cls = type(value)
            successor = _successor(cls, now.get(cls.__module__))
            value.__class__ = successor
            done.append((value, cls))
    except (TypeError, AttributeError, Entangled) as error:
        for value, cls in done:
            value.__class__ = cls
        raise Entangled(str(error)) from error


def _successor(cls: type, module: Optional[ModuleType]) -> type:
    value: Any = module
    for name in cls.__qualname__.split("."):
        value = getattr(value, name, None)
    if not isinstance(value, type):
        raise Entangled(cls.__qualname__)
    return value
