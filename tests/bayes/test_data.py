import pytest
from numpy.testing import assert_array_equal

from bayes.data import read_observations


@pytest.mark.parametrize(
    "text",
    ["1\n2.5\n-3e2\n", "y\n1\n2.5\n-3e2", "1, 2.5, -3e2", "# lengths\n\n1\r\n2.5\r\n\r\n-3e2", '﻿"y"\n1\n2.5\n-3e2'],
    ids=["lines", "heading", "one row", "comments, blanks and CRLF", "Excel's mark and quotes"],
)
def test_numbers_are_read(tmp_path, text):
    file = tmp_path / "y.csv"
    file.write_text(text, encoding="utf-8")
    assert_array_equal(read_observations(file), [1, 2.5, -300])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no number"),
        ("# nothing\n\n", "holds no number"),
        ("y\n", "'y' is not a finite number"),
        ("1\ntwo\n3", "line 2: 'two' is not a finite number"),
        ("1\nnan\n", "line 2: 'nan'"),
        ("inf", "line 1: 'inf'"),
        ("1,2\n3,4", "line 1 has 2 columns"),
        ("1;2", "line 1: '1;2'"),
        ("1,,2", "line 1: ''"),
        ("1.8O\n2.1", "line 1: '1.8O'"),
        ("-x\n2.1", "line 1: '-x'"),
        ("1_000\n2", "line 1: '1_000'"),
        ("x" * 200_000, "line 1: 'xxx"),
        ("height\n3,14", "line 2 has 2 columns; .*not a decimal comma"),
        ("height\n3,14\n2,71", "line 2 has 2 columns; .*not a decimal comma"),
        ("NA\n3.1\n2.8", "line 1: 'NA' is not a finite number; .* leave out what is missing"),
        ("n/a\n3.1", "line 1: 'n/a'"),
        ("None\n3.1", "line 1: 'None'"),
        ("height\nNA\n2.8", "line 2: 'NA'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, message):
    file = tmp_path / "y.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_observations(file)
    assert repr(str(file)) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NA,na\n1,2", "line 1: 'NA'"),
        ("a,b\n3,14,2,71", "line 2 has 4 columns; .*decimal comma"),
        ("a,b\nNA,2", "'NA'"),
    ],
)
def test_what_is_wrong_in_a_matrix_is_named_too(tmp_path, text, message):
    (tmp_path / "y.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_observations(tmp_path / "y.csv", columns=2)


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe1\x00")
    for name in ["missing", "folder", "binary"]:
        with pytest.raises(ValueError, match="cannot be read: "):
            read_observations(tmp_path / name)
