"""Shares its name with installed `azureml.*` packages, which keep working beside it."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)

# found by the path above
from ._aml_emu.absent import watch_for
from ._aml_emu.mixing import apart

__path__ = apart(__path__)
watch_for(__name__)
