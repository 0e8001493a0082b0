"""Training steps of ResNet-20, VGG-16 and c4gap in PyTorch, as DNN and DLGN.

Images are there as float32 tensors, channels last. Convolutions of stride 2 pad
by 1 on all sides, as is usual in PyTorch, and not on two as in Keras.
"""

import itertools
import json
import os

import torch
from torch import nn
from torch.nn import functional as F

# Of the soft gate, `dlgn_tf.layers.Gate`.
_BETA = 10.0


def job(way, name, batch_size, steps, options="{}"):
    """With `way` `"eager"` or `"compiled"`."""
    batch_size, steps = int(batch_size), int(steps)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    architecture, family = name.split("_")
    body = BODIES[architecture]
    kind = {"dnn": DNN, "dlgn": DLGN}[family]
    model = kind(body, json.loads(options).get("width"))
    model = model.to(memory_format=torch.channels_last)
    parameters = sum(p.numel() for p in model.parameters())
    optimizer = torch.optim.SGD(
        model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4
    )
    run = torch.compile(model) if way == "compiled" else model
    images = torch.rand(steps, batch_size, 3, 32, 32)
    labels = torch.randint(10, (steps, batch_size))

    def turn():
        for image, label in zip(images, labels, strict=True):
            image = image.contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(run(image), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        # As ours, which tells it.
        loss.item()
        return {
            "amount": batch_size * steps,
            "same": {"parameters": parameters},
        }

    return turn


class DNN(nn.Module):
    def __init__(self, body, width):
        super().__init__()
        self.body = body(width)
        self.head = nn.Linear(self.body.features, 10)

    def forward(self, x):
        return self.head(self.body(x, F.relu).mean((2, 3)))


class DLGN(nn.Module):
    """A body without nonlinearity makes the gates of the other."""

    def __init__(self, body, width):
        super().__init__()
        self.gating, self.value = body(width), body(width)
        self.head = nn.Linear(self.value.features, 10)

    def forward(self, x):
        preactivations = []

        def record(q):
            preactivations.append(q)
            return q

        self.gating(x, record)
        numbers = itertools.count()

        def multiply(q):
            gate = torch.sigmoid(_BETA * preactivations[next(numbers)])
            return q * gate

        return self.head(self.value(x, multiply).mean((2, 3)))


class C4Gap(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.features = width = width or 128
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, width, 3, padding=1)
            for inputs in (3, width, width, width)
        )

    def forward(self, x, site):
        for layer in self.layers:
            x = site(layer(x))
        return x


class VGG16(nn.Module):
    def __init__(self, width):
        super().__init__()
        width = width or 64
        self.groups, inputs = nn.ModuleList(), 3
        for factor, count in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
            group = nn.ModuleList()
            for _ in range(count):
                group.append(_normalized(inputs, factor * width, bias=True))
                inputs = factor * width
            self.groups.append(group)
        self.features = inputs

    def forward(self, x, site):
        for group in self.groups:
            for layer in group:
                x = site(layer(x))
            x = F.avg_pool2d(x, 2)
        return x


class ResNet20(nn.Module):
    def __init__(self, width):
        super().__init__()
        inputs = width = width or 16
        self.stem, self.blocks = _normalized(3, width), nn.ModuleList()
        for factor in (1, 2, 4):
            for _ in range(3):
                self.blocks.append(Block(inputs, factor * width))
                inputs = factor * width
        self.features = inputs

    def forward(self, x, site):
        x = site(self.stem(x))
        for block in self.blocks:
            x = block(x, site)
        return x


class Block(nn.Module):
    """With the shortcut of option A: every other pixel, channels of zeros."""

    def __init__(self, inputs, filters):
        super().__init__()
        self.added = filters - inputs
        self.stride = 2 if self.added else 1
        self.first = _normalized(inputs, filters, self.stride)
        self.second = _normalized(filters, filters)

    def forward(self, x, site):
        h = self.second(site(self.first(x)))
        if self.added:
            x = x[:, :, ::2, ::2]
            x = F.pad(x, (0, 0, 0, 0, 0, self.added))
        return site(x + h)


BODIES = {"c4gap": C4Gap, "vgg16": VGG16, "resnet20": ResNet20}


def _normalized(inputs, filters, stride=1, bias=False):
    return nn.Sequential(
        nn.Conv2d(inputs, filters, 3, stride, 1, bias=bias),
        nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01),
    )
