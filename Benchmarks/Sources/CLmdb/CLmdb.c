#include "CLmdb.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>

struct lmdb {
    MDB_env *env;
    MDB_dbi dbi;
};

struct lmdb_session {
    struct lmdb *db;
    MDB_txn *reader;
    MDB_txn *writer;
};

const char *lmdb_version_text(void) {
    static char text[32];
    int major, minor, patch;
    mdb_version(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

lmdb *lmdb_open(const char *path, size_t map_bytes, char *error) {
    lmdb *db = calloc(1, sizeof *db);
    MDB_txn *txn = NULL;
    int rc = mdb_env_create(&db->env);
    if (!rc) rc = mdb_env_set_mapsize(db->env, map_bytes);
    // Read-ahead off: access is random; no sync: the peers' writes are buffered too.
    if (!rc) rc = mdb_env_open(db->env, path, MDB_NOSYNC | MDB_WRITEMAP | MDB_NORDAHEAD | MDB_NOTLS, 0644);
    if (!rc) rc = mdb_txn_begin(db->env, NULL, 0, &txn);
    if (!rc) rc = mdb_dbi_open(txn, NULL, MDB_CREATE, &db->dbi);
    if (!rc) rc = mdb_txn_commit(txn);
    if (!rc) return db;
    snprintf(error, 256, "%s", mdb_strerror(rc));
    free(db);
    return NULL;
}

void lmdb_close(lmdb *db) {
    mdb_env_close(db->env);
    free(db);
}

lmdb_session *lmdb_session_new(lmdb *db) {
    lmdb_session *session = calloc(1, sizeof *session);
    session->db = db;
    return session;
}

static void stop_reading(lmdb_session *s) {
    if (s->reader) mdb_txn_abort(s->reader);
    s->reader = NULL;
}

void lmdb_session_free(lmdb_session *session) {
    stop_reading(session);
    free(session);
}

static int start_reading(lmdb_session *s) {
    return s->reader ? 0 : mdb_txn_begin(s->db->env, NULL, MDB_RDONLY, &s->reader);
}

static int64_t digest(const MDB_val *value) {
    int64_t first = value->mv_size ? *(const unsigned char *)value->mv_data : 0;
    return first << 32 | (int64_t)value->mv_size;
}

int64_t lmdb_get(lmdb_session *s, const void *key, size_t length) {
    if (start_reading(s)) return INT64_MIN;
    MDB_val k = {length, (void *)key}, value;
    int rc = mdb_get(s->reader, s->db->dbi, &k, &value);
    if (rc) return rc == MDB_NOTFOUND ? -1 : INT64_MIN;
    return digest(&value);
}

static bool store(lmdb_session *s, const void *key, size_t kn, const void *value, size_t vn, unsigned flags) {
    MDB_val k = {kn, (void *)key}, v = {vn, (void *)value};
    return mdb_put(s->writer, s->db->dbi, &k, &v, flags) == 0;
}

bool lmdb_put(lmdb_session *s, const void *key, size_t key_length, const void *value, size_t value_length) {
    stop_reading(s);
    if (mdb_txn_begin(s->db->env, NULL, 0, &s->writer)) return false;
    if (!store(s, key, key_length, value, value_length, 0)) {
        mdb_txn_abort(s->writer);
        return false;
    }
    return mdb_txn_commit(s->writer) == 0;
}

int64_t lmdb_scan(lmdb_session *s, const void *start, size_t length, size_t limit, size_t *rows) {
    MDB_cursor *cursor;
    MDB_val key = {length, (void *)start}, value;
    if (start_reading(s) || mdb_cursor_open(s->reader, s->db->dbi, &cursor)) return INT64_MIN;
    int rc = mdb_cursor_get(cursor, &key, &value, start ? MDB_SET_RANGE : MDB_FIRST);
    int64_t sum = 0;
    size_t count = 0;
    while (!rc && count < limit) {
        sum += digest(&value) + (int64_t)key.mv_size;
        count++;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    *rows = count;
    return rc && rc != MDB_NOTFOUND ? INT64_MIN : sum;
}

bool lmdb_load_begin(lmdb_session *s) {
    stop_reading(s);
    return mdb_txn_begin(s->db->env, NULL, 0, &s->writer) == 0;
}

bool lmdb_load_add(lmdb_session *s, const void *key, size_t key_length, const void *value, size_t value_length) {
    return store(s, key, key_length, value, value_length, MDB_APPEND);
}

bool lmdb_load_finish(lmdb_session *s) { return mdb_txn_commit(s->writer) == 0; }
