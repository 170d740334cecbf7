"""`from azureml.core.webservice import LocalWebservice`: names are loaded when asked for."""

from ..._aml_emu.lazy import lazily

_WHERE = {
    "AciWebservice": ".aci",
    "LocalWebservice": ".local",
    "Webservice": ".webservice",
}
_CLUSTER = (
    "deploy with a LocalWebservice configuration, or write a v2 deployment for `aml-emu deploy`"
)
_ADVICE = {"AksEndpoint": _CLUSTER, "AksWebservice": _CLUSTER}

__getattr__ = lazily(__name__, _WHERE, _ADVICE)


def __dir__() -> "list[str]":
    return sorted(_WHERE)
