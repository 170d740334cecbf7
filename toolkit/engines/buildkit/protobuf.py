"""The protobuf wire format, as much of it as a builder's messages use. Knows no message types."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED_WIDTH = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field's number and raw value, in order; ValueError if the message is cut short."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == BYTES:
            width, position = _varint(message, position)
        elif kind in _FIXED_WIDTH:
            width = _FIXED_WIDTH[kind]
        else:
            raise ValueError(f"unknown protobuf wire type: {kind}")
        if position + width > len(message):
            raise ValueError("protobuf message is cut short")
        yield number, message[position : position + width]
        position += width


def bytes_field(number: int, value: bytes) -> bytes:
    """One length-delimited field; nothing for an empty value, which is the default."""
    if not value:
        return b""
    return _encode_varint(number << 3 | BYTES) + _encode_varint(len(value)) + value


def varint_field(number: int, value: int) -> bytes:
    return _encode_varint(number << 3 | VARINT) + _encode_varint(value)


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST_VARINT):
        if position + index >= len(message):
            raise ValueError("protobuf message is cut short")
        byte = message[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004 - the top bit says that another byte follows
            return value, position + index + 1
    raise ValueError("protobuf number is too long")


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
