"""The shipped JSON Schema is up to date, accepts the shipped experiments and refuses typos."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import tomli

from engine.experiments import PACKAGED
from engine.schema import FILE, docstrings, schema, schema_json
from engine.settings import DataOptions, Recipe, Settings, Train


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator(schema())


def test_the_shipped_schema_is_up_to_date() -> None:
    """`make schema` writes it; names and arguments of another torch than it was written with are not compared."""
    shipped, made = json.loads(FILE.read_bytes()), schema()
    if shipped["$comment"] == made["$comment"]:
        assert FILE.read_bytes() == schema_json(), "run `make schema`"
    for each in (shipped, made):
        del each["$comment"]
        for kind in ("loss", "optimizer", "scheduler", "model"):
            del each["$defs"][kind]
    assert shipped == made, "run `make schema`"


def test_it_is_a_schema_of_the_draft_it_names() -> None:
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_shipped_experiments_are_valid(validator: Any) -> None:
    assert [error.message for error in validator.iter_errors(tomli.loads(PACKAGED.read_text()))] == []


def test_every_setting_is_described() -> None:
    for kind in (Settings, Train, DataOptions):
        for name in kind.__struct_fields__:
            assert docstrings()[kind.__name__, name], name
    properties = schema()["$defs"]["experiment"]["properties"]
    assert properties["train"]["properties"]["clip_grad_norm"]["description"].startswith("Largest L2 norm")
    assert set(properties) == {*Settings.__struct_fields__, *Recipe.__struct_fields__}


@pytest.mark.parametrize(
    "table",
    [
        'data = "moons"',
        'data = "names-demo"',
        'data = { name = "mine.sets:make", anything = 1 }',
        'model = "torchvision:resnet18"',
        "optimizer = { lr = 0.1 }",
        'loss = { name = "CrossEntropyLoss", class_weight = [1.0, 2] }',
        'scheduler = "none"',
        'scheduler = { name = "CosineAnnealingLR", T_max = "auto", interval = "step" }',
        'train = { epochs = 0.5, early_stopping = "none", clip_grad_norm = "none" }',
        'extends = "b"\nseeds = 3\nmatrix = { "data.name" = ["a"] }',
        'sweep = { sampler = "grid", space = { "optimizer.lr" = { low = 1, high = 2, log = true } } }',
        'command = ["python", "x.py"]\nparams = { lr = 1 }\nmetrics = { csv = "m.csv" }',
    ],
)
def test_what_is_valid(validator: Any, table: str) -> None:
    assert [e.message for e in validator.iter_errors(tomli.loads(f"[experiments.a]\n{table}\n"))] == []


@pytest.mark.parametrize(
    "text",
    [
        "[experiment.a]",
        "[experiments.a]\nepochs = 3",
        "[experiments.a]\ntrain = { epohcs = 3 }",
        "[experiments.a]\ntrain = { epochs = 'ten' }",
        "[experiments.a]\ntrain = { precision = 'fp8' }",
        "[experiments.a]\ndata = 'moon'",
        "[experiments.a]\ndata = { name = 'moons', nois = 1 }",
        "[experiments.a]\ndata = { name = 'moons', validaton = 0.1 }",
        "[experiments.a]\nmodel = { name = 'mlp', hiden = [1] }",
        "[experiments.a]\nmodel = { name = 'mlp', hidden = 1 }",
        "[experiments.a]\nmodel = 'torchvision:resnet19'",
        "[experiments.a]\noptimizer = { name = 'SGD', lrr = 1 }",
        "[experiments.a]\noptimizer = { lrr = 1 }",
        "[experiments.a]\noptimizer = 'Adamm'",
        "[experiments.a]\nscheduler = 'LambdaLR'",
        "[experiments.a]\nevaluate = { every = '3 bananas' }",
        "[experiments.a]\nsweep = { sampler = 'magic' }",
        "[experiments.a]\nmatrix = { seed = 3 }",
        "[defaults]\nsede = 3",
        "[defaults]\nseeds = 3",
    ],
)
def test_typos_are_not_valid(validator: Any, text: str) -> None:
    assert list(validator.iter_errors(tomli.loads(text)))
