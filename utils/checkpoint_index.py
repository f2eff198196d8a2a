"""The index of a TensorFlow checkpoint (format V2), checked before TensorFlow reads it.

Some damaged indexes crash TensorFlow's whole process. An index is a LevelDB table: blocks,
each with a checksum, of sorted entries that map a tensor's name to the position of its bytes
(tensorflow/core/protobuf/tensor_bundle.proto), then a footer with the positions of the blocks.
"""

import os
import struct

_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # of a block: its compression type and checksum
_MOST_BYTES = 1 << 26
_MOST_NUMBERS = 1 << 40  # of a tensor
# Bytes per element of each type, by its number in tensorflow/core/framework/types.proto; None for
# types without a fixed size.
_ITEM_BYTES = {1: 4, 2: 8, 3: 4, 4: 1, 5: 2, 6: 1, 7: None, 8: 8, 9: 8, 10: 1, 11: 1, 12: 1, 13: 4,
               14: 2, 15: 2, 16: 2, 17: 2, 18: 16, 19: 2, 21: None, 22: 4, 23: 8}  # fmt: skip
_DAMAGE = (ValueError, LookupError, TypeError, struct.error)


def damage(prefix):
    """Checks a checkpoint's index, and that its data files are as long as it requires.

    The bytes of the tensors are not read.

    Args:
      prefix: str, of a checkpoint of format V2.

    Returns:
      str, which file is damaged and how; None if it is intact.
    """
    path = prefix + ".index"
    try:
        size = os.path.getsize(path)
        if size > _MOST_BYTES:
            return f"{path} has {size} bytes, impossible for an index"
        with open(path, "rb") as file:
            entries = _entries_of_table(file.read())
        return _missing_data(prefix, entries)
    except OSError as error:
        return f"{path} can't be read: {error.strerror}"
    except _DAMAGE as error:
        reason = str(error) if isinstance(error, ValueError) else "it is cut off"
        return f"{path} is damaged: {reason}"


def _entries_of_table(table):
    """List of (key, value), both bytes, of a whole table. Raises ValueError on damage."""
    if len(table) < _FOOTER_BYTES or struct.unpack("<Q", table[-8:])[0] != _MAGIC:
        raise ValueError("it has no footer")
    footer, position, handles = table[-_FOOTER_BYTES:], 0, []
    for _ in range(4):
        number, position = _varint(footer, position)
        handles.append(number)
    _block(table, *handles[:2])
    entries = []
    for _, handle in _entries_of_block(_block(table, *handles[2:])):
        offset, position = _varint(handle, 0)
        entries += _entries_of_block(_block(table, offset, _varint(handle, position)[0]))
    keys = [key for key, _ in entries]
    if any(second <= first for first, second in zip(keys, keys[1:])):
        raise ValueError("its keys are not sorted")
    return entries


def _block(table, offset, size):
    """The contents of a block, after checking its checksum."""
    end = offset + size + _TRAILER_BYTES
    if end > len(table) - _FOOTER_BYTES:
        raise ValueError("a block lies outside the file")
    kind, stored = struct.unpack("<BI", table[end - _TRAILER_BYTES : end])
    if kind != 0:
        raise ValueError("a block is compressed, which TensorFlow never does")
    if stored != _masked_crc32c(table[offset : end - 4]):
        raise ValueError("a checksum is wrong")
    return table[offset : offset + size]


def _entries_of_block(block):
    """List of (key, value); keys omit the prefix that they share with the one before."""
    (count,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (count + 1)
    if end < 0:
        raise ValueError("a block is too short")
    restarts = struct.unpack(f"<{count}I", block[end:-4])
    entries, key, position, whole_keys = [], b"", 0, {0}
    while position < end:
        start = position
        shared, position = _varint(block, position)
        rest, position = _varint(block, position)
        length, position = _varint(block, position)
        if shared > len(key) or position + rest + length > end:
            raise ValueError("an entry is too long")
        whole_keys |= {start} if shared == 0 else set()
        key = key[:shared] + block[position : position + rest]
        entries.append((key, block[position + rest : position + rest + length]))
        position += rest + length
    if count == 0 or not whole_keys.issuperset(restarts):
        raise ValueError("a block's restarts are wrong")
    return entries


def _missing_data(prefix, entries):
    """Which data is missing that the index lists; None if none is. May raise."""
    if not entries or entries[0][0] != b"":
        raise ValueError("it has no header")
    shards = _fields(entries[0][1]).get(1, [0])[-1]
    sizes = {}
    for _, value in entries[1:]:
        entry = _fields(value)
        shard, offset, size = (entry.get(field, [0])[-1] for field in (3, 4, 5))
        _check_size(entry, size)
        if shard >= shards:
            raise ValueError("there is no such data file")
        path = f"{prefix}.data-{shard:05d}-of-{shards:05d}"
        if path not in sizes:
            sizes[path] = os.path.getsize(path) if os.path.isfile(path) else None
        if sizes[path] is None:
            return f"{path} is missing"
        if offset + size > sizes[path]:
            return f"{path} is cut off"
    return None


def _check_size(entry, size):
    """Compares a tensor's size in bytes with its type and shape, which TensorFlow trusts."""
    if 7 in entry:
        raise ValueError("a variable is partitioned, which is not supported")
    numbers, is_empty, rank = 1, False, 0
    for shape in map(_fields, entry.get(2, ())):
        for dimension in map(_fields, shape.get(2, ())):
            length, rank = dimension.get(1, [0])[-1], rank + 1
            numbers, is_empty = numbers * max(length, 1), is_empty or length == 0
            if 2 in dimension or numbers > _MOST_NUMBERS or rank > 254:
                raise ValueError("a tensor has an invalid shape")
        if 3 in shape:
            raise ValueError("a tensor has an invalid shape")
    item = _ITEM_BYTES[entry.get(1, [0])[-1]]
    if item is not None and size != (0 if is_empty else numbers * item):
        raise ValueError("a tensor's size does not match its shape")


def _fields(message):
    """Dict from a field's number to its values, int or bytes, of a serialised protobuf."""
    fields, position = {}, 0
    while position < len(message):
        tag, position = _varint(message, position)
        value, position = _value(message, position, tag & 7)
        if position > len(message) or not 0 < tag >> 3 < 1 << 29:
            raise ValueError("an entry is cut off")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _value(message, position, kind):
    """The value of a field of a wire type, and the position after it."""
    if kind == 0:
        return _varint(message, position)
    if kind == 2:
        length, position = _varint(message, position)
    else:
        length = {1: 8, 5: 4}[kind]
    return message[position : position + length], position + length


def _varint(data, position):
    """A number of 7 bits a byte, lowest first, and the position after it."""
    number = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
    raise ValueError("a number is too long")


def _table_of_crc32c():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def _masked_crc32c(data):
    """LevelDB's checksum: CRC-32C (Castagnoli), rotated by 15 bits, plus a constant."""
    table, crc = _table_of_crc32c(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
