// Runs a program to its end and prints its CPU time in µs (user and system) and its peak memory in kB.
//     measure PROGRAM ARGUMENT…      the program's output goes to /dev/null
// SIGINT is for the program alone, which has to end well all the same.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  signal(SIGINT, SIG_IGN);
  pid_t pid = fork();
  if (pid < 0) return 1;
  if (pid == 0) {
    signal(SIGINT, SIG_DFL);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  int status = 0;
  struct rusage used;
  if (wait4(pid, &status, 0, &used) != pid || status != 0) return 1;
  long long us = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  printf("%lld %ld\n", us, used.ru_maxrss);
  return 0;
}
