/*
 * spawn N PROGRAM ARGUMENT: starts the program N times, one after the other, as a DHCP client
 * starts its hook, with the environment of a lease, and prints the median of the wall-clock
 * nanoseconds from start to reaped, and the CPU nanoseconds of all children.
 *
 * serve SOCKET: takes one message a connection and answers it at once: the quickest daemon there
 * can be, so that the plugin is measured and not who answers.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *const lease[] = {
	"interface=wan0", "ip=192.0.2.7", "subnet=255.255.255.0", "mask=24",
	"broadcast=192.0.2.255", "router=192.0.2.1", "dns=192.0.2.53 198.51.100.53",
	"domain=example.net", "hostname=router", "ntpsrv=192.0.2.123", "lease=3600",
	"serverid=192.0.2.1", "siaddr=192.0.2.1", "opt53=05", "opt58=00000708",
	"opt59=00000c4e", "boot_file=", "sname=", NULL
};

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;
	return (x > y) - (x < y);
}

static int run(int count, char *program, char *argument)
{
	char *arguments[] = { program, argument, NULL };
	long long *took = calloc((size_t)count, sizeof *took);
	struct rusage used;

	for (int i = 0; i < count; i++) {
		pid_t pid;
		int status;
		long long began = now();
		if (posix_spawn(&pid, program, NULL, NULL, arguments, lease) != 0 ||
		    waitpid(pid, &status, 0) != pid || status != 0)
			return 1;
		took[i] = now() - began;
	}
	qsort(took, (size_t)count, sizeof *took, ascending);
	getrusage(RUSAGE_CHILDREN, &used);
	printf("%lld %lld\n", took[count / 2],
	       (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000LL +
		       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000LL);
	return 0;
}

static int serve(const char *path)
{
	static const char ack[12] = "GHLM\1\2\0\0\0\0\0\14";
	static unsigned char frame[65536];
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(where.sun_path, path, sizeof where.sun_path - 1);
	if (bind(listener, (struct sockaddr *)&where, sizeof where) != 0 || listen(listener, 16) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		size_t got = 0;
		while (got < 12 || got < (size_t)(frame[9] << 16 | frame[10] << 8 | frame[11])) {
			ssize_t n = read(fd, frame + got, sizeof frame - got);
			if (n <= 0)
				return 1;
			got += (size_t)n;
		}
		if (write(fd, ack, sizeof ack) != (ssize_t)sizeof ack)
			return 1;
		close(fd);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 5 && strcmp(argv[1], "spawn") == 0)
		return run(atoi(argv[2]), argv[3], argv[4]);
	return 2;
}
