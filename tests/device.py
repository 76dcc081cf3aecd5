"""A device without a GPU: arrays that, as CuPy's, meet no others and become no others by the way,
and tensors of the same kind.

The host computes. What code has to do on a GPU, to move arrays and tensors where they are needed,
it has to do here.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import thinc.backends
import thinc.util
import torch
from device_tensor import DEVICE, DeviceMode, DeviceTensor
from numpy.lib.mixins import NDArrayOperatorsMixin
from thinc.api import Ops, get_current_ops, set_current_ops
from torch.utils import dlpack

FROM_DLPACK = dlpack.from_dlpack
ON_HOST = ("shape", "dtype", "size", "ndim", "flags", "tolist")


class DeviceArray(NDArrayOperatorsMixin):
    """Has what ``cupy.ndarray`` has, and refuses the same."""

    def __init__(self, host: np.ndarray) -> None:
        self.host = host

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        into = {"out": to_host(out)} if out else {}
        result = getattr(ufunc, method)(*to_host(inputs), **into, **to_host(kwargs))
        return out[0] if out else to_device(result)

    def __array_function__(self, function, types, args, kwargs):
        return on_device(function)(*args, **kwargs)

    def __getitem__(self, key):
        return to_device(self.host[to_index(key)])

    def __setitem__(self, key, value):
        self.host[to_host(key)] = to_host(value)

    def __len__(self):
        return len(self.host)

    def __float__(self):
        return float(self.host)

    def __int__(self):
        return int(self.host)

    __index__ = __int__

    def __bool__(self):
        return bool(self.host)

    def __deepcopy__(self, memo):
        return DeviceArray(self.host.copy())

    def __getattr__(self, name):
        if name == "host" or name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.host, name)
        if name in ON_HOST:
            return found
        return on_device(found) if callable(found) else to_device(found)

    def get(self) -> np.ndarray:
        return self.host.copy()

    def toDlpack(self) -> Any:  # noqa: N802
        return self


def to_host(value: Any) -> Any:
    if isinstance(value, DeviceArray):
        return value.host
    if isinstance(value, np.ndarray):
        raise TypeError(f"An array of the host, {value.shape}, among arrays of the device")
    if isinstance(value, dict):
        return {key: to_host(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(to_host, value))
    return value


def to_index(key: Any) -> Any:
    """May be of the host, as with CuPy."""
    return tuple(map(to_index, key)) if isinstance(key, tuple) else getattr(key, "host", key)


def to_device(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return DeviceArray(np.asarray(value))
    return [*map(to_device, value)] if isinstance(value, list | tuple) else value


def on_device(function: Callable) -> Callable:
    return lambda *args, **kwargs: to_device(function(*to_host(args), **to_host(kwargs)))


class Device(ModuleType):
    """Stands for the module ``cupy``."""

    ndarray = DeviceArray

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        return on_device(found) if callable(found) and not isinstance(found, type) else found

    def array(self, data: Any, dtype: Any = None) -> DeviceArray:
        return DeviceArray(np.array(getattr(data, "host", data), dtype=dtype))

    def asarray(self, data: Any, dtype: Any = None) -> DeviceArray:
        return DeviceArray(np.asarray(getattr(data, "host", data), dtype=dtype))

    def save(self, file: Any, data: Any) -> None:
        np.save(file, getattr(data, "host", data))

    def split(self, array: DeviceArray, at: np.ndarray) -> list[DeviceArray]:
        return to_device(np.split(array.host, at))  # CuPy, too, wants the places on the host


class DeviceOps(Ops):
    """Stands for ``thinc.api.CupyOps``."""

    name = "device"
    xp: Any = Device("device")

    def __init__(self) -> None:
        super().__init__("gpu", 0)

    def to_numpy(self, data, *, byte_order=None):
        host = data if isinstance(data, np.ndarray) else data.get()
        return host.astype(host.dtype.newbyteorder(byte_order)) if byte_order else host

    def asarray(self, data, dtype=None):
        return self.xp.asarray(data, dtype)

    def scatter_add(self, table, indices, values):
        np.add.at(table.host, to_index(indices), to_host(values))


def torch_device() -> torch.device:
    return DEVICE if isinstance(get_current_ops(), DeviceOps) else torch.device("cpu")


def tensor_of(array: Any) -> torch.Tensor:
    on_host = not isinstance(array, DeviceArray)
    return FROM_DLPACK(array) if on_host else DeviceTensor(torch.from_numpy(array.host))


@contextmanager
def current_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeviceOps]:
    """What is made in the context is made on the device."""
    modules = [*sys.modules.values()]
    stand_ins = {
        "get_torch_default_device": torch_device,
        "_get_fused_kernels_supported_devices": lambda: ["cpu", DEVICE.type],
    }
    for name, stand_in in stand_ins.items():
        for module in (each for each in modules if name in vars(each)):
            monkeypatch.setattr(module, name, stand_in)
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # which wrapped tensors do not bear
    monkeypatch.setattr(dlpack, "from_dlpack", tensor_of)
    monkeypatch.setattr(dlpack, "to_dlpack", lambda tensor: tensor.host.numpy())
    monkeypatch.setattr(thinc.util, "cupy_from_dlpack", to_device)
    monkeypatch.setattr(thinc.util, "is_torch_cuda_array", lambda x: isinstance(x, DeviceTensor))
    monkeypatch.setattr(thinc.util, "has_cupy", True)
    monkeypatch.setattr(thinc.util, "cupy", DeviceOps.xp)
    monkeypatch.setattr(thinc.backends, "CupyOps", DeviceOps)
    before, ops = get_current_ops(), DeviceOps()
    set_current_ops(ops)
    try:
        with DeviceMode():
            yield ops
    finally:
        set_current_ops(before)
