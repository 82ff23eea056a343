#define _GNU_SOURCE
#include "CLinuxIO.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

int godwit_futex_wait(const void *word, uint32_t expected, int64_t timeout_ns) {
    struct timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    struct timespec *limit = timeout_ns < 0 ? NULL : &timeout;
    long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, limit, NULL, 0);
    return result == 0 ? 0 : errno;
}

void godwit_futex_wake(const void *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void godwit_pause(long nanoseconds) {
    struct timespec time = {0, nanoseconds};
    if (nanoseconds == 0) sched_yield();
    else nanosleep(&time, NULL);
}

__thread void *godwit_thread_slot_value = NULL;
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;
static void (*exit_destructor)(void *) = NULL;

static void make_exit_key(void) { pthread_key_create(&exit_key, exit_destructor); }

void godwit_thread_slot_on_exit(void (*destructor)(void *)) {
    exit_destructor = destructor;
    pthread_once(&exit_once, make_exit_key);
}

void godwit_thread_slot_set(void *value) {
    godwit_thread_slot_value = value;
    pthread_setspecific(exit_key, value);
}

int godwit_lower_thread_priority(void) {
    return setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10) == 0 ? 0 : errno;
}

void godwit_name_thread(const char *name) {
    char kept[16];
    size_t i = 0;
    for (; i < sizeof kept - 1 && name[i] != 0; i++) kept[i] = name[i];
    kept[i] = 0;
    pthread_setname_np(pthread_self(), kept);
}

int godwit_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }

int godwit_open_direct(const char *path) { return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC); }

int godwit_writes_in_place(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) return 0;
    return status.f_type == 0xEF53;
}

// From Linux 5.14 on; older headers lack the name, older kernels refuse it.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

void *godwit_map_window(int descriptor, int64_t offset, size_t length) {
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, offset);
    if (memory == MAP_FAILED) return NULL;
    if (madvise(memory, length, MADV_POPULATE_READ) == 0) return memory;
    munmap(memory, length);
    return NULL;
}
