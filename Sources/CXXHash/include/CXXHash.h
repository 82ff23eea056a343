// XXH3 for Godwit. The library's own names are macros and are not imported into Swift, so each use has a
// function here. Keys are short: the inline form costs about 1.5 ns for 16 B. Blocks are long: the
// out-of-line form is twice as fast as inlining the long path into Swift code.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t godwit_hash_key(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}

uint64_t godwit_hash_block(const void *bytes, size_t count, uint64_t seed);

// The same hash of bytes that come in pieces: make, update, digest, free.
void *godwit_hash_stream_make(void);
void godwit_hash_stream_update(void *stream, const void *bytes, size_t count);
uint64_t godwit_hash_stream_digest(const void *stream);
void godwit_hash_stream_free(void *stream);
