/*
 * Counts the file operations that a process makes below one directory, and kills
 * it before a given one: loaded into the server with LD_PRELOAD. strace could
 * kill, too, but it counts for each thread apart, and the server's runtime makes
 * its file calls on several.
 *
 *   STEPS_UNDER  the directory; operations elsewhere pass
 *   STEPS_LOG    gets a line for each operation, before it is made
 *   STEPS_FROM   counting begins with the first line that holds this text
 *   STEPS_KILL   the number of the operation before which to kill; 0 for none
 *   STEPS_TORN   if that operation is a write, half of it is made
 *
 * Only operations that change something are steps: what a reader reads, it reads
 * again after the restart.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *under, *from;
static size_t under_length;
static long kill_at, count;
static int torn, started, log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("STEPS_LOG"), *at = getenv("STEPS_KILL");
  under = getenv("STEPS_UNDER");
  from = getenv("STEPS_FROM");
  if (!under || !path) return;
  under_length = strlen(under);
  kill_at = at ? atol(at) : 0;
  torn = getenv("STEPS_TORN") != NULL;
  started = from == NULL || *from == 0;
  log_fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The path below the directory, "." for the directory itself; NULL when it is elsewhere. */
static const char *inside(const char *path) {
  if (log_fd < 0 || strncmp(path, under, under_length) != 0) return NULL;
  if (path[under_length] == 0) return ".";
  return path[under_length] == '/' ? path + under_length + 1 : NULL;
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/*
 * Counts a step. Where it is the one to die before, this does not return, unless
 * it is a write to be torn: then it returns 1 with the lock held, so that no
 * other step begins.
 */
static int step(const char *operation, const char *path) {
  char line[PATH_MAX + 32];
  int length = snprintf(line, sizeof line, "%s %s\n", operation, path);
  pthread_mutex_lock(&lock);
  if (!started) started = strstr(line, from) != NULL;
  if (started) {
    count++;
    syscall(SYS_write, log_fd, line, length);
    if (count == kill_at) {
      if (torn && strcmp(operation, "write") == 0) return 1;
      die();
    }
  }
  pthread_mutex_unlock(&lock);
  return 0;
}

static int path_step(const char *operation, const char *path) {
  const char *name = inside(path);
  return name ? step(operation, name) : 0;
}

static int fd_step(const char *operation, int fd) {
  char link[32], path[PATH_MAX];
  if (log_fd < 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return path_step(operation, path);
}

/* Declares `real`, the function that a name stands for in libc. */
#define REAL(result, name, ...)            \
  static result (*real)(__VA_ARGS__);      \
  if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define MODE(flags)                                                 \
  va_list rest;                                                     \
  va_start(rest, flags);                                            \
  int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
  va_end(rest)

#define OPEN(name)                                              \
  int name(const char *path, int flags, ...) {                  \
    REAL(int, name, const char *, int, ...);                    \
    MODE(flags);                                                \
    if (flags & (O_CREAT | O_TRUNC)) path_step("create", path); \
    return real(path, flags, mode);                             \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                            \
  int name(int dir, const char *path, int flags, ...) {         \
    REAL(int, name, int, const char *, int, ...);               \
    MODE(flags);                                                \
    if (flags & (O_CREAT | O_TRUNC)) path_step("create", path); \
    return real(dir, path, flags, mode);                        \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *octets, size_t size) {
  REAL(ssize_t, write, int, const void *, size_t);
  if (fd_step("write", fd)) {
    real(fd, octets, size / 2);
    die();
  }
  return real(fd, octets, size);
}

ssize_t pwrite64(int fd, const void *octets, size_t size, off64_t at) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  if (fd_step("write", fd)) {
    real(fd, octets, size / 2, at);
    die();
  }
  return real(fd, octets, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int length) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  if (fd_step("write", fd)) {
    real(fd, parts, length / 2);
    die();
  }
  return real(fd, parts, length);
}

int fdatasync(int fd) {
  REAL(int, fdatasync, int);
  fd_step("fdatasync", fd);
  return real(fd);
}

int fsync(int fd) {
  REAL(int, fsync, int);
  fd_step("fsync", fd);
  return real(fd);
}

int ftruncate64(int fd, off64_t size) {
  REAL(int, ftruncate64, int, off64_t);
  fd_step("truncate", fd);
  return real(fd, size);
}

int rename(const char *old, const char *new) {
  REAL(int, rename, const char *, const char *);
  path_step("rename", old);
  return real(old, new);
}

int unlink(const char *path) {
  REAL(int, unlink, const char *);
  path_step("unlink", path);
  return real(path);
}

int unlinkat(int dir, const char *path, int flags) {
  REAL(int, unlinkat, int, const char *, int);
  path_step("unlink", path);
  return real(dir, path, flags);
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, mkdir, const char *, mode_t);
  path_step("mkdir", path);
  return real(path, mode);
}
