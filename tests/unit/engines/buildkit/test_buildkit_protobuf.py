import pytest

from toolkit.engines.buildkit.protobuf import bytes_field, fields, varint_field


def test_what_is_written_is_read_back() -> None:
    message = varint_field(1, 300) + bytes_field(2, b"x" * 200) + varint_field(16, 0)
    assert list(fields(message)) == [(1, 300), (2, b"x" * 200), (16, 0)]


def test_an_empty_value_is_left_out() -> None:
    assert bytes_field(1, b"") == b""


def test_fixed_width_fields_are_stepped_over() -> None:
    message = b"\x09" + b"8bytes!!" + b"\x15" + b"four" + varint_field(3, 7)
    assert list(fields(message)) == [(1, b"8bytes!!"), (2, b"four"), (3, 7)]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\x0a\x05abc", id="bytes shorter than said"),
        pytest.param(b"\x08\x80", id="number without its end"),
        pytest.param(b"\x08" + b"\xff" * 11, id="number of eleven bytes"),
        pytest.param(b"\x09abc", id="fixed width cut"),
        pytest.param(b"\x0b", id="a group, which no message here has"),
    ],
)
def test_a_broken_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="protobuf"):
        list(fields(message))
