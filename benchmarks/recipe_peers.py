"""Small trainings without dltui, as their users write them; prints samples a second after a warm-up.

    DLTUI_DATA=DIR python benchmarks/recipe_peers.py NAME

moons            2-20-2 network, batch 1, plain SGD, a loop by hand
moons-numpy      the same in numpy
names-bucketed   LSTM of 100 units and two layers on surnames, batches of like length, a loop by hand
names-padded     the same, every name padded to 29 letters
names-single     the same, one name at a time
cifar-bare       LeNet on CIFAR-10, cropped and flipped: a loop by hand over tensors, augmented as dltui does it
cifar-dataloader the same through a DataLoader with two workers and torchvision's transforms
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import Tensor, nn

from engine.augment import Augmentation
from engine.augment_settings import Augment
from engine.batches import image_statistics
from engine.data import cifar10, moons, names
from engine.data_folder import data_root
from engine.dataset import Split, input_spec
from engine.models import lenet, lstm_classifier

CPU = torch.device("cpu")
CIFAR_IMAGES = 50_000


def timed(work: Callable[[], int], seconds: float = 4.0) -> float:
    """Samples a second of something done again and again, the first time left out."""
    work()
    began, samples = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        samples += work()
    return samples / (time.perf_counter() - began)


def moons_loop() -> float:
    """A step for each point."""
    torch.set_num_threads(1)
    split = moons.load(Path()).splits["train"]
    inputs, labels = torch.from_numpy(split.inputs), torch.from_numpy(split.labels)
    model = nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 2))
    optimizer, loss = torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()

    def epoch() -> int:
        for row in torch.randperm(len(labels)).tolist():
            optimizer.zero_grad()
            value = loss(model(inputs[row : row + 1]), labels[row : row + 1])
            value.backward()
            optimizer.step()
        return len(labels)

    return timed(epoch)


def moons_numpy_loop() -> float:
    """The same as one writes it in numpy."""
    split = moons.load(Path()).splits["train"]
    generator = np.random.default_rng(0)
    first, last = generator.normal(0, 0.5, (2, 20)), generator.normal(0, 0.3, (20, 2))
    bias, end = np.zeros(20), np.zeros(2)
    inputs, labels, rate = split.inputs.astype(np.float64), split.labels, 0.01

    def epoch() -> int:
        nonlocal first, last, bias, end
        for row in generator.permutation(len(labels)):
            x, y = inputs[row], labels[row]
            hidden = x @ first + bias
            active = np.maximum(hidden, 0)
            logits = active @ last + end
            shares = np.exp(logits - logits.max())
            shares /= shares.sum()
            shares[y] -= 1
            back = (last @ shares) * (hidden > 0)
            last -= rate * np.outer(active, shares)
            end -= rate * shares
            first -= rate * np.outer(x, back)
            bias -= rate * back
        return len(labels)

    return timed(epoch)


def names_loop(way: str) -> float:
    """An LSTM over batches made in one of three ways."""
    dataset = names.load(data_root(None))
    split, model = dataset.splits["train"], lstm_classifier.build(input_spec(dataset), read="last")
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=4e-3), nn.CrossEntropyLoss()
    batches = name_batches(split, way)

    def some() -> int:
        samples = 0
        for tokens, lengths, labels in batches:
            optimizer.zero_grad()
            loss(model(tokens, lengths), labels).backward()
            optimizer.step()
            samples += len(labels)
        return samples

    return timed(some, 8.0)


def name_batches(split: Split, way: str) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Batches of 128 names, or of one."""
    lengths = np.asarray(split.lengths)
    size = 1 if way == "single" else 128
    order = np.argsort(lengths, kind="stable") if way == "bucketed" else np.arange(len(lengths))
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    chosen = np.random.default_rng(0).permutation(len(parts))[: 400 if size == 1 else 60]
    found = []
    for part in (parts[i] for i in chosen):
        width = 29 if way == "padded" else int(lengths[part].max())
        tokens = np.zeros((len(part), width), np.int64)
        kept = min(width, split.inputs.shape[1])
        tokens[:, :kept] = split.inputs[part, :kept]
        found.append((torch.from_numpy(tokens), torch.from_numpy(lengths[part]), torch.from_numpy(split.labels[part])))
    return found


def cifar_bare() -> float:
    """Whole tensors in memory, augmented batch by batch."""
    dataset = cifar10.load(data_root(None))
    split = dataset.splits["train"]
    images, labels = torch.from_numpy(split.inputs), torch.from_numpy(split.labels)
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in image_statistics(split.inputs))
    augment = Augmentation(Augment(crop=4, flip=0.5), (3, 32, 32), None, 0, CPU)
    train, epochs = trainer(lenet.build(input_spec(dataset))), iter(range(10**6))

    def epoch() -> int:
        number = next(epochs)
        order = torch.randperm(len(labels))
        for batch, start in enumerate(range(0, 128 * 100, 128)):
            rows = order[start : start + 128]
            pixels = augment(images[rows], number, batch).float()
            train(pixels.div_(255).sub_(mean).div_(deviation), labels[rows])
        return 128 * 100

    return timed(epoch, 10.0)


def cifar_dataloader() -> float:
    """Image by image in two worker processes."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    changes = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    changes.append(transforms.Normalize((0.491, 0.482, 0.447), (0.247, 0.243, 0.262)))
    data = datasets.CIFAR10(str(data_root(None)), train=True, transform=transforms.Compose(changes))
    loader = DataLoader(data, batch_size=128, shuffle=True, num_workers=2, persistent_workers=True)
    train = trainer(lenet.build(input_spec(cifar10.load(data_root(None)))))

    def epoch() -> int:
        samples = 0
        for images, labels in loader:
            train(images, labels)
            samples += len(labels)
        return samples

    return timed(epoch, 10.0)


def trainer(model: nn.Module) -> Callable[[Tensor, Tensor], Any]:
    """A step of SGD on a batch."""
    optimizer, loss = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), nn.CrossEntropyLoss()

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()

    return step


WAYS: dict[str, Callable[[], float]] = {
    "moons": moons_loop,
    "moons-numpy": moons_numpy_loop,
    "names-bucketed": lambda: names_loop("bucketed"),
    "names-padded": lambda: names_loop("padded"),
    "names-single": lambda: names_loop("single"),
    "cifar-bare": cifar_bare,
    "cifar-dataloader": cifar_dataloader,
}

if __name__ == "__main__":
    print(WAYS[sys.argv[1]]())
