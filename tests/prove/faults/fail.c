/*
 * Makes file operations below one directory fail, while the process runs: loaded
 * into the server with LD_PRELOAD. strace could inject errors, too, but only for
 * paths that are known beforehand, and the names of messages are not.
 *
 *   FAIL_UNDER  the directory; operations elsewhere pass
 *   FAIL_RULE   a file with the rule of the moment; while it is not there, nothing fails
 *   FAIL_LOG    gets a line for each operation that was made to fail
 *
 * A rule is one line: an operation or `*`, how the path ends or `*`, the number
 * of the error, and for how many of the matching operations one fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *under, *rule_path, *log_path;
static size_t under_length;
static long matches;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  under = getenv("FAIL_UNDER");
  rule_path = getenv("FAIL_RULE");
  log_path = getenv("FAIL_LOG");
  under_length = under && rule_path && log_path ? strlen(under) : 0;
}

static int is_inside(const char *path) {
  return under_length > 0 && strncmp(path, under, under_length) == 0 &&
         (path[under_length] == 0 || path[under_length] == '/');
}

static int ends_with(const char *path, const char *end) {
  size_t length = strlen(path), wanted = strlen(end);
  return length >= wanted && strcmp(path + length - wanted, end) == 0;
}

/* The rule of the moment; 0 when there is none. */
static int read_rule(char *operation, char *end, int *error, long *every) {
  char text[256];
  int fd = syscall(SYS_openat, AT_FDCWD, rule_path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t size = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  if (size <= 0) return 0;
  text[size] = 0;
  return sscanf(text, "%31s %127s %d %ld", operation, end, error, every) == 4 && *every > 0;
}

static void note(const char *operation, const char *path) {
  char line[PATH_MAX + 32];
  int length = snprintf(line, sizeof line, "%s %s\n", operation, path);
  int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  syscall(SYS_write, fd, line, length);
  syscall(SYS_close, fd);
}

/* Whether an operation is to fail; errno is set then. */
static int fails(const char *operation, const char *path) {
  char wanted[32], end[128];
  int error = 0, hit = 0;
  long every = 0;
  if (!is_inside(path)) return 0;
  pthread_mutex_lock(&lock);
  if (read_rule(wanted, end, &error, &every) &&
      (strcmp(wanted, "*") == 0 || strcmp(wanted, operation) == 0) &&
      (strcmp(end, "*") == 0 || ends_with(path, end))) {
    hit = matches++ % every == 0;
    if (hit) note(operation, path);
  }
  pthread_mutex_unlock(&lock);
  if (hit) errno = error;
  return hit;
}

static int fd_fails(const char *operation, int fd) {
  char link[32], path[PATH_MAX];
  if (under_length == 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(operation, path);
}

/* Defines the function that a name is looked up for, once. */
#define REAL(result, name, ...)                                      \
  static result (*real)(__VA_ARGS__);                                \
  if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                          \
  int name(const char *path, int flags, ...) {              \
    REAL(int, name, const char *, int, ...);                \
    va_list rest;                                           \
    va_start(rest, flags);                                  \
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
    va_end(rest);                                           \
    if (flags & O_CREAT && fails("create", path)) return -1; \
    return real(path, flags, mode);                         \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *octets, size_t size) {
  REAL(ssize_t, write, int, const void *, size_t);
  return fd_fails("write", fd) ? -1 : real(fd, octets, size);
}

ssize_t writev(int fd, const struct iovec *parts, int length) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  return fd_fails("write", fd) ? -1 : real(fd, parts, length);
}

int fdatasync(int fd) {
  REAL(int, fdatasync, int);
  return fd_fails("fdatasync", fd) ? -1 : real(fd);
}

int fsync(int fd) {
  REAL(int, fsync, int);
  return fd_fails("fsync", fd) ? -1 : real(fd);
}

int ftruncate64(int fd, off64_t size) {
  REAL(int, ftruncate64, int, off64_t);
  return fd_fails("truncate", fd) ? -1 : real(fd, size);
}

int rename(const char *old, const char *new) {
  REAL(int, rename, const char *, const char *);
  return fails("rename", old) ? -1 : real(old, new);
}

int unlink(const char *path) {
  REAL(int, unlink, const char *);
  return fails("unlink", path) ? -1 : real(path);
}
