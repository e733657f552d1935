/*
 * The hook of a DHCP client. The client starts it with an event as its last argument (udhcpc and
 * dibbler-client with that alone, odhcp6c with its interface before it) and the lease in the
 * environment; it hands both to the daemon and ends with 0, whatever happened.
 *
 * It has no options and no configuration, because a DHCP client passes none on. All it needs is
 * in its own name: the daemon makes it known to each client as RUN_DIR/hook/CLIENT, so CLIENT is
 * the id of the client, RUN_DIR/lease.sock the daemon's socket and RUN_DIR/spool the folder for
 * messages that nobody took.
 *
 * The message is one frame, all integers big-endian (src/wire/lease.ts reads it):
 *
 *    0  u32  "GHLM"            4  u8  version 1    5  u8  kind 1    6  u16  flags (1: pairs left out)
 *    8  u32  bytes in all     12  u32 pid of the DHCP client
 *   16  u64  CLOCK_REALTIME ns   24  u64  CLOCK_BOOTTIME ns
 *   32  u16 length, client id;  u16 length, event;  u16 count, then for each pair of the
 *       environment u16 length, name, u16 length, value
 *
 * and the answer is 12 bytes: the same head with kind 2, flags 0 (done) or 1 (refused), length 12.
 *
 * Everything here comes from the network: nothing is interpreted, quoted or printed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_FRAME 65536
#define MAX_PAIRS 512
#define MAX_SPOOLED 64
#define ACK_BYTES 12
#define WAIT_MS 2000

extern char **environ;

static unsigned char frame[MAX_FRAME];
static size_t used;

static void put(uint64_t value, int bytes)
{
	while (bytes-- > 0)
		frame[used++] = (unsigned char)(value >> (8 * bytes));
}

static void put_at(size_t at, uint64_t value, int bytes)
{
	size_t end = used;
	used = at;
	put(value, bytes);
	used = end;
}

/* Nothing is written when it does not fit. */
static int put_text(const char *text, size_t length)
{
	if (length > 0xffff || used + 2 + length > MAX_FRAME)
		return 0;
	put(length, 2);
	memcpy(frame + used, text, length);
	used += length;
	return 1;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t = { 0, 0 };
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int put_environment(void)
{
	size_t count_at = used;
	int count = 0, left_out = 0;

	put(0, 2);
	for (char **e = environ; *e; e++) {
		const char *equals = strchr(*e, '=');
		size_t name, value, before = used;
		if (!equals)
			continue;
		name = (size_t)(equals - *e);
		value = strlen(equals + 1);
		if (count < MAX_PAIRS && put_text(*e, name) && put_text(equals + 1, value)) {
			count++;
		} else {
			used = before;
			left_out = 1;
		}
	}
	put_at(count_at, (uint64_t)count, 2);
	return left_out;
}

static int build(const char *client, const char *event)
{
	memcpy(frame, "GHLM\1\1\0\0", 8);
	used = 12;
	put((uint64_t)getppid(), 4);
	put(now_ns(CLOCK_REALTIME), 8);
	put(now_ns(CLOCK_BOOTTIME), 8);
	if (!put_text(client, strlen(client)) || !put_text(event, strlen(event)) ||
	    used + 2 > MAX_FRAME)
		return 0;
	put_at(6, (uint64_t)put_environment(), 2);
	put_at(8, used, 4);
	return 1;
}

/* Waits for `events` until `deadline`; 0 when the time is over. */
static int ready(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	for (;;) {
		uint64_t now = now_ns(CLOCK_MONOTONIC);
		if (now >= deadline)
			return 0;
		int n = poll(&p, 1, (int)((deadline - now) / 1000000) + 1);
		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return 0;
	}
}

static int connect_until(int fd, uint64_t deadline)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX, .sun_path = "lease.sock" };
	while (connect(fd, (struct sockaddr *)&where, sizeof where) != 0) {
		/* The queue of the listener is full: it is alive and has much to do. */
		if (errno != EAGAIN && errno != EINTR)
			return 0;
		if (now_ns(CLOCK_MONOTONIC) >= deadline)
			return 0;
		poll(NULL, 0, 10);
	}
	return 1;
}

/* True when the daemon took the message: only its answer says so. */
static int deliver(void)
{
	uint64_t deadline = now_ns(CLOCK_MONOTONIC) + (uint64_t)WAIT_MS * 1000000u;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	unsigned char ack[ACK_BYTES];
	size_t sent = 0, got = 0;

	if (fd < 0 || !connect_until(fd, deadline))
		return 0;
	while (sent < used) {
		ssize_t n = send(fd, frame + sent, used - sent, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return 0;
		else if (!ready(fd, POLLOUT, deadline))
			return 0;
	}
	while (got < ACK_BYTES) {
		if (!ready(fd, POLLIN, deadline))
			return 0;
		ssize_t n = recv(fd, ack + got, ACK_BYTES - got, 0);
		if (n > 0)
			got += (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return 0;
	}
	/* A refusal is an answer too: spooled, it would only be refused again. */
	return memcmp(ack, "GHLM\1\2\0", 7) == 0 && ack[7] <= 1 &&
	       memcmp(ack + 8, "\0\0\0\14", 4) == 0;
}

static char *digits(char *to, uint64_t value, int width)
{
	for (int i = width - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + width;
}

/* Removes the oldest messages until there is room for one more; names sort by time. */
static void make_room(int folder)
{
	for (int round = 0; round < MAX_SPOOLED; round++) {
		char oldest[256] = "";
		int count = 0;
		struct dirent *entry;
		int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *dir = again < 0 ? NULL : fdopendir(again);
		if (!dir)
			return;
		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			count++;
			if (!oldest[0] || strcmp(entry->d_name, oldest) < 0)
				memcpy(oldest, entry->d_name, strlen(entry->d_name) + 1);
		}
		closedir(dir);
		if (count < MAX_SPOOLED || unlinkat(folder, oldest, 0) != 0)
			return;
	}
}

/* The frame appears whole and on disk, or not at all. */
static void spool(void)
{
	char name[64], temporary[32], *at;
	size_t written = 0;
	int folder, fd;

	/* Boot time never jumps; the pid tells two of the same nanosecond apart. */
	at = digits(name, now_ns(CLOCK_BOOTTIME), 20);
	*at++ = '-';
	*digits(at, (uint64_t)getpid(), 10) = 0;
	memcpy(temporary, ".lease-", 7);
	*digits(temporary + 7, (uint64_t)getpid(), 10) = 0;

	mkdir("spool", 0700);
	folder = open("spool", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return;
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	while (written < used) {
		ssize_t n = write(fd, frame + written, used - written);
		if (n > 0)
			written += (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	if (written < used || fsync(fd) != 0) {
		unlink(temporary);
		return;
	}
	make_room(folder);
	if (renameat(AT_FDCWD, temporary, folder, name) != 0)
		unlink(temporary);
	fsync(folder);
}

int main(int argc, char **argv)
{
	char *client, *hook;

	if (argc < 2 || strlen(argv[0]) >= 4096)
		return 0;
	/* RUN_DIR/hook/CLIENT */
	client = strrchr(argv[0], '/');
	if (!client)
		return 0;
	*client++ = 0;
	hook = strrchr(argv[0], '/');
	if (!hook || strcmp(hook, "/hook") != 0)
		return 0;
	*hook = 0;
	if (chdir(argv[0][0] ? argv[0] : "/") != 0)
		return 0;
	if (build(client, argv[argc - 1]) && !deliver())
		spool();
	return 0;
}
