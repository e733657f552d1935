/*
 * observe SOCKET [PROGRAM ARGUMENT…]: runs in the namespace of a router and prints one line for each
 * run of its DHCP client's hook (hook.c):
 *
 *     hook EVENT BEGAN ROUTED ENDED
 *
 * in nanoseconds of CLOCK_REALTIME; ROUTED is when the kernel last told of a new IPv4 address or
 * route in between, 0 for never. On stdin it takes `start` (runs PROGRAM, prints `client NS`),
 * `stop` (SIGUSR2: a DHCP client gives its lease back; its hook runs), and `kill` (SIGTERM, prints
 * `cpu NS` of all that it has started). One hook at a time: a client waits for its own.
 */
#define _GNU_SOURCE
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct began { long long ns; char event[24]; };

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int listen_at(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(where.sun_path, path, sizeof where.sun_path - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof where) != 0 ||
	    chmod(path, 0666) != 0 || listen(fd, 4) != 0)
		return -1;
	return fd;
}

static int monitor(void)
{
	struct sockaddr_nl where = { .nl_family = AF_NETLINK,
				     .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	return fd >= 0 && bind(fd, (struct sockaddr *)&where, sizeof where) == 0 ? fd : -1;
}

/* Takes all that is there; true when something was added. */
static int added(int fd)
{
	static char bytes[65536] __attribute__((aligned(8)));
	int found = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
		size_t left = (size_t)n;
		for (struct nlmsghdr *m = (void *)bytes; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
			found |= m->nlmsg_type == RTM_NEWADDR || m->nlmsg_type == RTM_NEWROUTE;
	}
	return found;
}

static pid_t client;

static void obey(char **program)
{
	static char *const nothing[] = { NULL };
	static char line[64];
	struct rusage used;

	if (!fgets(line, sizeof line, stdin))
		_exit(0);
	if (strcmp(line, "start\n") == 0) {
		if (posix_spawn(&client, program[0], NULL, NULL, program, nothing) != 0)
			_exit(1);
		printf("client %lld\n", now());
	} else if (strcmp(line, "stop\n") == 0) {
		kill(client, SIGUSR2);
	} else if (strcmp(line, "kill\n") == 0) {
		kill(client, SIGTERM);
		waitpid(client, NULL, 0);
		getrusage(RUSAGE_CHILDREN, &used);
		printf("cpu %lld\n",
		       (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000LL +
			       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000LL);
	}
}

int main(int argc, char **argv)
{
	struct pollfd fds[4] = { { .fd = 0, .events = POLLIN }, { .events = POLLIN },
				 { .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	struct began began = { 0 };
	long long routed = 0;

	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 || (fds[1].fd = listen_at(argv[1])) < 0 || (fds[2].fd = monitor()) < 0)
		return 1;
	puts("ready");
	for (;;) {
		if (poll(fds, 4, -1) < 0)
			return 1;
		long long at = now();
		if (fds[2].revents && added(fds[2].fd))
			routed = at;
		if (fds[3].fd >= 0 && fds[3].revents) {
			/* Its end: nothing is ever written after the first words. */
			printf("hook %s %lld %lld %lld\n", began.event, began.ns, routed, at);
			close(fds[3].fd);
			fds[3].fd = -1;
		}
		if (fds[1].revents && fds[3].fd < 0) {
			fds[3].fd = accept4(fds[1].fd, NULL, NULL, SOCK_CLOEXEC);
			if (read(fds[3].fd, &began, sizeof began) != (ssize_t)sizeof began)
				return 1;
			/* When we come late, the news of both lie there at once. */
			if (routed < began.ns)
				routed = 0;
		}
		if (fds[0].revents)
			obey(argv + 2);
	}
}
