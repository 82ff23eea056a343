// What Linux and the processor offer and Swift cannot name: futexes, a thread-local word, prefetch, and a
// comparison of sixteen bytes at once. No logic.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <emmintrin.h>

// Bit i of the result is set where tags[i] == tag, for i in 0..<16.
static inline uint32_t godwit_match16(const void *tags, uint8_t tag) {
    __m128i line = _mm_loadu_si128((const __m128i *)tags);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(line, _mm_set1_epi8((char)tag)));
}

// memcmp, inlined where the compiler can.
static inline int godwit_compare(const void *left, const void *right, size_t count) {
    return memcmp(left, right, count);
}

// Tells the processor that the thread looks at a word again and again.
static inline void godwit_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static inline void godwit_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

// Sleeps while *word == expected, at most timeout_ns (negative: no limit). Returns 0, or an errno.
int godwit_futex_wait(const void *word, uint32_t expected, int64_t timeout_ns);
// Wakes at most count sleepers on word.
void godwit_futex_wake(const void *word, int count);

// Gives the processor away: for that many nanoseconds, or with 0 for a moment.
void godwit_pause(long nanoseconds);

// One pointer per thread. The destructor set by godwit_thread_slot_on_exit runs at thread exit when the
// pointer is not null.
extern __thread void *godwit_thread_slot_value __attribute__((tls_model("initial-exec")));
static inline void *godwit_thread_slot(void) { return godwit_thread_slot_value; }
void godwit_thread_slot_set(void *value);
void godwit_thread_slot_on_exit(void (*destructor)(void *));

// Lowers the calling thread's scheduling priority (nice 10). Returns 0, or an errno.
int godwit_lower_thread_priority(void);
// Names the calling thread (at most 15 bytes are kept).
void godwit_name_thread(const char *name);

// open(2) and fcntl(2) are variadic, which Swift does not import.
int godwit_open(const char *path, int flags, unsigned mode);
// Opens for reading past the page cache; O_DIRECT is a macro that Swift does not import.
int godwit_open_direct(const char *path);

// Whether the file is on a file system that overwrites a block where it lies, without taking new space: ext2 to 4.
int godwit_writes_in_place(int descriptor);
// Maps part of a file, shared and writable, its pages read in; NULL where that fails.
void *godwit_map_window(int descriptor, int64_t offset, size_t length);

// Many reads at once, through io_uring. One user at a time.
typedef struct godwit_ring godwit_ring;
typedef struct {
    int descriptor;
    uint32_t length;
    uint64_t offset;
    void *buffer;
    // How many bytes were read, or a negative errno.
    int32_t result;
} godwit_read;
// NULL where the kernel has or allows no io_uring.
godwit_ring *godwit_ring_open(unsigned depth);
void godwit_ring_close(godwit_ring *ring);
// Returns when all reads have a result. Nonzero (an errno) where the ring failed: it is then closed, never used again.
int godwit_ring_read(godwit_ring *ring, godwit_read *reads, unsigned count);
