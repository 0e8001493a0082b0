/* Calls of the file system that fail, or at which the process is killed.
 *
 * Loaded before the C library (LD_PRELOAD); does nothing until it is armed.
 * Counts calls of one name, or of all, on paths below a folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char folder[4096];
static char wanted[16];
static long left = -1;
static int number, lasting, armed;

static const char *names[] = {"open", "write", "fsync",
                              "rename", "close", "unlink"};
enum { NAMES = sizeof names / sizeof *names };
static long counted[NAMES];

void faults_arm(const char *path, const char *name, long calls, int error,
                int for_ever) {
  snprintf(folder, sizeof folder, "%s", path);
  snprintf(wanted, sizeof wanted, "%s", name);
  left = calls;
  number = error;
  lasting = for_ever;
  memset(counted, 0, sizeof counted);
  armed = 1;
}

long faults_counted(const char *name) {
  for (int i = 0; i < NAMES; i++)
    if (!strcmp(names[i], name)) return counted[i];
  return 0;
}

static int fails(const char *name, const char *path) {
  if (!armed || !path || strncmp(path, folder, strlen(folder))) return 0;
  if (*wanted && strcmp(wanted, name)) return 0;
  for (int i = 0; i < NAMES; i++) counted[i] += !strcmp(names[i], name);
  if (left-- > 0) return 0;
  if (!number) kill(getpid(), SIGKILL);
  if (!lasting) armed = 0;
  errno = number;
  return 1;
}

static int fails_of(const char *name, int file) {
  char link[64], path[4096];
  if (!armed) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return fails(name, path);
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    REAL(int, name, const char *, int, ...); \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = va_arg(rest, mode_t); \
    va_end(rest); \
    int writes = flags & (O_WRONLY | O_RDWR | O_CREAT); \
    if (writes && fails("open", path)) return -1; \
    return real(path, flags, mode); \
  }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
  int name(int at, const char *path, int flags, ...) { \
    REAL(int, name, int, const char *, int, ...); \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = va_arg(rest, mode_t); \
    va_end(rest); \
    int writes = flags & (O_WRONLY | O_RDWR | O_CREAT); \
    if (writes && fails("open", path)) return -1; \
    return real(at, path, flags, mode); \
  }
OPENS_AT(openat)
OPENS_AT(openat64)

#define F_OPENS(name) \
  FILE *name(const char *path, const char *mode) { \
    REAL(FILE *, name, const char *, const char *); \
    if (*mode != 'r' && fails("open", path)) return NULL; \
    return real(path, mode); \
  }
F_OPENS(fopen)
F_OPENS(fopen64)

ssize_t write(int file, const void *data, size_t size) {
  REAL(ssize_t, write, int, const void *, size_t);
  return fails_of("write", file) ? -1 : real(file, data, size);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t place) {
  REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
  return fails_of("write", file) ? -1 : real(file, data, size, place);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t place) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  return fails_of("write", file) ? -1 : real(file, data, size, place);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
  REAL(size_t, fwrite, const void *, size_t, size_t, FILE *);
  return fails_of("write", fileno(file)) ? 0 : real(data, size, count, file);
}

int fsync(int file) {
  REAL(int, fsync, int);
  return fails_of("fsync", file) ? -1 : real(file);
}

int close(int file) {
  REAL(int, close, int);
  int failed = fails_of("close", file), kept = errno;
  int result = real(file);
  if (failed) errno = kept;
  return failed ? -1 : result;
}

int fclose(FILE *file) {
  REAL(int, fclose, FILE *);
  int failed = fails_of("close", fileno(file)), kept = errno;
  int result = real(file);
  if (failed) errno = kept;
  return failed ? EOF : result;
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  return fails("rename", to) ? -1 : real(from, to);
}

int renameat(int of, const char *from, int at, const char *to) {
  REAL(int, renameat, int, const char *, int, const char *);
  return fails("rename", to) ? -1 : real(of, from, at, to);
}

int unlink(const char *path) {
  REAL(int, unlink, const char *);
  return fails("unlink", path) ? -1 : real(path);
}
