"""`torch.linalg.qr`, PyTorch's parametrisations, and geotorch's."""

import os

import torch

from benchmarks.workers.orthogonal_kernels import kernel_and_upstream, repeated


def job(way, filters, inputs, gradient):
    """With `way` `"qr"`, `"geotorch"` or an `orthogonal_map` of PyTorch's."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    kernel, upstream = map(
        torch.from_numpy, kernel_and_upstream(int(filters), int(inputs))
    )
    weights, made = _of_qr(kernel) if way == "qr" else _of_layer(way, kernel)

    def run():
        if not int(gradient):
            with torch.no_grad():
                return made()
        weights.grad = None
        made().backward(upstream)
        return weights.grad

    told = {}
    if way == "qr":
        told["same"] = {"sum of magnitudes": float(run().abs().sum())}
    return repeated(run, told)


def _of_qr(kernel):
    kernel.requires_grad_()

    def made():
        q, r = torch.linalg.qr(kernel)
        return q * torch.diagonal(r)

    return kernel, made


def _of_layer(way, kernel):
    """The weights that are trained, and a function that makes the matrix."""
    inputs, filters = kernel.shape
    layer = torch.nn.Linear(filters, inputs, bias=False)
    if way == "geotorch":
        import geotorch

        geotorch.orthogonal(layer, "weight")
    else:
        torch.nn.utils.parametrizations.orthogonal(
            layer,
            "weight",
            way,
            # The others have no inverse without it.
            use_trivialization=way != "householder",
        )
    return layer.parametrizations.weight.original, lambda: layer.weight
