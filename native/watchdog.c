/*
 * gatehouse-watchdog [--device FILE] [--ubus-socket PATH] [--once]
 *
 * Feeds the hardware watchdog while the daemon is well: it answers `gatehouse status` on ubus, and
 * the configuration that it says is applied is the newest. A daemon that starts again has 90 s for
 * it, the first after power-on 180 s; then the watchdog is left to start the box anew. What cannot be
 * applied (`failing`) is no reason for that: a wish that cannot be met would start the box again
 * for ever.
 *
 * Started as root, it opens FILE and then becomes user gatehouse for good. With --once it asks once,
 * opens nothing, and ends with 0 if the daemon is well and everything is applied, else with 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SET_TIMEOUT _IOWR('W', 6, int) /* WDIOC_SETTIMEOUT of linux/watchdog.h, which musl lacks */
#define TIMEOUT_SEC 15	/* the longest that the Pi's hardware knows */
#define INTERVAL_MS 5000
#define ANSWER_MS 3000
#define PATIENCE_MS 90000
#define FIRST_MS 180000
#define MAX_ANSWER_BYTES 65536

/* ubus: types of messages, and attributes of their one blob. */
enum { HELLO, STATUS, DATA, LOOKUP = 4, INVOKE };
enum { A_STATUS = 1, A_OBJPATH = 2, A_OBJID = 3, A_METHOD = 4, A_DATA = 7 };
enum { TABLE = 2, INT64 = 4, INT32 = 5 };

struct blob {
	const unsigned char *at; /* its word of id and length */
	size_t length;		 /* with that word, without padding */
};

static void die(const char *what)
{
	fprintf(stderr, "gatehouse-watchdog: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint32_t get_u32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned char *put_u32(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i));
	return at + 4;
}

/* The next attribute of `rest`, which then begins behind it; 0 at the end or at one that is cut. */
static int next_blob(struct blob *rest, struct blob *into)
{
	size_t padded;

	if (rest->length < 4)
		return 0;
	into->at = rest->at;
	into->length = get_u32(rest->at) & 0xffffff;
	if (into->length < 4 || into->length > rest->length)
		return 0;
	padded = (into->length + 3) & ~(size_t)3;
	if (padded > rest->length)
		padded = rest->length;
	rest->at += padded;
	rest->length -= padded;
	return 1;
}

static unsigned blob_id(const struct blob *blob)
{
	return blob->at[0] & 0x7f;
}

static struct blob inside(const struct blob *blob)
{
	return (struct blob){ blob->at + 4, blob->length - 4 };
}

/* Reads `size` bytes before `until_ms`. */
static int receive(int fd, unsigned char *into, size_t size, int64_t until_ms)
{
	while (size > 0) {
		struct pollfd waits = { .fd = fd, .events = POLLIN };
		int64_t left = until_ms - now_ms();
		if (left <= 0 || poll(&waits, 1, (int)left) != 1)
			return 0;
		ssize_t got = recv(fd, into, size, 0);
		if (got <= 0)
			return 0;
		into += got;
		size -= (size_t)got;
	}
	return 1;
}

/* One message: its type, or -1 when none came in time, or one too long to be an answer to us. */
static int message(int fd, unsigned char *into, struct blob *body, int64_t until_ms)
{
	unsigned char head[12];
	uint32_t length;

	if (!receive(fd, head, sizeof head, until_ms))
		return -1;
	length = get_u32(head + 8) & 0xffffff;
	if (length < 4 || length - 4 > MAX_ANSWER_BYTES || !receive(fd, into, length - 4, until_ms))
		return -1;
	*body = (struct blob){ into, length - 4 };
	return head[1];
}

static unsigned char *put_text(unsigned char *at, uint32_t id, const char *text)
{
	size_t size = strlen(text) + 1, padded = (size + 3) & ~(size_t)3;
	at = put_u32(at, id << 24 | (uint32_t)(size + 4));
	memset(at, 0, padded);
	memcpy(at, text, size);
	return at + padded;
}

/* Sends the attributes from `start` to `end`, in front of which 12 bytes are free for the head. */
static int ask(int fd, int type, uint32_t peer, unsigned char *start, const unsigned char *end)
{
	unsigned char *head = start - 12;
	ssize_t size = end - head;

	memset(head, 0, 12);
	head[1] = (unsigned char)type;
	head[3] = (unsigned char)type; /* the sequence number: each type is asked once */
	put_u32(head + 4, peer);
	put_u32(head + 8, (uint32_t)(end - start + 4));
	return send(fd, head, (size_t)size, MSG_NOSIGNAL) == size;
}

/* The attribute `wanted` of the first DATA before the final STATUS, and that this is 0. */
static int answer(int fd, unsigned wanted, unsigned char *bytes, struct blob *into, int64_t until_ms)
{
	static unsigned char other[MAX_ANSWER_BYTES];
	int found = 0, type;
	struct blob body, one;

	while ((type = message(fd, found ? other : bytes, &body, until_ms)) >= 0) {
		if (type != DATA && type != STATUS)
			continue;
		while (next_blob(&body, &one)) {
			if (type == STATUS && blob_id(&one) == A_STATUS && one.length == 8)
				return found && get_u32(one.at + 4) == 0;
			if (type == DATA && !found && blob_id(&one) == wanted) {
				*into = one;
				found = 1;
			}
		}
	}
	return 0;
}

/* A blobmsg attribute's name, and what is in it. */
static int named(const struct blob *blob, const char *name, struct blob *value)
{
	struct blob all = inside(blob);
	size_t length, skip;

	if (all.length < 2)
		return 0;
	length = (size_t)all.at[0] << 8 | all.at[1];
	skip = (2 + length + 1 + 3) & ~(size_t)3;
	if (skip > all.length || length != strlen(name) || memcmp(all.at + 2, name, length) != 0)
		return 0;
	*value = (struct blob){ all.at + skip, all.length - skip };
	return 1;
}

static int64_t integer(const struct blob *blob, const struct blob *value)
{
	if (blob_id(blob) == INT32 && value->length >= 4)
		return (int32_t)get_u32(value->at);
	if (blob_id(blob) == INT64 && value->length >= 8)
		return (int64_t)((uint64_t)get_u32(value->at) << 32 | get_u32(value->at + 4));
	return -1;
}

struct health {
	int64_t revision, applied;
	int failing;
};

static int status_of(int fd, struct health *into, int64_t until_ms)
{
	static unsigned char bytes[MAX_ANSWER_BYTES];
	unsigned char request[128], *end;
	struct blob found, rest, one, value;
	uint32_t object;

	if (message(fd, bytes, &found, until_ms) != HELLO)
		return 0;
	end = put_text(request + 12, A_OBJPATH, "gatehouse");
	if (!ask(fd, LOOKUP, 0, request + 12, end) || !answer(fd, A_OBJID, bytes, &found, until_ms) ||
	    found.length != 8)
		return 0;
	object = get_u32(found.at + 4);
	end = put_u32(request + 12, A_OBJID << 24 | 8);
	end = put_u32(end, object);
	end = put_text(end, A_METHOD, "status");
	end = put_u32(end, A_DATA << 24 | 4);
	if (!ask(fd, INVOKE, object, request + 12, end) || !answer(fd, A_DATA, bytes, &found, until_ms))
		return 0;
	*into = (struct health){ -1, -1, 0 };
	for (rest = inside(&found); next_blob(&rest, &one);) {
		if (named(&one, "revision", &value))
			into->revision = integer(&one, &value);
		else if (named(&one, "applied", &value))
			into->applied = integer(&one, &value);
		else if (named(&one, "failing", &value))
			into->failing = blob_id(&one) != TABLE || value.length > 0;
	}
	return into->applied >= 0 && into->applied == into->revision;
}

static int is_well(const char *socket_path, struct health *into)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), well = 0;

	strncpy(where.sun_path, socket_path, sizeof where.sun_path - 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof where) == 0)
		well = status_of(fd, into, now_ms() + ANSWER_MS);
	if (fd >= 0)
		close(fd);
	return well;
}

static void become_gatehouse(void)
{
	const struct passwd *user = getpwnam("gatehouse");

	errno = 0;
	if (!user)
		die("no user gatehouse");
	if (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
		die("cannot become gatehouse");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void feed(int device, const char *socket_path)
{
	int64_t well_ms = now_ms() + FIRST_MS - PATIENCE_MS;
	struct health health;
	int said = 0;

	for (;; poll(NULL, 0, INTERVAL_MS)) {
		if (is_well(socket_path, &health))
			well_ms = now_ms() > well_ms ? now_ms() : well_ms;
		if (now_ms() - well_ms < PATIENCE_MS) {
			said = 0;
			if (write(device, "1", 1) != 1)
				die("the watchdog takes no food");
		} else if (!said++) {
			fprintf(stderr, "gatehouse-watchdog: the daemon is not well: the box starts again in %d s\n",
				TIMEOUT_SEC);
		}
	}
}

int main(int argc, char **argv)
{
	const char *path = "/dev/watchdog", *socket_path = "/var/run/ubus/ubus.sock";
	int once = 0, device, seconds = TIMEOUT_SEC;
	struct health health;

	errno = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--once") == 0)
			once = 1;
		else if (i + 1 < argc && strcmp(argv[i], "--device") == 0)
			path = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--ubus-socket") == 0)
			socket_path = argv[++i];
		else
			die("usage: gatehouse-watchdog [--device FILE] [--ubus-socket PATH] [--once]");
	}
	if (once)
		return is_well(socket_path, &health) && !health.failing ? 0 : 1;
	device = open(path, O_WRONLY | O_CLOEXEC);
	if (device < 0)
		die(path);
	/* Some know one time only: then it is theirs. */
	ioctl(device, SET_TIMEOUT, &seconds);
	become_gatehouse();
	feed(device, socket_path);
}
