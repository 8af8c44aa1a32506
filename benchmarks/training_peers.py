"""The same MNIST LeNet trained without dltui, as its users write it; prints images a second after a warm-up epoch.

    DLTUI_DATA=DIR python benchmarks/training_peers.py bare|dataloader|lightning --epochs N

bare        whole tensors in memory, a loop by hand, no logging, no checkpoint
dataloader  torchvision's data set and transforms through a DataLoader with two workers, a loop by hand
lightning   the same DataLoader, Lightning's Trainer with its logger and checkpoints as they are by default
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import Tensor, nn

from engine.components import load_model_function
from engine.data.mnist import load
from engine.data_folder import data_root
from engine.dataset import Dataset, input_spec

ROOT = Path(__file__).resolve().parent.parent
BATCH_SIZE = 128
IMAGES = 60_000
MEAN, STD = 0.1307, 0.3081


def lenet(dataset: Dataset) -> nn.Module:
    """The model that the run of `training.py` trains."""
    model: nn.Module = load_model_function("lenet", ROOT)(input_spec(dataset))
    return model


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of all of them."""
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def timed(epoch: Callable[[], None], epochs: int) -> float:
    """Images a second of `epochs` calls, after one that warms up allocator, kernels and caches."""
    epoch()
    began = time.perf_counter()
    for _ in range(epochs):
        epoch()
    return epochs * IMAGES / (time.perf_counter() - began)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """One step: images `[batch, 1, 28, 28]`, labels `[batch]`."""
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def bare(dataset: Dataset, epochs: int) -> float:
    """A careful loop by hand over normalized tensors."""
    train = dataset.splits["train"]
    model = lenet(dataset).train()
    optimizer = sgd(model)
    images = torch.tensor(train.inputs).float().div_(255).sub_(MEAN).div_(STD)
    labels = torch.tensor(train.labels)

    def epoch() -> None:
        for rows in torch.randperm(len(images)).split(BATCH_SIZE):
            train_step(model, optimizer, images[rows], labels[rows])

    return timed(epoch, epochs)


def loader() -> Any:
    """torchvision's MNIST, transformed image by image, two worker processes."""
    from torchvision import datasets, transforms

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
    mnist = datasets.MNIST(str(data_root(None)), train=True, transform=transform)
    return torch.utils.data.DataLoader(mnist, BATCH_SIZE, shuffle=True, num_workers=2)


def dataloader(dataset: Dataset, epochs: int) -> float:
    """A loop by hand over a DataLoader."""
    model = lenet(dataset).train()
    optimizer = sgd(model)
    batches = loader()

    def epoch() -> None:
        for images, labels in batches:
            train_step(model, optimizer, images, labels)

    return timed(epoch, epochs)


def lightning(dataset: Dataset, epochs: int) -> float:
    """Lightning's Trainer over the same DataLoader; epochs are timed from the end of the first."""
    from lightning import LightningModule, Trainer  # type: ignore[import-not-found, unused-ignore]

    ends: list[float] = []

    class Module(LightningModule):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.model = lenet(dataset)

        def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
            logits = self.model(batch[0])
            loss = nn.functional.cross_entropy(logits, batch[1])
            accuracy = (logits.argmax(1) == batch[1]).float().mean()
            self.log("loss", loss)
            self.log("accuracy", accuracy)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return sgd(self.model)

        def on_train_epoch_end(self) -> None:
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(max_epochs=epochs + 1, accelerator="cpu", default_root_dir=folder, enable_progress_bar=False)
        trainer.fit(Module(), loader())
    return epochs * IMAGES / (ends[-1] - ends[0])


PEERS = {"bare": bare, "dataloader": dataloader, "lightning": lightning}


def main() -> None:
    """Measure the one that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    torch.manual_seed(0)
    print(PEERS[options.peer](load(data_root(None)), options.epochs))


if __name__ == "__main__":
    main()
