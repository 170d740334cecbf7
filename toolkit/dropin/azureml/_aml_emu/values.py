"""From what scripts log to JSON: numbers as they are, arrays as lists, the rest as `repr`."""

from __future__ import annotations

from typing import Any, List, Mapping


def plain(value: Any) -> Any:
    """An int, float, str, bool or None. NumPy's and PyTorch's single values are what they hold."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return _without_subclass(value)
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        try:
            return plain_or_repr(value.item())
        except (TypeError, ValueError):
            return repr(value)
    return repr(value)


def plain_or_repr(value: Any) -> Any:
    return _without_subclass(value) if isinstance(value, (bool, int, float, str)) else repr(value)


def listed(values: Any) -> List[Any]:
    """The elements of a list, tuple, array or series."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        values = [values]
    return [plain(value) for value in values]


def columns(table: Mapping[str, Any]) -> Any:
    """A table's columns: lists stay lists, single values stay single."""
    found = {}
    for name, values in table.items():
        is_many = hasattr(values, "__iter__") and not isinstance(values, (str, bytes))
        is_many = is_many and getattr(values, "ndim", 1) > 0
        found[str(name)] = listed(values) if is_many else plain(values)
    return found


def _without_subclass(value: Any) -> Any:
    """numpy.float64 is a float, and JSON would write it as its repr does."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return value if type(value) is kind else kind(value)
    return value
