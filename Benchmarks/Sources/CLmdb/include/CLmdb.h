#pragma once
// A narrow face of LMDB: what the benchmark drives. Its own header uses macros and unions that do not import well.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lmdb lmdb;
typedef struct lmdb_session lmdb_session;

// NULL on failure; `error` (256 bytes) then says why. Writes are buffered: nothing is synced.
lmdb *lmdb_open(const char *path, size_t map_bytes, char *error);
void lmdb_close(lmdb *db);

// The library's version, as "0.9.24".
const char *lmdb_version_text(void);

// One for each thread. It keeps one read transaction until the next write of the same session: the fastest way to read.
lmdb_session *lmdb_session_new(lmdb *db);
void lmdb_session_free(lmdb_session *session);

// What a read returns of a value: its length, its first byte in bits 32 to 39; -1 for an absent key.
int64_t lmdb_get(lmdb_session *session, const void *key, size_t length);
bool lmdb_put(lmdb_session *session, const void *key, size_t key_length, const void *value, size_t value_length);
// The sum over at most `limit` rows from `start` on (NULL: from the first), and how many there were.
int64_t lmdb_scan(lmdb_session *session, const void *start, size_t length, size_t limit, size_t *rows);

// Sorted input in one transaction, each key appended.
bool lmdb_load_begin(lmdb_session *session);
bool lmdb_load_add(lmdb_session *session, const void *key, size_t key_length, const void *value, size_t value_length);
bool lmdb_load_finish(lmdb_session *session);
