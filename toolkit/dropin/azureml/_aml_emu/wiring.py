"""The arguments, inputs and outputs of one job or step, as the emulator is told them."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import copy
from typing import Any, Dict, Iterable, List, Sequence

from ..exceptions import UserErrorException


class FromOutput:
    """The output of a step as another step's input. `source` knows its `_producer`."""

    def __init__(self, source: Any, output: str, name: str, mode: str) -> None:
        self.source = source
        self.output = output
        self.name = name
        self.mode = mode

    def as_mount(self, *_args: Any, **_kwargs: Any) -> FromOutput:
        return FromOutput(self.source, self.output, self.name, "mount")

    def as_download(self, *_args: Any, **_kwargs: Any) -> FromOutput:
        return FromOutput(self.source, self.output, self.name, "download")

    def as_direct(self) -> FromOutput:
        return self

    def as_named_input(self, name: str) -> FromOutput:
        return FromOutput(self.source, self.output, name, self.mode)

    as_input = as_named_input

    def _token(self) -> str:
        return "$AZUREML_DATAREFERENCE_" + self.name

    def _is_output(self) -> bool:
        return False

    def _wire(self) -> Dict[str, Any]:
        return {"name": self.name, "source": self, "mode": self.mode}


class Wiring:
    """Collected from what a script gave; objects in it become tokens that are paths later."""

    def __init__(self) -> None:
        self.arguments: List[Any] = []
        self.inputs: Dict[str, Dict[str, Any]] = {}
        self.outputs: Dict[str, Dict[str, Any]] = {}
        self.parameters: Dict[str, Any] = {}
        self.written: List[Any] = []
        self._read: Dict[int, FromOutput] = {}

    def add_inputs(self, values: Iterable[Any]) -> None:
        for value in values:
            port = self._port(value)
            if hasattr(port, "_as_read"):
                read = port._as_read()
                self._read[id(value)] = read
                port = read
            if port is None:
                raise UserErrorException(f"not an input: {value!r}")
            self._wire(port)

    def add_outputs(self, values: Iterable[Any]) -> None:
        for value in values:
            if not hasattr(value, "_wire") or not value._is_output():
                raise UserErrorException(f"not an output: {value!r}")
            self._wire(value)

    def add_arguments(self, values: Sequence[Any]) -> None:
        """After inputs: a PipelineData that is among those is read, else it is written."""
        for value in values:
            port = self._read.get(id(value)) or self._port(value)
            if port is not None:
                self._wire(port)
                self.arguments.append(port._token())
            elif hasattr(value, "default_value"):
                self.add_parameter(value)
                self.arguments.append({"parameter": value.name})
            else:
                self.arguments.append(str(value))

    def add_parameter(self, parameter: Any) -> None:
        default = parameter.default_value
        is_data = hasattr(default, "_reference")
        self.parameters[parameter.name] = default._reference() if is_data else default

    def _port(self, value: Any) -> Any:
        """Something that wires itself; a dataset that was given no name gets one."""
        if hasattr(value, "_wire"):
            return value
        if hasattr(value, "as_named_input"):
            return value.as_named_input(f"input_{len(self.inputs)}")
        if isinstance(value, tuple) and hasattr(value[0], "create_data_reference"):
            return value[0].create_data_reference(None, value[1])  # a DataPath and its binding
        return None

    def _wire(self, port: Any) -> None:
        found = port._wire()
        dataset = getattr(port, "dataset", None)
        if hasattr(dataset, "default_value"):
            self.add_parameter(dataset)
        if port._is_output():
            self.outputs[found["name"]] = found
            self.written.append(port)
        else:
            self.inputs[found["name"]] = found

    def as_json(self) -> Dict[str, Any]:
        """Of a job on its own, which reads from no step."""
        for found in self.inputs.values():
            if "source" in found:
                raise UserErrorException(
                    f"`{found['name']}` is written by a step: only other steps can read it"
                )
        return copy.copy(
            {"arguments": self.arguments, "inputs": self.inputs, "outputs": self.outputs}
        )
