/* A disk of which every write is known, so that a power cut can take away what was not flushed yet.
 *
 * Preloaded into the server. Every write to a database file below DISK_FOLDER is noted in DISK_JOURNAL, with what stood
 * there before; every flush that succeeded is noted too. DISK_CUT_AT=n kills the whole process group in the middle of
 * the n-th write or flush. DISK_LIES makes flushes succeed without happening. While the file DISK_FAILS exists, flushes
 * fail, while DISK_DENIES does, writes; while DISK_SLOW exists, each flush takes DISK_SLOW_MS more. Of PostgreSQL, what
 * is written to its log counts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 4096
#define UNKNOWN 0
#define FOREIGN 1
#define MAIN 2
#define LOG 3
#define OTHER 4

struct note {
  char kind, file;
  char filler[6];
  uint64_t offset, length, old_length, old_size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char known[FILES];
static int journal = -1;
static long calls;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

static char judge(int descriptor) {
  const char *folder = getenv("DISK_FOLDER");
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (folder == NULL || length <= 0) return FOREIGN;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0) return FOREIGN;
  if (ends_with(path, ".sqlite")) return MAIN;
  if (ends_with(path, ".sqlite-wal")) return LOG;
  if (ends_with(path, ".sqlite-journal")) return OTHER;
  if (strstr(path, "/pg_wal/") != NULL) return LOG;
  return FOREIGN;
}

static char file_of(int descriptor) {
  if (descriptor < 0 || descriptor >= FILES) return FOREIGN;
  if (known[descriptor] == UNKNOWN) known[descriptor] = judge(descriptor);
  return known[descriptor];
}

static void note_down(struct note note, const char *old, const char *new) {
  if (journal < 0) {
    const char *path = getenv("DISK_JOURNAL");
    if (path == NULL) return;
    journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  size_t size = sizeof note + note.old_length + note.length;
  char *whole = malloc(size);
  memcpy(whole, &note, sizeof note);
  if (note.old_length > 0) memcpy(whole + sizeof note, old, note.old_length);
  if (note.length > 0) memcpy(whole + sizeof note + note.old_length, new, note.length);
  ssize_t (*write_)(int, const void *, size_t) = real("write");
  if (write_(journal, whole, size) != (ssize_t)size) abort();
  free(whole);
}

/* Whether this call is the one in which the power goes. */
static int is_the_end(void) {
  const char *at = getenv("DISK_CUT_AT");
  return at != NULL && *at != 0 && __sync_add_and_fetch(&calls, 1) == atol(at);
}

static void cut(void) {
  kill(0, SIGKILL);
  for (;;) pause();
}

static int exists(const char *variable) {
  const char *path = getenv(variable);
  return path != NULL && access(path, F_OK) == 0;
}

static uint64_t size_of(int descriptor) {
  struct stat found;
  return fstat(descriptor, &found) == 0 ? (uint64_t)found.st_size : 0;
}

static ssize_t put(const char *name, int descriptor, const void *data, size_t length, off64_t offset) {
  ssize_t (*pwrite_)(int, const void *, size_t, off64_t) = real(name);
  char file = file_of(descriptor);
  if (file == FOREIGN) return pwrite_(descriptor, data, length, offset);
  if (exists("DISK_DENIES")) {
    errno = EIO;
    return -1;
  }
  pthread_mutex_lock(&lock);
  char *old = malloc(length + 1);
  ssize_t stood = pread64(descriptor, old, length, offset);
  struct note note = {'W', file, {0}, (uint64_t)offset, length, stood > 0 ? (uint64_t)stood : 0, size_of(descriptor)};
  note_down(note, old, data);
  free(old);
  if (is_the_end()) {
    pwrite_(descriptor, data, length / 2, offset);
    cut();
  }
  ssize_t written = pwrite_(descriptor, data, length, offset);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
  return put("pwrite", descriptor, data, length, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
  return put("pwrite64", descriptor, data, length, offset);
}

static int resize(const char *name, int descriptor, off64_t length) {
  int (*truncate_)(int, off64_t) = real(name);
  char file = file_of(descriptor);
  if (file == FOREIGN) return truncate_(descriptor, length);
  pthread_mutex_lock(&lock);
  uint64_t size = size_of(descriptor), lost = size > (uint64_t)length ? size - (uint64_t)length : 0;
  char *old = malloc(lost + 1);
  ssize_t stood = lost > 0 ? pread64(descriptor, old, lost, length) : 0;
  struct note note = {'T', file, {0}, (uint64_t)length, 0, stood > 0 ? (uint64_t)stood : 0, size};
  note_down(note, old, NULL);
  free(old);
  if (is_the_end()) cut();
  int result = truncate_(descriptor, length);
  pthread_mutex_unlock(&lock);
  return result;
}

int ftruncate(int descriptor, off_t length) { return resize("ftruncate", descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return resize("ftruncate64", descriptor, length); }

static int is_set(const char *variable) {
  const char *text = getenv(variable);
  return text != NULL && *text != 0;
}

static int flush(const char *name, int descriptor) {
  int (*flush_)(int) = real(name);
  char file = file_of(descriptor);
  if (file == FOREIGN) return flush_(descriptor);
  if (exists("DISK_FAILS")) {
    errno = EIO;
    return -1;
  }
  if (exists("DISK_SLOW")) usleep(1000 * (useconds_t)atoi(getenv("DISK_SLOW_MS")));
  if (is_the_end()) cut();
  if (is_set("DISK_LIES")) return 0;
  int result = flush_(descriptor);
  if (result == 0) note_down((struct note){'S', file, {0}, 0, 0, 0, 0}, NULL, NULL);
  return result;
}

int fsync(int descriptor) { return flush("fsync", descriptor); }
int fdatasync(int descriptor) { return flush("fdatasync", descriptor); }

int close(int descriptor) {
  int (*close_)(int) = real("close");
  if (descriptor >= 0 && descriptor < FILES) known[descriptor] = UNKNOWN;
  return close_(descriptor);
}
