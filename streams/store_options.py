"""How RocksDB is set up for a partition's rows."""

import rocksdict

# Per partition, beside the block cache.
_WRITE_BUFFER_BYTES = 16 * 1024 * 1024
_WRITE_BUFFERS = 3
_MAX_OPEN_FILES = 128
_BLOOM_BITS = 10.0


def store_options(block_cache_bytes: int) -> "rocksdict.Options":
    """Options of a partition's database. Blocks that were read are cached; Faust's default would be 2 GiB of them."""
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(create_if_missing=True)
    options.set_max_open_files(_MAX_OPEN_FILES)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(_WRITE_BUFFERS)
    blocks = rocksdict.BlockBasedOptions()
    blocks.set_block_cache(rocksdict.Cache(block_cache_bytes))
    blocks.set_bloom_filter(_BLOOM_BITS, block_based=False)
    options.set_block_based_table_factory(blocks)
    return options
