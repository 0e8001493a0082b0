"""The tangent kernel by `torch.func`: gradients of each image, multiplied."""

import os

import torch
from torch.func import grad, vmap
from torch.nn import functional as F

from benchmarks.workers.kernel_files import layers, read, told


def job(path, architecture):
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    images, weights = read(path)
    pixels = torch.from_numpy(images / 255).float().permute(0, 3, 1, 2)
    if architecture == "fc":
        pixels = pixels.flatten(1)
    parameters = [
        (_kernel(kernel), torch.from_numpy(bias))
        for kernel, bias in layers(weights)
    ]
    network = NETWORKS[architecture]

    def summed(parameters, image):
        return network(parameters, image[None]).sum()

    gradients = vmap(grad(summed), (None, 0))

    def turn():
        kernel = 0
        for of_layer in gradients(parameters, pixels):
            for each in of_layer:
                rows = each.flatten(1)
                kernel = kernel + rows @ rows.T
        return told(kernel.numpy())

    return turn


def _kernel(kernel):
    kernel = torch.from_numpy(kernel)
    # Convolutions have their filters first here.
    return kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T


def _fc(parameters, x):
    *hidden, last = parameters
    for kernel, bias in hidden:
        x = F.relu(F.linear(x, kernel, bias))
    return F.linear(x, *last)


def _c4gap(parameters, x):
    *hidden, last = parameters
    for kernel, bias in hidden:
        x = F.relu(F.conv2d(x, kernel, bias, padding=1))
    return F.linear(x.mean((2, 3)), *last)


NETWORKS = {"fc": _fc, "c4gap": _c4gap}
