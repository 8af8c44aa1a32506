"""The models for images of lines: where their windows lie, what they may look at, how they write, what they refuse."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from engine import signatures
from engine.dataset import InputSpec
from engine.errors import SettingsError
from engine.layers import model_table
from engine.models import line_cnn, line_cnn_lstm, line_cnn_transformer

MODELS = (line_cnn, line_cnn_lstm, line_cnn_transformer)
SMALL: dict[ModuleType, dict[str, Any]] = {
    line_cnn: {"widths": [2, 3, 4], "fc_dim": 6},
    line_cnn_lstm: {"widths": [2, 3, 4], "fc_dim": 6, "hidden_size": 5},
    line_cnn_transformer: {"widths": [2, 3, 4], "dim": 8, "heads": 2, "feedforward": 12},
}


def line(width: int = 336, height: int = 28, classes: int = 11, writing: bool = False, longest: int = 12) -> InputSpec:
    return InputSpec("image", (1, height, width), classes, longest_label=longest, teacher_forcing=writing)


def fitting(module: ModuleType, width: int = 336) -> InputSpec:
    return line(width, writing=module is line_cnn_transformer)


def small(module: ModuleType, width: int = 336, **arguments: Any) -> Any:
    return module.build(fitting(module, width), **{**SMALL[module], **arguments})


def transformer(**arguments: Any) -> Any:
    """A small one of 84 columns, in evaluation mode, whose weights are large enough for texts that differ."""
    torch.manual_seed(5)
    model = small(line_cnn_transformer, 84, window_stride=4, **arguments).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.5)
    return model


# ----------------------------------------------------------------------------------------------------- parameter counts

BLOCKS = 16 * 16 + 2 * 16 + 16 * 16 * 32 + 2 * 32
"""Convolutions 1 → 16 and 16 → 32 of 4 × 4 with their batch norms: both halve the width."""
DEFAULT_BLOCKS = BLOCKS + 4 * 3 * 32 * 64 + 2 * 64
"""The third only halves the height: 28 rows become 3, and a cell of features 4 columns."""


@pytest.mark.parametrize(
    ("stride", "parameters"),
    [
        # a window of 28 columns is 7 cells: itself at a stride of 1 or 7 cells, one more at 2
        (4, DEFAULT_BLOCKS + 64 * 3 * 7 * 128 + 256 + 129 * 11),
        (8, DEFAULT_BLOCKS + 64 * 3 * 8 * 128 + 256 + 129 * 11),
        (28, DEFAULT_BLOCKS + 64 * 3 * 7 * 128 + 256 + 129 * 11),
        # 14 can be halved once: 14 cells become 15 about 7; at a stride of 7 all columns stay, and 28 become 29
        (14, BLOCKS - 4 * 16 * 32 + 4 * 3 * 32 * 64 + 2 * 64 + 64 * 3 * 15 * 128 + 256 + 129 * 11),
        (7, BLOCKS - 4 * 16 - 4 * 16 * 32 + 4 * 3 * 32 * 64 + 2 * 64 + 64 * 3 * 29 * 128 + 256 + 129 * 11),
    ],
)
def test_windows_of_characters_and_their_parameters(stride: int, parameters: int) -> None:
    table = model_table(line_cnn.build(line(), window_stride=stride), line())
    assert table["parameters"] == table["trainable"] == parameters
    assert sum(row["parameters"] for row in table["layers"]) == parameters
    assert table["layers"][-1]["output_shape"] == [336 // stride, 11]


def test_parameters_with_an_lstm() -> None:
    table = model_table(line_cnn_lstm.build(line(), num_layers=2, dropout=0.5), line())
    layers = sum(2 * 4 * 128 * (size + 128 + 2) for size in (128, 256))
    assert table["parameters"] == DEFAULT_BLOCKS + 64 * 3 * 8 * 128 + 256 + layers + 257 * 11
    assert table["layers"][-1]["output_shape"] == [42, 11]


@pytest.mark.parametrize("encoder_layers", [0, 3])
def test_parameters_with_a_transformer(encoder_layers: int) -> None:
    model = line_cnn_transformer.build(line(writing=True), encoder_layers=encoder_layers)
    attention, between, norm = 4 * 129 * 128, 129 * 256 + 257 * 128, 2 * 128
    encoder = encoder_layers * (attention + between + 2 * norm) + norm
    decoder = 2 * (2 * attention + between + 3 * norm) + norm + 129 * 11 + 128 * 11
    table = model_table(model, line(writing=True))
    assert table["parameters"] == DEFAULT_BLOCKS + 64 * 3 * 8 * 128 + 256 + encoder + decoder
    assert table["layers"][-1]["output_shape"] == [13, 11]


# -------------------------------------------------------------------------------------------------------------- windows


def touched(width: int, column: int, **arguments: Any) -> list[int]:
    """The windows that a bright column of the image changes: no weight is negative, so nothing gets lost."""
    model = small(line_cnn, width, **arguments).eval()
    for parameter in model.parameters():
        parameter.detach().abs_()
    image = torch.zeros(1, 1, 28, width)
    with torch.inference_mode():
        dark = model(image)
        image[..., column] = 1000.0
        windows: list[int] = torch.nonzero((model(image) != dark).any(2)[0]).flatten().tolist()
    return windows


@settings(max_examples=60, deadline=None)
@given(data=st.data(), stride=st.sampled_from([1, 2, 4, 6, 7, 8, 12, 14, 28]), wider=st.integers(0, 40))
def test_windows_reach_as_far_to_the_left_as_to_the_right(data: Any, stride: int, wider: int) -> None:
    windows = 60 // stride + 1
    width, window = stride * windows, data.draw(st.integers(0, windows - 1))
    offset = data.draw(st.integers(0, min(window, windows - 1 - window) * stride + (stride - 1) // 2))
    left, right = window * stride + (stride - 1) // 2 - offset, window * stride + stride // 2 + offset
    arguments = {"window_stride": stride, "window_width": min(width, stride + wider)}
    assert (window in touched(width, left, **arguments)) == (window in touched(width, right, **arguments))


@pytest.mark.parametrize(
    ("stride", "reach"),
    # half a window in whole cells, and one cell of each block's input beside it
    [(4, 14 + 1 + 2 + 4), (8, 16 + 1 + 2 + 4), (14, 15 + 1 + 2 + 2), (7, 14.5 + 1 + 1 + 1)],
)
def test_a_column_changes_the_windows_that_reach_it(stride: int, reach: float) -> None:
    centres = [(window + 0.5) * stride for window in range(336 // stride)]
    for column in (0, 100, 167, 168, 250, 335):
        expected = [k for k, centre in enumerate(centres) if abs(centre - (column + 0.5)) < reach]
        assert touched(336, column, window_stride=stride) == expected


def test_lines_of_another_width_give_the_same_windows() -> None:
    """Fully convolutional: the windows of a cut image are those of the whole one, but for the ones at the cut."""
    model = small(line_cnn, window_stride=8).eval()
    images = torch.rand(2, 1, 28, 336)
    with torch.inference_mode():
        whole, cut = model(images), model(images[..., :168])
    assert cut.shape == (2, 21, 11)
    torch.testing.assert_close(cut[:, :17], whole[:, :17])


def test_an_lstm_looks_at_the_whole_line() -> None:
    torch.manual_seed(0)
    model = line_cnn_lstm.build(line(112)).eval()
    images = torch.rand(1, 1, 28, 112)
    changed = images.clone()
    changed[..., 52:60] = 0.0
    with torch.inference_mode():
        assert (model(images) != model(changed)).any(2).all()


# -------------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("encoder_layers", [0, 1])
@pytest.mark.parametrize("place", [1, 4, 12])
def test_later_tokens_change_no_earlier_logits(place: int, encoder_layers: int) -> None:
    model = transformer(encoder_layers=encoder_layers)
    images, tokens = torch.rand(3, 1, 28, 84), torch.randint(0, 11, (3, 13))
    other = tokens.clone()
    other[:, place:] = (other[:, place:] + 1) % 11
    before, after = model(images, tokens), model(images, other)
    assert torch.equal(before[:, :place], after[:, :place])
    assert (before[:, place:] != after[:, place:]).any(2).all()


def test_a_prefix_gives_the_logits_of_the_whole() -> None:
    model = transformer()
    images, tokens = torch.rand(3, 1, 28, 84), torch.randint(0, 11, (3, 13))
    torch.testing.assert_close(model(images, tokens[:, :5]), model(images, tokens)[:, :5])


def test_the_same_token_says_something_else_in_another_place() -> None:
    logits = transformer()(torch.rand(1, 1, 28, 84), torch.full((1, 6), 3))
    assert not torch.isclose(logits[0, 1:], logits[0, :1]).all(1).any()


def test_windows_have_places() -> None:
    """Attention alone would see a bag of windows."""
    model = transformer()
    model.features = nn.Identity()
    windows, tokens = torch.randn(2, 21, 8), torch.randint(0, 11, (2, 13))
    assert not torch.isclose(model(windows, tokens), model(windows.flip(1), tokens)).all(2).any()


def step_by_step(model: Any, image: torch.Tensor, longest: int) -> list[int]:
    """What forward says of one image, one token at a time, padded with 0."""
    written: list[int] = []
    while len(written) < longest and (not written or written[-1] != 0):
        tokens = torch.tensor([[0, *written]])
        written.append(int(model(image[None], tokens)[0, -1].argmax()))
    return written + [0] * (longest - len(written))


@pytest.mark.parametrize("encoder_layers", [0, 2])
def test_writing_is_the_likeliest_token_step_by_step(encoder_layers: int) -> None:
    model = transformer(encoder_layers=encoder_layers)
    with torch.no_grad():
        model.head[1].bias[0] += 1.0  # so that some texts end early
    images = 3 * torch.randn(16, 1, 28, 84)
    with torch.inference_mode():
        expected = [step_by_step(model, image, 9) for image in images]
        found = model.decode(images, 9)
    assert found.dtype == torch.int64
    assert found.tolist() == expected
    lengths = {row.index(0) if 0 in row else 9 for row in expected}
    assert len(lengths) > 2, "texts of several lengths are what this is to try"


def test_writing_stops_when_all_texts_have_ended() -> None:
    model = transformer()
    with torch.no_grad():
        model.head[1].bias[0] += 1000.0
    encoded, steps = [], []
    model.features.register_forward_hook(lambda *_: encoded.append(1))
    model.head.register_forward_hook(lambda *_: steps.append(1))
    assert model.decode(torch.rand(4, 1, 28, 84), 50).tolist() == [[0] * 50] * 4
    assert (len(encoded), len(steps)) == (1, 1)
    with torch.no_grad():
        model.head[1].bias[0] -= 2000.0
    assert (model.decode(torch.rand(4, 1, 28, 84), 30) > 0).all()
    assert (len(encoded), len(steps)) == (2, 31)


def torchs(layer: line_cnn_transformer.Layer, kind: Any) -> Any:
    """torch's own layer with the weights of `layer`."""
    other = kind(8, 2, 12, dropout=0.0, batch_first=True, norm_first=True)
    names = {"self_attn": layer.within, "norm1": layer.norm_within}
    names |= {"multihead_attn": layer.across, "norm2": layer.norm_across} if layer.decoder else {}
    names |= {
        f"norm{len(names) // 2 + 1}": layer.norm,
        "linear1": layer.feedforward[0],
        "linear2": layer.feedforward[3],
    }
    for name, own in names.items():
        target, weights = getattr(other, name), own.state_dict()
        if isinstance(own, line_cnn_transformer.Attention):
            weights = {f"out_proj.{end}": weights[f"out.{end}"] for end in ("weight", "bias")} | {
                f"in_proj_{end}": torch.cat([weights[f"query.{end}"], weights[f"key_value.{end}"]])
                for end in ("weight", "bias")
            }
        target.load_state_dict(weights)
    return other


def test_layers_are_torchs() -> None:
    encoder, decoder = (line_cnn_transformer.Layer(8, 2, 12, 0.0, decoder=decoder) for decoder in (False, True))
    vectors, windows = torch.randn(3, 7, 8), torch.randn(3, 20, 8)
    torch.testing.assert_close(encoder(vectors), torchs(encoder, nn.TransformerEncoderLayer)(vectors))
    later = torch.ones(7, 7, dtype=torch.bool).triu(1)
    expected = torchs(decoder, nn.TransformerDecoderLayer)(vectors, windows, tgt_mask=later)
    torch.testing.assert_close(decoder(vectors, decoder.across.key_value(windows)), expected)


def test_positions_are_the_sinusoids_of_the_paper() -> None:
    waves = line_cnn_transformer.Positions(6, 0.0)(torch.zeros(1, 40, 6))[0]
    for place in (0, 1, 39):
        for pair in range(3):
            angle = torch.tensor(place / 10_000 ** (2 * pair / 6), dtype=torch.float64)
            expected = torch.stack([angle.sin(), angle.cos()]).float()
            torch.testing.assert_close(waves[place, 2 * pair : 2 * pair + 2], expected, atol=1e-5, rtol=0)


# ------------------------------------------------------------------------------------------------------------ all three


@pytest.mark.parametrize("module", MODELS)
@pytest.mark.parametrize("stride", [4, 14, 28])
def test_gradients_reach_all_parameters(module: ModuleType, stride: int) -> None:
    model = small(module, window_stride=stride, **({"encoder_layers": 1} if module is line_cnn_transformer else {}))
    given = (torch.rand(4, 1, 28, 336), torch.randint(0, 11, (4, 13)))
    logits = model(*given[: 2 if module is line_cnn_transformer else 1])
    assert logits.shape == (4, 13 if module is line_cnn_transformer else 336 // stride, 11)
    logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("module", MODELS)
def test_state_is_all_there_is(module: ModuleType) -> None:
    first, second = small(module).eval(), small(module).eval()
    second.load_state_dict(first.state_dict())
    given = (torch.rand(2, 1, 28, 336), torch.randint(0, 11, (2, 13)))[: 2 if module is line_cnn_transformer else 1]
    assert torch.equal(first(*given), second(*given))


@pytest.mark.parametrize("module", MODELS)
@given(
    height=st.integers(1, 40),
    windows=st.integers(1, 9),
    stride=st.integers(1, 30),
    wider=st.integers(0, 30),
    channels=st.integers(1, 3),
    blocks=st.integers(1, 5),
)
@settings(max_examples=25, deadline=None)
def test_images_of_any_size_are_taken_or_refused(
    module: ModuleType, height: int, windows: int, stride: int, wider: int, channels: int, blocks: int
) -> None:
    width = windows * stride
    spec = InputSpec("image", (channels, height, width), 5, 0, 7, module is line_cnn_transformer)
    sizes = {"window_stride": stride, "window_width": min(width, stride + wider), "widths": [2] * blocks}
    if height < 2**blocks:
        with pytest.raises(SettingsError, match=f"{blocks} blocks, each halving the height; {height} rows"):
            module.build(spec, **{**SMALL[module], **sizes})
        return
    table = model_table(module.build(spec, **{**SMALL[module], **sizes}), spec)
    assert table["layers"][-1]["output_shape"] == [8 if module is line_cnn_transformer else windows, 5]


@pytest.mark.parametrize("module", MODELS)
def test_settings_are_read_without_running(module: ModuleType) -> None:
    name = module.__name__.rpartition(".")[2]
    assert name in signatures.names("model")
    parameters = signatures.model(name, Path()).parameters
    assert all(p.annotation and p.has_default and p.literal for p in parameters.values())


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("module", MODELS)
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (InputSpec("features", (4,), 3), "needs images; this data set has features inputs\nhere fit: logistic, mlp"),
        (InputSpec("sequence", (19,), 18, 60), "needs images; this data set has sequence inputs\nhere fit: lstm"),
        (InputSpec("image", (1, 28, 28), 10), "needs a sequence of labels for each image; this data set has one class"),
    ],
)
def test_only_images_of_lines_are_taken(module: ModuleType, spec: InputSpec, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        module.build(spec)
    assert f"model {module.__name__.rpartition('.')[2]} {words}" in str(caught.value)


@pytest.mark.parametrize("module", MODELS)
def test_models_for_another_task_are_refused(module: ModuleType) -> None:
    writes = module is line_cnn_transformer
    with pytest.raises(SettingsError) as caught:
        module.build(line(writing=not writes))
    assert "token by token" in str(caught.value)
    assert caught.value.hint
    assert f'task = "{"seq2seq" if writes else "ctc"}"' in caught.value.hint


SHARED: list[tuple[dict[str, Any], str]] = [
    ({"widths": []}, "model.widths = []"),
    ({"widths": [8, 0]}, "at least one block of at least 1 channel"),
    ({"widths": [8] * 5}, "28 rows are too few\ngive at most 4 widths"),
    ({"window_stride": 0}, "model.window_stride = 0"),
    ({"window_stride": -4}, "model.window_stride = -4"),
    (
        {"window_stride": 10},
        "evenly over the 336 columns of an image\none of 1, 2, 3, 4, 6, 7, 8, 12, 14, 16, 21, 24, 28",
    ),
    ({"window_stride": 672}, "model.window_stride = 672"),
    ({"window_stride": 28, "window_width": 27}, "from model.window_stride = 28 to the image's width, 336"),
    ({"window_width": 337}, "model.window_width = 337"),
    ({"dropout": 1.0}, "model.dropout = 1.0: it must be from 0 to below 1"),
    ({"dropout": float("nan")}, "model.dropout = nan"),
]
OWN: list[tuple[ModuleType, dict[str, Any], str]] = [
    (line_cnn, {"fc_dim": 0}, "model.fc_dim = 0: it must be at least 1"),
    (line_cnn_lstm, {"fc_dim": -1}, "model.fc_dim = -1"),
    (line_cnn_lstm, {"hidden_size": 0}, "model.hidden_size = 0"),
    (line_cnn_lstm, {"num_layers": 0}, "model.num_layers = 0"),
    (line_cnn_transformer, {"dim": 0}, "model.dim = 0"),
    (line_cnn_transformer, {"heads": 0}, "model.heads = 0"),
    (line_cnn_transformer, {"decoder_layers": 0}, "model.decoder_layers = 0"),
    (line_cnn_transformer, {"feedforward": 0}, "model.feedforward = 0"),
    (line_cnn_transformer, {"encoder_layers": -1}, "model.encoder_layers = -1: it must be at least 0"),
    (line_cnn_transformer, {"dim": 90}, "model.dim = 90: it must be even, and a multiple of model.heads = 4"),
    (line_cnn_transformer, {"dim": 9, "heads": 3}, "model.dim = 9: it must be even"),
]


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [*((module, arguments, words) for module in MODELS for arguments, words in SHARED), *OWN],
)
def test_what_does_not_fit_is_refused(module: ModuleType, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        module.build(fitting(module), **arguments)
    assert words in str(caught.value)
    assert caught.value.hint
