#include "CRocks.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

using namespace rocksdb;

struct rocks {
    std::unique_ptr<DB> db;
    std::shared_ptr<Cache> cache;
    Options options;
};

struct rocks_session {
    DB *db;
    ColumnFamilyHandle *family;
    ReadOptions read;
    WriteOptions buffered;
    WriteOptions synced;
    PinnableSlice value;
    std::vector<Slice> keys;
    std::vector<PinnableSlice> values;
    std::vector<Status> statuses;
};

struct rocks_loader {
    rocks *owner;
    std::string directory;
    std::unique_ptr<SstFileWriter> writer;
    std::vector<std::string> files;
    bool good = true;
};

namespace {

// Bytes of a table, as Godwit's `tableSize`.
constexpr size_t table_bytes = 64u << 20;

Options make_options(const rocks_options &o, const std::shared_ptr<Cache> &cache) {
    BlockBasedTableOptions table;
    table.block_cache = cache;
    table.block_size = 4096;
    table.format_version = 5;
    if (o.filters) table.filter_policy.reset(NewBloomFilterPolicy(10, false));
    table.whole_key_filtering = true;
    table.data_block_index_type = BlockBasedTableOptions::kDataBlockBinaryAndHash;
    table.data_block_hash_table_util_ratio = 0.75;
    table.checksum = kXXH3;
    // Index and filter stay with the open table, outside of the cache: the faster of the two.
    table.cache_index_and_filter_blocks = false;

    Options options;
    options.create_if_missing = true;
    options.table_factory.reset(NewBlockBasedTableFactory(table));
    options.compression = kLZ4Compression;
    options.write_buffer_size = o.memtable_bytes;
    options.max_write_buffer_number = 4;
    options.memtable_whole_key_filtering = true;
    options.memtable_prefix_bloom_size_ratio = 0.1;
    options.level_compaction_dynamic_level_bytes = true;
    options.max_bytes_for_level_base = 256u << 20;
    options.target_file_size_base = table_bytes;
    options.max_background_jobs = 2;
    options.max_open_files = -1;
    options.enable_pipelined_write = true;
    // A used log file is written again, so that a sync has no metadata to write.
    options.recycle_log_file_num = 2;
    options.use_direct_reads = o.direct;
    options.use_direct_io_for_flush_and_compaction = o.direct;
    options.compaction_readahead_size = 2u << 20;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.statistics = nullptr;
    options.info_log_level = WARN_LEVEL;
    return options;
}

int64_t digest(const Slice &value) {
    int64_t first = value.empty() ? 0 : static_cast<unsigned char>(value[0]);
    return first << 32 | static_cast<int64_t>(value.size());
}

uint64_t property(DB *db, const std::string &name) {
    uint64_t value = 0;
    db->GetIntProperty(name, &value);
    return value;
}

}  // namespace

const char *rocks_version(void) {
    static const std::string version = GetRocksVersionAsString(true);
    return version.c_str();
}

rocks *rocks_open(const rocks_options *o, char *error) {
    auto result = std::make_unique<rocks>();
    if (o->hyper_clock) {
        result->cache = HyperClockCacheOptions(o->cache_bytes, 4096).MakeSharedCache();
    } else {
        result->cache = NewLRUCache(o->cache_bytes);
    }
    result->options = make_options(*o, result->cache);
    DB *db = nullptr;
    Status status = DB::Open(result->options, o->path, &db);
    if (!status.ok()) {
        std::snprintf(error, 256, "%s", status.ToString().c_str());
        return nullptr;
    }
    result->db.reset(db);
    return result.release();
}

void rocks_close(rocks *db) {
    db->db->Close();
    delete db;
}

rocks_session *rocks_session_new(rocks *db) {
    auto session = new rocks_session;
    session->db = db->db.get();
    session->family = session->db->DefaultColumnFamily();
    session->buffered.sync = false;
    session->synced.sync = true;
    return session;
}

void rocks_session_free(rocks_session *session) { delete session; }

int64_t rocks_get(rocks_session *s, const void *key, size_t length) {
    s->value.Reset();
    Status status = s->db->Get(s->read, s->family, Slice(static_cast<const char *>(key), length), &s->value);
    if (!status.ok()) return status.IsNotFound() ? -1 : INT64_MIN;
    return digest(s->value);
}

int64_t rocks_multi_get(rocks_session *s, const void *keys, size_t length, size_t count) {
    if (s->keys.size() != count) {
        s->keys.resize(count);
        s->values = std::vector<PinnableSlice>(count);
        s->statuses.resize(count);
    }
    const char *bytes = static_cast<const char *>(keys);
    for (size_t i = 0; i < count; i++) {
        s->keys[i] = Slice(bytes + i * length, length);
        s->values[i].Reset();
    }
    s->db->MultiGet(s->read, s->family, count, s->keys.data(), s->values.data(), s->statuses.data(), false);
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (s->statuses[i].ok()) sum += digest(s->values[i]);
        else if (s->statuses[i].IsNotFound()) sum -= 1;
        else return INT64_MIN;
    }
    return sum;
}

bool rocks_put(
    rocks_session *s, const void *key, size_t key_length, const void *value, size_t value_length, bool sync) {
    return s->db->Put(
                sync ? s->synced : s->buffered, s->family, Slice(static_cast<const char *>(key), key_length),
                Slice(static_cast<const char *>(value), value_length))
        .ok();
}

int64_t rocks_scan(rocks_session *s, const void *start, size_t length, size_t limit, size_t *rows) {
    // Read-ahead pays only for a scan that goes on.
    ReadOptions read = s->read;
    read.adaptive_readahead = true;
    std::unique_ptr<Iterator> iterator(s->db->NewIterator(read, s->family));
    if (start) iterator->Seek(Slice(static_cast<const char *>(start), length));
    else iterator->SeekToFirst();
    int64_t sum = 0;
    size_t count = 0;
    while (count < limit && iterator->Valid()) {
        sum += digest(iterator->value()) + static_cast<int64_t>(iterator->key().size());
        count++;
        iterator->Next();
    }
    *rows = count;
    return iterator->status().ok() ? sum : INT64_MIN;
}

rocks_loader *rocks_loader_new(rocks *db, const char *directory) {
    auto loader = new rocks_loader;
    loader->owner = db;
    loader->directory = directory;
    return loader;
}

bool rocks_loader_add(
    rocks_loader *l, const void *key, size_t key_length, const void *value, size_t value_length) {
    if (!l->writer) {
        l->writer = std::make_unique<SstFileWriter>(EnvOptions(), l->owner->options);
        l->files.push_back(l->directory + "/ingest-" + std::to_string(l->files.size()) + ".sst");
        if (!l->writer->Open(l->files.back()).ok()) return l->good = false;
    }
    Status status = l->writer->Put(
        Slice(static_cast<const char *>(key), key_length), Slice(static_cast<const char *>(value), value_length));
    if (!status.ok()) return l->good = false;
    if (l->writer->FileSize() >= table_bytes) {
        if (!l->writer->Finish().ok()) return l->good = false;
        l->writer.reset();
    }
    return true;
}

bool rocks_loader_finish(rocks_loader *l) {
    std::unique_ptr<rocks_loader> loader(l);
    if (loader->writer && !loader->writer->Finish().ok()) loader->good = false;
    loader->writer.reset();
    if (!loader->good || loader->files.empty()) return loader->good;
    IngestExternalFileOptions ingest;
    ingest.move_files = true;
    return loader->owner->db->IngestExternalFile(loader->files, ingest).ok();
}

bool rocks_flush(rocks *db) { return db->db->Flush(FlushOptions()).ok(); }

bool rocks_compact(rocks *db) {
    CompactRangeOptions options;
    options.bottommost_level_compaction = BottommostLevelCompaction::kForceOptimized;
    return db->db->CompactRange(options, nullptr, nullptr).ok();
}

bool rocks_is_busy(rocks *db) {
    DB *d = db->db.get();
    return property(d, "rocksdb.num-running-compactions") + property(d, "rocksdb.num-running-flushes")
        + property(d, "rocksdb.compaction-pending") + property(d, "rocksdb.mem-table-flush-pending")
        > 0;
}

uint64_t rocks_table_bytes(rocks *db) { return property(db->db.get(), "rocksdb.total-sst-files-size"); }

uint64_t rocks_memory(rocks *db) {
    return property(db->db.get(), "rocksdb.cur-size-all-mem-tables") + db->cache->GetUsage()
        + property(db->db.get(), "rocksdb.estimate-table-readers-mem");
}
