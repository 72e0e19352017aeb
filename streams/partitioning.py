"""Which partition a key belongs to: Kafka's own rule, so that every client puts a member in the same place."""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_R = 24
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash of Kafka's default partitioner: 32-bit MurmurHash 2 by Austin Appleby, as an unsigned number.

    Example:
        >>> hex(murmur2(b"kafka")), hex(murmur2(b""))
        ('0xd067cf64', '0x106e08d9')
    """
    length = len(data)
    h = _SEED ^ length
    whole = length - length % 4
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        k = (k ^ k >> _R) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if whole < length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, the same as the Java client, aiokafka and librdkafka's `murmur2` choose.

    Example:
        >>> [partition_of(key, 4) for key in (b"household-1", b"household-2", b"household-3")]
        [1, 0, 3]
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions
