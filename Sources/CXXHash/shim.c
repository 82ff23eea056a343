#include "CXXHash.h"

uint64_t godwit_hash_block(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}
