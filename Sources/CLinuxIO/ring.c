#define _GNU_SOURCE
#include "CLinuxIO.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct godwit_ring {
    int descriptor;
    unsigned depth;
    void *queues;
    size_t queues_size;
    struct io_uring_sqe *entries;
    size_t entries_size;
    _Atomic unsigned *submit_tail;
    unsigned *submit_array;
    unsigned submit_mask;
    _Atomic unsigned *complete_head;
    _Atomic unsigned *complete_tail;
    struct io_uring_cqe *completions;
    unsigned complete_mask;
};

godwit_ring *godwit_ring_open(unsigned depth) {
    struct io_uring_params p;
    memset(&p, 0, sizeof p);
    int descriptor = (int)syscall(SYS_io_uring_setup, depth, &p);
    if (descriptor < 0) return NULL;
    // Kernels before 5.6 have neither one mapping for both queues nor the plain read.
    if (!(p.features & IORING_FEAT_SINGLE_MMAP) || !(p.features & IORING_FEAT_RW_CUR_POS)) {
        close(descriptor);
        return NULL;
    }
    godwit_ring *ring = calloc(1, sizeof *ring);
    if (!ring) {
        close(descriptor);
        return NULL;
    }
    ring->descriptor = descriptor;
    ring->depth = p.sq_entries;
    size_t submissions = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    size_t completions = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    ring->queues_size = submissions > completions ? submissions : completions;
    ring->entries_size = p.sq_entries * sizeof(struct io_uring_sqe);
    ring->queues = mmap(
        NULL, ring->queues_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, IORING_OFF_SQ_RING);
    ring->entries = mmap(
        NULL, ring->entries_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, IORING_OFF_SQES);
    if (ring->queues == MAP_FAILED || ring->entries == MAP_FAILED) {
        godwit_ring_close(ring);
        return NULL;
    }
    char *base = ring->queues;
    ring->submit_tail = (_Atomic unsigned *)(base + p.sq_off.tail);
    ring->submit_array = (unsigned *)(base + p.sq_off.array);
    ring->submit_mask = *(unsigned *)(base + p.sq_off.ring_mask);
    ring->complete_head = (_Atomic unsigned *)(base + p.cq_off.head);
    ring->complete_tail = (_Atomic unsigned *)(base + p.cq_off.tail);
    ring->completions = (struct io_uring_cqe *)(base + p.cq_off.cqes);
    ring->complete_mask = *(unsigned *)(base + p.cq_off.ring_mask);
    return ring;
}

void godwit_ring_close(godwit_ring *ring) {
    if (ring->queues != MAP_FAILED) munmap(ring->queues, ring->queues_size);
    if (ring->entries != MAP_FAILED) munmap(ring->entries, ring->entries_size);
    close(ring->descriptor);
    free(ring);
}

static void queue_read(godwit_ring *ring, const godwit_read *read, unsigned number) {
    unsigned tail = atomic_load_explicit(ring->submit_tail, memory_order_relaxed);
    unsigned place = tail & ring->submit_mask;
    struct io_uring_sqe *entry = &ring->entries[place];
    memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_READ;
    entry->fd = read->descriptor;
    entry->addr = (uint64_t)(uintptr_t)read->buffer;
    entry->len = read->length;
    entry->off = read->offset;
    entry->user_data = number;
    ring->submit_array[place] = place;
    atomic_store_explicit(ring->submit_tail, tail + 1, memory_order_release);
}

static unsigned take_results(godwit_ring *ring, godwit_read *reads) {
    unsigned head = atomic_load_explicit(ring->complete_head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(ring->complete_tail, memory_order_acquire);
    unsigned taken = tail - head;
    for (; head != tail; head++) {
        struct io_uring_cqe *completion = &ring->completions[head & ring->complete_mask];
        reads[completion->user_data].result = completion->res;
    }
    atomic_store_explicit(ring->complete_head, head, memory_order_release);
    return taken;
}

int godwit_ring_read(godwit_ring *ring, godwit_read *reads, unsigned count) {
    unsigned queued = 0, submitted = 0, done = 0;
    while (done < count) {
        while (queued < count && queued - done < ring->depth) {
            queue_read(ring, &reads[queued], queued);
            queued++;
        }
        long result = syscall(
            SYS_io_uring_enter, ring->descriptor, queued - submitted, 1, IORING_ENTER_GETEVENTS, NULL, 0);
        if (result < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) {
            // What is under way may still write to the buffers: nothing may go on before it has ended.
            int error = errno;
            if (submitted == done) return error;
            continue;
        }
        if (result > 0) submitted += (unsigned)result;
        done += take_results(ring, reads);
    }
    return 0;
}
