"""The old home of `ComputeTargetException`."""

from ..exceptions import ComputeTargetException
from .compute import AmlCompute, ComputeTarget

__all__ = ["AmlCompute", "ComputeTarget", "ComputeTargetException"]
