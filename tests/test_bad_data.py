"""CSV files and image folders as they come: every fault is told with what, where and what to do next."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.dataset import Dataset
from engine.errors import DataError, EngineError, SettingsError
from engine.settings import Settings
from engine.splits import load, prepare


def table(folder: Path, content: str | bytes, **arguments: Any) -> Dataset:
    """The prepared data set of a CSV file with this content."""
    raw = content.encode() if isinstance(content, str) else content
    (folder / "t.csv").write_bytes(raw)
    return prepare(Settings(data={"name": "csv", "path": "t.csv", **arguments}), folder).dataset


def rows(count: int = 40, pattern: str = "{i},{c}") -> str:
    return "".join(pattern.format(i=i, c="ab"[i % 2]) + "\n" for i in range(count))


# ----------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("content", "arguments", "error", "says"),
    [
        ("", {}, DataError, r"t\.csv is empty"),
        ("\n\n  \n", {}, DataError, r"t\.csv is empty"),
        ("x,y\n", {}, DataError, "a header line but no rows"),
        ("x,y\n" + rows().replace("b", "a"), {}, DataError, "every sample is labelled 'a'; there is nothing to learn"),
        ("x,y\n1,a\n2\n3,b\n", {}, DataError, "line 3: 1 values, where the first line has 2"),
        ("x,y\n1,a\n2,b,c\n", {}, DataError, "line 3: 3 values"),
        ('x,y\n1,"a\n2,b\n', {}, DataError, "line 3: .*end of data"),
        (b"x,y\n1,a\n2,caf\xe9\n", {}, DataError, r"line 3: not UTF-8 \(byte 0xe9\)"),
        (b"\x1f\x8b\x08broken", {}, DataError, "cannot be read"),
        (gzip.compress(b"x,y\n" * 999, mtime=0)[:-9], {}, DataError, "cannot be read"),
        ("x,y\n" + rows(), {"label": "Y"}, SettingsError, "data.label: .* has no column 'Y'(.|\n)*did you mean 'y'"),
        ("x,y\n" + rows(), {"label": 2}, SettingsError, "has no column 2"),
        ("x,y\n" + rows(), {"label": -3}, SettingsError, "has no column -3"),
        ("x,y\n" + rows(), {"drop": ["z"]}, SettingsError, "data.drop: .* has no column 'z'"),
        ("x,y\n" + rows(), {"drop": ["y"]}, SettingsError, "data.drop: 'y' is the label"),
        ("x,y\n" + rows(), {"columns": ["xx"]}, SettingsError, "data.columns: .* has no column 'xx'"),
        ("x,y\n" + rows(), {"drop": ["x"]}, SettingsError, "no column is left besides the label 'y'"),
        ("y\na\nb\n", {}, SettingsError, "no column is left besides the label"),
        ("x,y\n" + rows(), {"missing": "ignore"}, SettingsError, "data.missing = 'ignore'"),
        ("x,y\n" + rows(), {"separator": ",,"}, SettingsError, "data.separator = ',,'"),
        ("x,y\n" + rows(), {"separator": ""}, SettingsError, "data.separator = ''"),
        ("x,y\n1,\n2,NA\n", {}, DataError, "no row has a 'y'"),
        ("x,y\n" + rows() + "inf,a\n", {}, DataError, "line 42: 'x' is infinite or too large"),
        ("x,y\n" + rows() + "1e999,a\n", {}, DataError, "line 42: 'x' is infinite or too large"),
        ("x,y\n" + rows() + ",a\n?,b\n", {"missing": "error"}, DataError, "gaps in 2 rows:\nline 42: x\nline 43: x"),
        ("x,y\n,a\n,b\n", {"missing": "drop"}, DataError, "every row has a gap"),
        ("x,y\n,a\n,b\n", {}, DataError, "no column is left to learn from(.|\n)*'x' has no values"),
        ("x,y\n" + rows(200, "1,id{i}"), {}, DataError, "the label 'y' has 200 different values in 200 rows"),
        ("x,y\n" + rows() + "-1e31,b\n", {"scale": False}, DataError, "line 42: 'x' is infinite or too large"),
        ("x,y\n" + rows(), {"path": "absent.csv"}, DataError, "no file 'absent.csv' beside the file of experiments"),
        ("x,y\n" + rows(), {"path": ""}, DataError, "no file ''"),
        ("x,y\n" + rows(), {"path": "~nobody-here/x"}, DataError, "no file '~nobody-here/x'"),
        ("x,y\n" + rows(), {"path": "a" * 300}, DataError, "no file 'aaa"),
        ("x,y\n" + rows(), {"path": "a\0b"}, DataError, "no file 'a"),
        ("x,y\n" + rows(), {"path": "."}, DataError, "is a folder"),
        ("x,y\n" + rows(), {"nonsense": 1}, SettingsError, "nonsense"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(
    tmp_path: Path, content: str | bytes, arguments: dict[str, Any], error: type[EngineError], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        table(tmp_path, content, **arguments)
    assert caught.value.hint or "must be" in caught.value.message


@settings(max_examples=150, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text('a1,;"\n\r\t é', max_size=120).map(str.encode)))
def test_any_bytes_are_read_or_refused_in_words(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        dataset = table(folder, content, test=0)
    except EngineError:
        return  # refused in words; anything else fails this test
    assert np.isfinite(dataset.splits["train"].inputs).all()


def test_a_path_in_the_data_folder_is_found_and_the_experiments_folder_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder = tmp_path / "data", tmp_path / "here"
    data.mkdir()
    folder.mkdir()
    (data / "t.csv").write_text("x,in_data\n" + rows())
    monkeypatch.setenv("DLTUI_DATA", str(data))
    own = {"name": "csv", "path": "t.csv", "drop": ["x"]}
    with pytest.raises(SettingsError, match="in_data"):
        prepare(Settings(data=own), folder)
    (folder / "t.csv").write_text("x,beside\n" + rows())
    with pytest.raises(SettingsError, match="beside"):
        prepare(Settings(data=own), folder)


# -------------------------------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator_quotes_packing_and_a_mark_at_the_beginning(tmp_path: Path, separator: str) -> None:
    text = separator.join(['"size, in cm"', "town", "y"]) + "\r\n"
    text += "".join(separator.join([f"{i}.5", '"a ""b"" c"', "ab"[i % 2]]) + "\r\n" for i in range(30))
    for content in (text.encode("utf-8-sig"), gzip.compress(text.encode())):
        dataset = table(tmp_path, content)
        assert dataset.columns == ("size, in cm", 'town=a "b" c')
        assert dataset.classes == ("a", "b")
    named = {"\t": "tab", ";": "semicolon"}.get(separator, separator)
    assert len(table(tmp_path, text, separator=named).columns) == 2


def test_headers_missing_empty_and_twice(tmp_path: Path) -> None:
    assert table(tmp_path, rows(), header=False).columns == ("column 0",)
    named = table(tmp_path, "x,,x,y\n" + rows(pattern="{i},1,2,{c}"))
    assert named.columns == ("x", "column 1", "x (2)")


def test_a_first_line_of_numbers_is_doubted(tmp_path: Path) -> None:
    dataset = table(tmp_path, "".join(f"{i},{i % 2}\n" for i in range(30)))
    assert "data.header = false" in dataset.note
    assert dataset.columns == ("0",)


def test_labels_by_name_by_number_and_in_order(tmp_path: Path) -> None:
    text = "y,x\n" + "".join(f"{(10, 9, -1)[i % 3]},{i}\n" for i in range(60))
    for label in ("y", 0, -2, "0"):
        assert table(tmp_path, text, label=label).classes == ("-1", "9", "10")


def test_rows_without_a_label_are_left_out_and_counted(tmp_path: Path) -> None:
    dataset = table(tmp_path, "x,y\n" + rows() + "1,\n2,NA\n", test=0)
    assert len(dataset.splits["train"]) == 40
    assert "2 rows without a 'y' are left out" in dataset.note


def test_gaps_are_filled_or_their_rows_dropped(tmp_path: Path) -> None:
    text = "x,town,y\n" + rows(pattern="{i},Rome,{c}") + ",Rome,a\n5,n/a,b\n"
    filled = table(tmp_path, text, test=0, scale=False).splits["train"].inputs
    assert filled[40].tolist() == [19.0, 1.0], "the median of 0…39 and 5"
    assert filled[41].tolist() == [5.0, 1.0]
    dropped = table(tmp_path, text, test=0, missing="drop")
    assert len(dropped.splits["train"]) == 40
    assert "2 rows with gaps are left out" in dropped.note


def test_free_text_is_left_out_and_frequent_text_is_cut(tmp_path: Path) -> None:
    text = "id,town,y\n" + "".join(f"u{i},t{i % 80},{'ab'[i % 2]}\n" for i in range(400))
    dataset = table(tmp_path, text)
    assert "'id' is free text (400 different values) and is left out" in dataset.note
    assert len(dataset.columns) == 50
    assert all(name.startswith("town=t") for name in dataset.columns)


def test_one_odd_cell_in_a_column_of_numbers_is_pointed_out(tmp_path: Path) -> None:
    text = "x,y\n" + "".join(f"{i % 5},{'ab'[i % 2]}\n" for i in range(40)) + "1_000,a\n"
    assert "'x' is taken as text: '1_000' in line 42 is no number" in table(tmp_path, text).note


def test_large_numbers_keep_their_differences(tmp_path: Path) -> None:
    text = "time,y\n" + "".join(f"{1_700_000_000 + i},{'ab'[i % 2]}\n" for i in range(50))
    train = table(tmp_path, text, test=0).splits["train"].inputs
    assert len(np.unique(train)) == 50
    assert train.std() == pytest.approx(1, abs=1e-5)
    constant = table(tmp_path, "x,c,y\n" + rows(pattern="{i},0.1,{c}"), test=0).splits["train"].inputs
    assert np.abs(constant[:, 1]).max() < 1e-6


def test_rows_from_a_command_line(tmp_path: Path) -> None:
    text = "id,age,town,y\n" + rows(pattern="n{i},{i},Rome,{c}") + "n,3,Oslo,a\n"
    dataset = table(tmp_path, text, test=0, scale=False, drop=["id"])
    assert dataset.encode is not None
    expected = [7.0, 1.0, 0.0]  # age, town=Oslo, town=Rome
    given_ = ["age=7,town=Oslo", "town = Oslo, age = 7", "7,Oslo", "n9,7,Oslo,", "id=4,age=7,town=Oslo,y=a"]
    assert dataset.encode(given_).inputs.tolist() == [expected] * len(given_)
    assert dataset.encode(["town=Oslo"]).inputs[0, 0] == 19.0, "a gap is filled as in training"
    for bad, says in (
        ("7", "1 values, expected 2"),
        ("age=7,twon=Oslo", "no column 'twon'"),
        ("age=7,Oslo", "'Oslo' is not name=value"),
        ("age=old,town=Oslo", "'age' is 'old'"),
        ("age=inf,town=Oslo", "'age' is 'inf'"),
        ("7,oslo", "'town' is never 'oslo'(.|\n)*did you mean 'Oslo'"),
    ):
        with pytest.raises(DataError, match=says):
            dataset.encode([given_[0], bad])


def test_titanic_as_it_comes(real_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DLTUI_DATA", str(real_data))
    data = {"name": "csv", "path": "tabular/titanic_train.csv", "label": "Survived", "drop": ["PassengerId"]}
    dataset = prepare(Settings(data=data), tmp_path).dataset
    assert dataset.classes == ("0", "1")
    assert dataset.columns == (
        "Pclass", "Sex=female", "Sex=male", "Age", "SibSp", "Parch", "Fare", "Embarked=C", "Embarked=Q", "Embarked=S",
    )  # fmt: skip
    for name in ("Name", "Ticket", "Cabin"):
        assert f"'{name}' is free text" in dataset.note


# -------------------------------------------------------------------------------------------------------------- images


def picture(path: Path, size: tuple[int, int] = (6, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (len(path.name), 2, 3)).save(path)
    return path


def folder_of_images(folder: Path) -> Path:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/22.png"):
        picture(folder / "x" / name)
    return folder / "x"


def images(folder: Path, **arguments: Any) -> Dataset:
    return load("image_folder", {"path": "x", **arguments}, folder / "data", folder)


def test_an_image_that_does_not_decode_is_named(tmp_path: Path) -> None:
    broken = folder_of_images(tmp_path) / "b" / "0.png"
    for content in (b"", b"no image", picture(tmp_path / "whole.png", (64, 64)).read_bytes()[:60]):
        broken.write_bytes(content)
        with pytest.raises(DataError, match=r"x/b/0\.png does not decode as an image"):
            images(tmp_path)
    broken.unlink()
    broken.symlink_to(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"x/b/0\.png cannot be read"):
        images(tmp_path)


def test_different_sizes_name_two_files_and_the_setting(tmp_path: Path) -> None:
    picture(folder_of_images(tmp_path) / "b" / "3.png", (7, 5))
    with pytest.raises(DataError, match=r"x/a/1\.png is 6 × 6, .*x/b/3\.png is 7 × 5") as caught:
        images(tmp_path)
    assert "data.size" in caught.value.hint
    assert images(tmp_path, size=4).splits["train"].inputs.shape == (5, 3, 4, 4)


def test_images_that_do_not_fit_into_memory_are_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    folder_of_images(tmp_path)

    class Little:
        available = 100

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    with pytest.raises(DataError, match=r"4 images of 6 × 6 take 0\.0 GiB") as caught:
        images(tmp_path)
    assert "data.size" in caught.value.hint


def test_folders_laid_out_otherwise_say_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder 'x' beside the file of experiments"):
        images(tmp_path)
    (tmp_path / "x").mkdir()
    with pytest.raises(DataError, match="holds no images in folders of classes") as caught:
        images(tmp_path)
    assert "PATH/CLASS" in caught.value.hint
    picture(tmp_path / "x" / "1.png")
    with pytest.raises(DataError, match="holds no images in folders of classes"):
        images(tmp_path)
    picture(tmp_path / "x" / "only" / "1.png")
    with pytest.raises(DataError, match="every sample is labelled 'only'"):
        images(tmp_path)


def test_a_class_that_train_lacks_is_named(tmp_path: Path) -> None:
    for name in ("train/a/1.png", "train/b/1.png", "val/c/1.png"):
        picture(tmp_path / "x" / name)
    with pytest.raises(DataError, match=r"the validation split has a class 'c' that the train split lacks"):
        images(tmp_path)


@pytest.mark.parametrize("arguments", [{"channels": 2}, {"size": 0}, {"size": 99999}])
def test_impossible_image_arguments(tmp_path: Path, arguments: dict[str, Any]) -> None:
    folder_of_images(tmp_path)
    with pytest.raises(SettingsError, match=next(iter(arguments))):
        images(tmp_path, **arguments)


def test_class_folders_with_names_that_are_not_text(tmp_path: Path) -> None:
    folder_of_images(tmp_path)
    (tmp_path / "x" / "a").rename(tmp_path / "x" / os.fsdecode(b"caf\xe9\x1b[2J"))
    classes = images(tmp_path).classes
    assert classes == ("b", "caf\\xe9\x1b[2J")
    assert all(name.encode() for name in classes)


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    folder_of_images(tmp_path)
    (tmp_path / "data").write_text("a file where the data folder should be")
    assert len(images(tmp_path).splits["train"]) == 4


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    folder_of_images(tmp_path)
    first = images(tmp_path).splits["train"].inputs
    (kept,) = (tmp_path / "data" / "cache" / "images").iterdir()
    for content in (b"", kept.read_bytes()[:-5], b"\x80\x04N."):
        kept.write_bytes(content)
        np.testing.assert_array_equal(images(tmp_path).splits["train"].inputs, first)


def test_an_images_orientation_is_obeyed(tmp_path: Path) -> None:
    folder_of_images(tmp_path)
    turned = Image.new("RGB", (6, 6))
    turned.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned.save(tmp_path / "x" / "a" / "3.png", exif=exif)
    assert images(tmp_path).splits["train"].inputs[2, :, -1, -1].tolist() == [255, 255, 255]
