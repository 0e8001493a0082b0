"""The DLGN of `comparisons.vectors` in PyTorch: an eager loop."""

import torch


def job(inputs, count, batches, epochs, beta, rate, *widths):
    inputs, count, widths = int(inputs), int(count), [*map(int, widths)]
    below = [inputs, *widths[:-1]]
    gating = torch.nn.ModuleList(map(_linear, below, widths))
    value = torch.nn.ModuleList(map(_linear, below, widths))
    last = _linear(widths[-1], 1)
    x = torch.nn.functional.normalize(torch.randn(count, inputs))
    y = torch.sign(torch.randn(count, 1))
    weights = [p for m in (gating, value, last) for p in m.parameters()]
    adam = torch.optim.Adam(weights, float(rate))

    def logits(q):
        v = torch.ones(1, inputs)
        for gate, layer in zip(gating, value, strict=True):
            q = gate(q)
            v = torch.sigmoid(float(beta) * q) * layer(v)
        return last(v)

    def train():
        for _ in range(int(epochs)):
            for chosen in torch.randperm(count).chunk(int(batches)):
                margin = y[chosen] * logits(x[chosen])
                loss = torch.nn.functional.softplus(-2 * margin).mean()
                adam.zero_grad()
                loss.backward()
                adam.step()

    return train


def _linear(inputs, units):
    return torch.nn.Linear(inputs, units, bias=False)
