#include "CXXHash.h"

uint64_t godwit_hash_block(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}

void *godwit_hash_stream_make(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state) XXH3_64bits_reset(state);
    return state;
}

void godwit_hash_stream_update(void *stream, const void *bytes, size_t count) {
    XXH3_64bits_update(stream, bytes, count);
}

uint64_t godwit_hash_stream_digest(const void *stream) { return XXH3_64bits_digest(stream); }

void godwit_hash_stream_free(void *stream) { XXH3_freeState(stream); }
