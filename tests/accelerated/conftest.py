"""A network with weights of a seed, for what torch alone can ask of it."""

from __future__ import annotations

import pytest
import torch

from streamproc.training.causal import LiveNetwork


@pytest.fixture(scope="module")
def network() -> LiveNetwork:
    """Untrained, on one thread; its normalisation is not that of a fresh network, which would hide a missing one."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network = LiveNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    network.eval()
    return network
