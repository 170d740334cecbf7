"""What flows in a pipeline beside data: parameters; and bindings of ports."""

from __future__ import annotations

from typing import Any, Optional

from ...exceptions import UserErrorException
from .pipeline_data import PipelineData

_TYPES = (str, int, float, bool)


class PipelineParameter:
    """A value that is chosen when the pipeline is submitted."""

    def __init__(self, name: str, default_value: Any) -> None:
        is_data = hasattr(default_value, "_reference")
        if not isinstance(default_value, _TYPES) and not is_data:
            raise UserErrorException(
                f"the default of a PipelineParameter is text, a number, a truth value, a DataPath "
                f"or a dataset: {default_value!r}"
            )
        self.name = name
        self.default_value = default_value

    def create_data_reference(self, data_reference_name: Optional[str], binding: Any) -> Any:
        """A DataPath's; the value of a parameter of another kind has none."""
        if not hasattr(self.default_value, "create_data_reference"):
            raise UserErrorException(f"PipelineParameter {self.name} is no DataPath")
        return self.default_value.create_data_reference(data_reference_name or self.name, binding)

    def __str__(self) -> str:
        return f"PipelineParameter_Name:{self.name}_Default:{self.default_value}"


class InputPortBinding:
    """Data under the name that the step knows it by."""

    def __new__(
        cls,
        name: str,
        bind_object: Any = None,
        bind_mode: str = "mount",
        *_args: Any,
        **_kwargs: Any,
    ) -> Any:
        if isinstance(bind_object, PipelineData):
            return bind_object.as_input(name)
        if hasattr(bind_object, "as_named_input"):
            return bind_object.as_named_input(name)
        raise UserErrorException(f"not data that can be bound to `{name}`: {bind_object!r}")


class OutputPortBinding(PipelineData):
    """An output by its name."""

    def __init__(self, name: str, datastore: Any = None, *_args: Any, **_kwargs: Any) -> None:
        super().__init__(name, datastore)
