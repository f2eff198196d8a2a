"""TensorFlow's tables with their blocks compressed, as Google's own builds write checkpoints."""

import struct

POLYNOMIAL = 0x82F63B78  # of CRC-32C


def varint(number):
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def snappy(data):
    """Valid Snappy that saves nothing: a length and literals."""
    parts = [data[i : i + 60] for i in range(0, len(data), 60)]
    return varint(len(data)) + b"".join(bytes([(len(p) - 1) << 2]) + p for p in parts)


def entries_of(index):
    """Yields (key, offset, size) of the blocks that an index block names."""
    restarts = struct.unpack("<I", index[-4:])[0]
    at, key = 0, b""
    while at < len(index) - 4 - 4 * restarts:
        shared, at = read_varint(index, at)
        length, at = read_varint(index, at)
        value_length, at = read_varint(index, at)
        key = key[:shared] + index[at : at + length]
        at += length
        offset, size_at = read_varint(index, at)
        yield key, offset, read_varint(index, size_at)[0]
        at += value_length


def compressed(table):
    """A table with every block Snappy-compressed (block type 1)."""
    out, at, numbers = bytearray(), len(table) - 48, []
    for _ in range(4):
        number, at = read_varint(table, at)
        numbers.append(number)

    def add(block):
        body = snappy(block) + b"\x01"
        handle = varint(len(out)) + varint(len(body) - 1)
        out.extend(body + struct.pack("<I", masked_crc(body)))
        return handle

    meta_offset, meta_size, index_offset, index_size = numbers
    index, starts = bytearray(), []
    for key, offset, size in entries_of(table[index_offset : index_offset + index_size]):
        handle = add(table[offset : offset + size])
        starts.append(len(index))
        index += varint(0) + varint(len(key)) + varint(len(handle)) + key + handle
    index += struct.pack(f"<{len(starts) + 1}I", *starts, len(starts))
    handles = add(table[meta_offset : meta_offset + meta_size]) + add(bytes(index))
    return bytes(out) + handles.ljust(40, b"\0") + table[-8:]
