#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int files_in (const char *folder)
{
  DIR *open = opendir (folder);
  int count = 0;

  CHECK (open != NULL);
  while (readdir (open))
    count++;
  closedir (open);
  /* Two are no files. */
  return count - 2;
}

/* One was the folder. */
int process_descriptors (void) { return files_in ("/proc/self/fd") - 1; }

int process_descriptors_of (pid_t child)
{
  char folder[64];

  snprintf (folder, sizeof folder, "/proc/%ld/fd", (long) child);
  return files_in (folder);
}

long process_allow (long descriptors)
{
  struct rlimit limit;

  CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = (rlim_t) descriptors < limit.rlim_max ? (rlim_t) descriptors : limit.rlim_max;
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  return (long) limit.rlim_cur;
}

pid_t process_start (void (*run) (void *), void *data)
{
  pid_t child;

  fflush (stdout);
  child = fork ();
  CHECK (child >= 0);
  if (child == 0) {
    check_guard (60);
    _exit (check_alone (run, data));
  }
  return child;
}

int process_is_running (pid_t child)
{
  siginfo_t info;

  info.si_pid = 0;
  CHECK (waitid (P_PID, (id_t) child, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
  return info.si_pid == 0;
}

void process_join (pid_t child)
{
  int status;

  while (waitpid (child, &status, 0) < 0)
    CHECK_INT (errno, EINTR);
  CHECK (WIFEXITED (status));
  CHECK_INT (WEXITSTATUS (status), 0);
}
