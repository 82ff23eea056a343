#pragma once
// A narrow C face of RocksDB's C++ interface: what the benchmark drives, with every object reused that can be.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rocks rocks;
typedef struct rocks_session rocks_session;

typedef struct {
    const char *path;
    size_t cache_bytes;
    size_t memtable_bytes;
    // The hyper clock cache in place of the LRU cache.
    bool hyper_clock;
    // Reads, flushes and compactions past the page cache.
    bool direct;
    // Full Bloom filters of 10 bits a key.
    bool filters;
} rocks_options;

// NULL on failure; `error` (256 bytes) then says why.
rocks *rocks_open(const rocks_options *options, char *error);
void rocks_close(rocks *db);

// The library's version, as "7.8.3".
const char *rocks_version(void);

// One for each thread: read and write options, a PinnableSlice, the arrays of a multi-get.
rocks_session *rocks_session_new(rocks *db);
void rocks_session_free(rocks_session *session);

// What a read returns of a value: its length, its first byte in bits 32 to 39; -1 for an absent key.
int64_t rocks_get(rocks_session *session, const void *key, size_t length);
// The sum over `count` keys of `length` bytes each, one after the other; absent ones add -1.
int64_t rocks_multi_get(rocks_session *session, const void *keys, size_t length, size_t count);
bool rocks_put(
    rocks_session *session, const void *key, size_t key_length, const void *value, size_t value_length, bool sync);
// The sum over at most `limit` rows from `start` on (NULL: from the first), and how many there were.
int64_t rocks_scan(rocks_session *session, const void *start, size_t length, size_t limit, size_t *rows);

// Sorted input, written as table files and then taken in.
typedef struct rocks_loader rocks_loader;
rocks_loader *rocks_loader_new(rocks *db, const char *directory);
bool rocks_loader_add(
    rocks_loader *loader, const void *key, size_t key_length, const void *value, size_t value_length);
// Closes the last file, ingests all, frees the loader.
bool rocks_loader_finish(rocks_loader *loader);

bool rocks_flush(rocks *db);
bool rocks_compact(rocks *db);
// Whether a flush or a compaction runs or is due.
bool rocks_is_busy(rocks *db);
// Bytes of table files.
uint64_t rocks_table_bytes(rocks *db);
// Bytes of memtables, cached blocks, indexes and filters.
uint64_t rocks_memory(rocks *db);

#ifdef __cplusplus
}
#endif
