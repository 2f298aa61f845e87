import re

import pytest
from numpy.testing import assert_array_equal

from bayes.io.observations import read_observations

ERRORS = [
    "#N/A",
    "#VALUE!",
    "#REF!",
    "#NAME?",
    "#NUM!",
    "#NULL!",
    "#NV",
    "#WERT!",
    "#NOM?",
    "#N/A N/A",
    "#####",
    "#1.5",
]
"""What spreadsheets write for a value that they have not."""


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
    ("text", "numbers"),
    [
        ("1, 2", [1, 2]),
        ("1,2,3", [1, 2, 3]),
        ("0,1,0,1", [0, 1, 0, 1]),
        ('"1","2","3"', [1, 2, 3]),
        ("#heights in m\n1", [1]),
        ("#\n# N/A\n1", [1]),
        ("#Heights\n#two of them!\n1\n2", [1, 2]),
        ("count\n1\n2", [1, 2]),
    ],
)
def test_what_is_several_numbers_or_a_comment_is_taken_so(tmp_path, text, numbers):
    (tmp_path / "y.csv").write_text(text)
    assert_array_equal(read_observations(tmp_path / "y.csv"), numbers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no number"),
        ("# nothing\n\n", "holds no number"),
        ("y\n", "'y' is not a finite number"),
        ("1\ntwo\n3", "line 2: 'two' is not a finite number"),
        ("1\nnan\n", "line 2: 'nan'"),
        ("inf", "line 1: 'inf'"),
        ("1,2\n3,4", "line 1 '1,2' has 2 columns"),
        ("1;2", "line 1: '1;2'"),
        ("1,,2", "line 1: ''"),
        ("1.8O\n2.1", "line 1: '1.8O'"),
        ("-x\n2.1", "line 1: '-x'"),
        ("1_000\n2", "line 1: '1_000'"),
        ("x" * 200_000, "line 1: 'xxx"),
        ("height\n3,14", "line 2 '3,14' has 2 columns; .*not a decimal comma"),
        ("height\n3,14\n2,71", "line 2 '3,14' has 2 columns; .*not a decimal comma"),
        ("NA\n3.1\n2.8", "line 1: 'NA' is not a finite number; .* leave out what is missing"),
        ("n/a\n3.1", "line 1: 'n/a'"),
        ("None\n3.1", "line 1: 'None'"),
        ("height\nNA\n2.8", "line 2: 'NA'"),
        ("2.5\n#DIV/0!\n#N/A\n3.5", "line 2: '#DIV/0!' is not a finite number"),
        *((f"2.5\n{error}\n3.5", f"line 2: '{re.escape(error)}'") for error in ERRORS),
        *(
            (f"{error}\n3.5", f"line 1: '{re.escape(error)}'")
            for error in ["TRUE", "False", "yes", "O.5", "l2", "Err:502"]
        ),
        ('"3,14"', "line 1: '3,14' is not a finite number; .* write a decimal point, no decimal comma"),
        ('height\n"3,14"\n"2,71"', "line 2: '3,14' .* write a decimal point, no decimal comma"),
        ('"1,000"', "line 1: '1,000' .* no separators of thousands"),
        ("3,14", "line 1: '3,14' is one number or several; .* decimal point.*one number a line"),
        ("3,14\n\n", "line 1: '3,14' is one number or several"),
        ("# height\n-3,14 ", "line 2: '-3,14' is one number or several"),
        ("1.234,5", "line 1: '1.234,5' is one number or several"),
        ("1,234.5", "line 1: '1,234.5' is one number or several"),
        ("1,000,000", "line 1: '1,000,000' is one number or several"),
        ("1,234,567.89", "line 1: '1,234,567.89' is one number or several"),
        ("3,1;2,0", "line 1: '3,1;2,0' is separated by semicolons or tabs; write one number a line"),
        ("1.5\n3,1\t2,0", "line 2: .* is separated by semicolons or tabs"),
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
        ("a,b\n3,14,2,71", "line 2 '3,14,2,71' has 4 columns; .*decimal comma"),
        ("a,b\nNA,2", "'NA'"),
        ("1\n3", "line 1 '1' has 1 column; an observation has 2 numbers, with commas between columns"),
        ("1;2\n3;4", "line 1: '1;2' is separated by semicolons or tabs; separate the columns with commas"),
        ('"1,5","2,5"', "line 1: '1,5' is not a finite number; .* no decimal comma"),
        ("1,2\n#N/A,3", "line 2: '#N/A'"),
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
