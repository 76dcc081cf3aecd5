"""torch's side of ``device.py``: tensors that, as CUDA's, meet none of the host.

torch takes them for tensors of its device ``meta``; those have no values, these compute theirs on
the host.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
ATEN = torch.ops.aten
COPIES = (ATEN._to_copy, ATEN.copy_)
INDEXED = (ATEN.index, ATEN.index_put, ATEN.index_put_, ATEN._index_put_impl_)  # also from the host


class DeviceTensor(torch.Tensor):
    """Has its values in ``host``."""

    host: torch.Tensor

    @staticmethod
    def __new__(cls, host: torch.Tensor) -> "DeviceTensor":
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            host.size(),
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=DEVICE,
        )
        tensor.host = host
        return tensor

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})

    def tolist(self) -> Any:
        return self.host.tolist()


class DeviceMode(TorchDispatchMode):
    """A context in which what is made for the device is there."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})


def compute(function: Any, args: Sequence, kwargs: dict[str, Any]) -> Any:
    """Call an operator of torch with the values of the device's tensors.

    RAISES: RuntimeError if others, but for single numbers, are among them.
    """
    name = function.overloadpacket
    given = tensors_in((args, kwargs))
    on_device = any(isinstance(each, DeviceTensor) for each in given)
    if on_device and name not in COPIES:
        for each in tensors_in(args[:1] if name in INDEXED else (args, kwargs)):
            if each.dim() and not isinstance(each, DeviceTensor):
                raise RuntimeError(f"{function}: a tensor of the host, {tuple(each.shape)}")
    if kwargs.get("device") is not None:
        on_device = torch.device(kwargs["device"]) == DEVICE
        kwargs = {**kwargs, "device": "cpu"}
    found = function(*tree_map(to_host, args), **tree_map(to_host, kwargs))
    same = {id(to_host(each)): each for each in given}  # of operators that work in place

    def to_device(value: Any) -> Any:
        if id(value) in same:
            return same[id(value)]
        return DeviceTensor(value) if on_device and isinstance(value, torch.Tensor) else value

    return tree_map(to_device, found)


def to_host(value: Any) -> Any:
    return value.host if isinstance(value, DeviceTensor) else value


def tensors_in(value: Any) -> list[torch.Tensor]:
    return [each for each in tree_leaves(value) if isinstance(each, torch.Tensor)]
