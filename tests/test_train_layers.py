"""What is recorded of layers, and of the time a training takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.jsonio import read_json
from engine.layer_series import LayerWriter, cut_layers, read_layers
from engine.layer_watch import LayerWatch
from engine.series import read_records, series_path
from tests.worker_runs import train

# ------------------------------------------------------------------------------------------------------------- layers


def test_layers_are_measured(tmp_path: Path) -> None:
    paths = train(tmp_path, train={"epochs": 4, "batch_size": 32})
    norms, ratios = read_layers(paths.series, "grad_norm"), read_layers(paths.series, "update_ratio")
    assert norms is not None
    assert ratios is not None
    assert norms.step.tolist() == ratios.step.tolist() == [1, 20, 40]
    assert norms.value.shape == (3, len(norms.layers)) == (3, 2)
    assert (norms.value > 0).all()
    assert (ratios.value > 1e-5).all()
    assert (ratios.value < 1).all()


def test_gradient_norms_and_update_ratios_are_what_they_say() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    watch = LayerWatch(model)
    model(torch.ones(1, 3)).sum().backward()
    wanted = [torch.cat([p.grad.flatten() for p in layer.parameters()]).norm() for layer in model]  # type: ignore[union-attr]
    torch.testing.assert_close(watch.gradients(), torch.stack(wanted))
    watch.remember()
    before = [torch.cat([p.detach().flatten() for p in layer.parameters()]).norm() for layer in model]
    with torch.no_grad():
        model[0].weight += 1.0
    change = watch.update_ratios()
    assert change[0].item() == pytest.approx(6**0.5 / before[0].item())
    assert change[1].item() == 0.0


def test_layer_records_survive_a_cut_and_a_torn_end(tmp_path: Path) -> None:
    writer = LayerWriter(tmp_path, ["a", "b/c"])
    for step in (1, 2, 3):
        writer.log(step, "grad_norm", [step, 2.0 * step])
    with open(tmp_path / "layers" / "grad_norm.rows", "ab") as file:
        file.write(b"torn")
    cut_layers(tmp_path, 2)
    found = read_layers(tmp_path, "grad_norm")
    assert found is not None
    assert found.layers == ["a", "b/c"]
    assert found.value.tolist() == [[1.0, 2.0], [2.0, 4.0]]
    assert len(list((tmp_path / "layers" / ".cut").iterdir())) == 1
    LayerWriter(tmp_path, ["a", "b/c"]).log(3, "grad_norm", [7.0, 8.0])
    again = read_layers(tmp_path, "grad_norm")
    assert again is not None
    assert again.step.tolist() == [1, 2, 3]


def test_time_is_told_apart(tmp_path: Path) -> None:
    paths = train(tmp_path)
    parts = ("data", "forward", "backward", "update", "evaluation")
    spent = {part: float(read_records(series_path(paths.series, f"time/{part}"))["value"][-1]) for part in parts}
    assert all(seconds > 0 for seconds in spent.values())
    assert sum(spent.values()) <= read_json(paths.artifact("train.json"))["duration"] * 1.05
    assert read_json(paths.artifact("train.json"))["time"]["backward"] == pytest.approx(spent["backward"])
