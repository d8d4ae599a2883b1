"""A model as a module of PyTorch, trained by two processes, which find this file by its name."""

from __future__ import annotations

import datetime

import numpy as np
import torch
from conftest import MODELS

import unihub

PATH = str(MODELS / "keras2_saved_model")
X = np.random.RandomState(0).uniform(-1, 1, (8, 3)).astype(np.float32)


class Model(torch.nn.Module):
    """A pure function as a module, as one writes it."""

    def __init__(self, path=PATH):
        super().__init__()
        self.function, weights, self.state = unihub.functional(path, training=True)
        self.names = list(weights)
        self.weights = torch.nn.ParameterList(torch.tensor(v) for v in weights.values())

    def forward(self, x):
        weights = dict(zip(self.names, self.weights))
        outputs, self.state = self.function(weights, self.state, x)
        return outputs


def train_in_parallel(rank, address, path):
    # Of PyTorch's own half an hour: for one whose other has fallen.
    patience = datetime.timedelta(minutes=10)
    torch.distributed.init_process_group(
        "gloo", init_method=address, rank=rank, world_size=2, timeout=patience
    )
    model = torch.nn.parallel.DistributedDataParallel(Model(path))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (model(torch.tensor(X[4 * rank : 4 * rank + 4])) ** 2).mean().backward()
        optimizer.step()
    found = [torch.zeros_like(model.module.weights[0]) for _ in range(2)]
    torch.distributed.all_gather(found, model.module.weights[0].detach())
    assert torch.equal(*found)
    assert not torch.equal(found[0], Model(path).weights[0])
    torch.distributed.destroy_process_group()
