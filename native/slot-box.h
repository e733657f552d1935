/*
 * What the slot writer knows of the box: its configuration, which slot runs, what each slot holds,
 * what the boot loader is told, and the file in which it says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "boot-env.h"
#include "bundle.h"

#define FLOOR_BYTES 32 /* two times 15 digits and a line end: within one sector */

static const char *const KEYS[] = { "arch",   "key",	      "boot",	      "disk",	"root-a",
				    "root-b", "bundle", "command-line", "status", "reset" };
enum { ARCH, KEY, BOOT, DISK, ROOT_A, ROOT_B, BUNDLE, COMMAND_LINE, STATUS, RESET, KEY_COUNT };

static char config_text[4096], *config[KEY_COUNT];
static unsigned char key[crypto_sign_PUBLICKEYBYTES];
static int boot_folder = -1, locked;
static int running; /* 0 is slot a, 1 slot b */
static struct boot_env env;
static int env_whole;
static uint64_t least_serial;
static struct {
	int known;
	struct manifest is;
	unsigned char head[HEAD_BYTES];
} slots[2];
static const char *phase = "idle";
static int percent;

/* What the daemon reads: src/wire/update-status.ts. Every text in it was checked where it came from. */
static void say(const char *fault)
{
	char text[1024], fresh[256], described[2][160];
	int length, fd;

	for (int i = 0; i < 2; i++)
		snprintf(described[i], sizeof described[i],
			 slots[i].known ? "{\"serial\":%llu,\"version\":\"%s\"}" : "null",
			 (unsigned long long)slots[i].is.serial, slots[i].is.version);
	length = snprintf(text, sizeof text,
			  "{\"arch\":\"%s\",\"fault\":\"%s\",\"leastSerial\":%llu,\"left\":%u,\"order\":\"%s\","
			  "\"percent\":%d,\"phase\":\"%s\",\"running\":\"%c\",\"slots\":{\"a\":%s,\"b\":%s}}\n",
			  config[ARCH], fault, (unsigned long long)least_serial, env.left, env.order,
			  percent, phase, 'a' + running, described[0], described[1]);
	snprintf(fresh, sizeof fresh, "%s.new", config[STATUS]);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || fchmod(fd, 0644) != 0 || write(fd, text, (size_t)length) != length ||
	    rename(fresh, config[STATUS]) != 0)
		fprintf(stderr, "slot-writer: %s: %s\n", fresh, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* It is mounted read-only but for the moments in which it is written: also after one that was killed. */
static void boot_writable(int yes)
{
	struct statfs is;

	if (boot_folder < 0 || fstatfs(boot_folder, &is) != 0 || is.f_type != MSDOS_SUPER_MAGIC ||
	    yes == !(is.f_flags & ST_RDONLY))
		return;
	if (!yes)
		syncfs(boot_folder);
	if (mount(NULL, config[BOOT], NULL,
		  MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC | (yes ? 0 : MS_RDONLY), NULL) != 0)
		fprintf(stderr, "slot-writer: %s: %s\n", config[BOOT], strerror(errno));
}

/* No fault holds a quote: names come from the configuration, numbers and fixed words besides. */
static void __attribute__((noreturn, format(printf, 2, 3))) fail(int error, const char *format, ...)
{
	char fault[256];
	va_list args;

	va_start(args, format);
	vsnprintf(fault, sizeof fault, format, args);
	va_end(args);
	fprintf(stderr, "slot-writer: %s\n", fault);
	boot_writable(0);
	phase = "failed";
	if (locked)
		say(fault);
	exit(error > 0 && error < 126 ? error : EIO);
}

static void __attribute__((noreturn)) fail_at(const char *what)
{
	int error = errno;
	fail(error, "%s: %s", what, strerror(error));
}

static void progress(const char *now, uint64_t done, uint64_t all)
{
	int reached = (int)(done * 100 / all);
	if (now == phase && reached == percent)
		return;
	phase = now;
	percent = reached;
	say("");
}

static size_t read_all(int fd, unsigned char *into, size_t size, off_t at)
{
	size_t got = 0;
	ssize_t n;
	while (got < size && (n = pread(fd, into + got, size - got, at + (off_t)got)) != 0) {
		if (n < 0 && errno != EINTR)
			fail_at("reading");
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

static void write_all(int fd, const unsigned char *from, size_t size, off_t at)
{
	size_t put = 0;
	while (put < size) {
		ssize_t n = pwrite(fd, from + put, size - put, at + (off_t)put);
		if (n < 0 && errno != EINTR)
			fail_at("writing");
		put += n > 0 ? (size_t)n : 0;
	}
}

static size_t read_file(int folder, const char *name, unsigned char *into, size_t size)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	size_t got = fd < 0 ? 0 : read_all(fd, into, size, 0);
	if (fd >= 0)
		close(fd);
	return got;
}

/* Into the file's own blocks: of one sector either the old or the new stands after a power cut. */
static void write_file(const char *name, const unsigned char *from, size_t size)
{
	int fd;
	boot_writable(1);
	fd = openat(boot_folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		fail_at(name);
	write_all(fd, from, size, 0);
	if (ftruncate(fd, (off_t)size) != 0 || fsync(fd) != 0 || fsync(boot_folder) != 0)
		fail_at(name);
	close(fd);
}

static void read_config(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat is;

	if (fd < 0 || fstat(fd, &is) != 0)
		fail(errno, "no configuration: %s", path);
	if (is.st_uid != 0 || (is.st_mode & 022))
		fail(EPERM, "%s must be root's, and nobody else may write to it", path);
	config_text[read_all(fd, (unsigned char *)config_text, sizeof config_text - 1, 0)] = 0;
	close(fd);
	for (char *line = strtok(config_text, "\n"); line; line = strtok(NULL, "\n")) {
		char *value = strchr(line, ' ');
		if (!value || line[0] == '#')
			continue;
		*value++ = 0;
		for (int i = 0; i < KEY_COUNT; i++)
			if (strcmp(line, KEYS[i]) == 0 && !strpbrk(value, "\"\\") && strlen(value) < 200)
				config[i] = value;
	}
	for (int i = 0; i < KEY_COUNT; i++)
		if (!config[i])
			fail(EINVAL, "%s lacks %s", path, KEYS[i]);
}

/* Signed by the key of this box, and a bundle: in this order. */
static const char *check_head(const unsigned char *head, struct manifest *into)
{
	if (memcmp(head, "GHBUNDLE", 8) != 0)
		return "this is no update bundle of Gatehouse";
	if (crypto_sign_verify_detached(head + SIGNED_BYTES, head, SIGNED_BYTES, key) != 0)
		return "the signature does not fit the key of this box: the bundle is damaged, or not for it";
	if (!parse_head(head, into))
		return "the manifest of the bundle is malformed";
	if (strcmp(into->product, "gatehouse") != 0)
		return "the bundle is of another product";
	if (strcmp(into->arch, config[ARCH]) != 0)
		return "the bundle is for another architecture";
	return NULL;
}

/* A slot counts as bootable by the head of the bundle it was written from, which lies beside its kernel. */
static void read_box(void)
{
	unsigned char floor[FLOOR_BYTES + 1] = { 0 };
	char block[ENV_BYTES + 1], line[4096], name[16];
	const char *slot;

	line[read_file(AT_FDCWD, config[COMMAND_LINE], (unsigned char *)line, sizeof line - 1)] = 0;
	slot = strstr(line, "gatehouse.slot=");
	if (!slot || (slot[15] != 'a' && slot[15] != 'b') || (slot[16] && !strchr(" \n", slot[16])))
		fail(ENODEV, "the kernel's command line names no slot: this box was not started from one");
	running = slot[15] - 'a';
	boot_folder = open(config[BOOT], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (boot_folder < 0)
		fail_at(config[BOOT]);
	if (read_file(AT_FDCWD, config[KEY], key, sizeof key) != sizeof key)
		fail(ENOKEY, "no public key in %s", config[KEY]);
	env_whole = env_read(block, read_file(boot_folder, "boot.env", (unsigned char *)block, sizeof block), &env);
	if (read_file(boot_folder, "least-serial", floor, FLOOR_BYTES) == FLOOR_BYTES &&
	    memcmp(floor, floor + FLOOR_BYTES / 2, FLOOR_BYTES / 2) == 0)
		least_serial = strtoull((char *)floor, NULL, 10);
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof name, "%c/head", 'a' + i);
		slots[i].known =
			read_file(boot_folder, name, slots[i].head, HEAD_BYTES) == HEAD_BYTES &&
			!check_head(slots[i].head, &slots[i].is);
	}
}

static void set_env(const char *order, unsigned left)
{
	char block[ENV_BYTES + 1];
	size_t length = read_file(boot_folder, "boot.env", (unsigned char *)block, sizeof block);

	if (env_whole && strcmp(env.order, order) == 0 && env.left == left)
		return;
	snprintf(env.order, sizeof env.order, "%s", order);
	env.left = left;
	env_write(block, length, &env);
	write_file("boot.env", (unsigned char *)block, ENV_BYTES);
}
