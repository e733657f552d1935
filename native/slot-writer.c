/*
 * slot-writer VERB [CONFIG]
 *
 * The root helper's other half: it verifies a bundle and writes it to the slot that does not run,
 * says which slot is booted next, and ends. It is a program of its own because an install takes
 * minutes in which the helper must hear, because the cryptography of it shall not lie in a process
 * that is always there, and because a box without slots is one without this program.
 *
 *   install        verifies the bundle and writes it to the idle slot, which is bootable no more
 *                  from before its first byte to after its last
 *   activate       the idle slot is booted next, and given up after TRIES boots without confirm
 *   confirm        the running slot is healthy: it stays, and its serial is the least from now on
 *   rollback       the other slot than the one that would be is booted next
 *   factory-reset  at the next boot everything but the slots is forgotten
 *   status         says how it stands, as every verb does at its end
 *
 * CONFIG is root's and lies on the read-only root file system; src/services/update/README.md has its
 * lines. The exit code is the errno of what failed, and the status file says it for people.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "slot-box.h"

#define TRIES 3
#ifndef CONFIG
#define CONFIG "/usr/lib/gatehouse/update.conf"
#endif
#define CHUNK (1 << 20)
#define SYNC_BYTES (8 << 20)

static unsigned char chunk[CHUNK];

static void boot_next(int slot, int then_other, unsigned left)
{
	char order[4] = { (char)('a' + slot), 0 };
	if (then_other) {
		order[1] = ' ';
		order[2] = (char)('b' - slot);
	}
	set_env(order, left);
}

/* Not confirmed yet: booted for the first time, or the last resort of an image that never was. */
static int on_trial(void)
{
	return slots[running].known && slots[running].is.serial > least_serial;
}

/*
 * Hashes `size` bytes of `from` at `at`, and writes them to `to` unless that is -1. `done` of `all`
 * bytes were so treated before. 0 when the hash is not `wanted`.
 */
static int copy_part(const char *doing, int from, off_t at, int to, uint64_t size, uint64_t done,
		     uint64_t all, const unsigned char *wanted)
{
	crypto_hash_sha256_state state;
	unsigned char hash[SHA256_BYTES];
	uint64_t unsynced = 0;

	crypto_hash_sha256_init(&state);
	for (uint64_t part = 0; part < size;) {
		size_t n = size - part < CHUNK ? (size_t)(size - part) : CHUNK;
		if (read_all(from, chunk, n, at + (off_t)part) != n)
			return 0;
		crypto_hash_sha256_update(&state, chunk, n);
		if (to >= 0) {
			write_all(to, chunk, n, (off_t)part);
			/* Or the kernel keeps it all in memory, and the bar stands still at the end. */
			if ((unsynced += n) >= SYNC_BYTES) {
				unsynced = 0;
				if (fdatasync(to) != 0)
					fail_at("writing");
			}
		}
		part += n;
		progress(doing, done + part, all);
	}
	crypto_hash_sha256_final(&state, hash);
	return sodium_memcmp(hash, wanted, sizeof hash) == 0;
}

/* A path, or the number of a partition of the disk whose name the initramfs left. */
static const char *root_path(int slot, char *into, size_t size)
{
	const char *given = config[slot ? ROOT_B : ROOT_A];
	unsigned char disk[33];
	size_t length;

	if (given[0] == '/')
		return given;
	length = read_file(AT_FDCWD, config[DISK], disk, sizeof disk - 1);
	while (length > 0 && disk[length - 1] == '\n')
		length--;
	if (length == 0)
		fail(ENODEV, "%s names no disk", config[DISK]);
	disk[length] = 0;
	snprintf(into, size, "/dev/%s%s%s", disk, disk[length - 1] >= '0' && disk[length - 1] <= '9' ? "p" : "",
		 given);
	return into;
}

/* The root file system's device, or a file on the boot partition. No slot that is mounted opens. */
static int open_target(int slot, int part, uint64_t size)
{
	char name[64];
	const char *path;
	struct stat is;
	uint64_t room = 0;
	int fd;

	if (part == PART_ROOTFS) {
		path = root_path(slot, name, sizeof name);
		fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &is) != 0)
			fail_at(path);
		if (!S_ISBLK(is.st_mode))
			room = (uint64_t)is.st_size;
		else if (ioctl(fd, BLKGETSIZE64, &room) != 0)
			fail_at(path);
		if (size > room)
			fail(ENOSPC, "the root file system does not fit: %llu bytes, the slot has %llu",
			     (unsigned long long)size, (unsigned long long)room);
		return fd;
	}
	snprintf(name, sizeof name, "%c/%s", 'a' + slot, PART_WORDS[part]);
	fd = openat(boot_folder, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		fail_at(name);
	return fd;
}

static void check_room(int slot, const struct manifest *m)
{
	uint64_t wanted = m->parts[PART_KERNEL].bytes + m->parts[PART_INITRAMFS].bytes, there = 0;
	struct statvfs room;
	struct stat is;
	char name[32];

	for (int i = PART_KERNEL; i <= PART_INITRAMFS; i++) {
		snprintf(name, sizeof name, "%c/%s", 'a' + slot, PART_WORDS[i]);
		if (fstatat(boot_folder, name, &is, 0) == 0)
			there += (uint64_t)is.st_size;
	}
	if (fstatvfs(boot_folder, &room) != 0)
		fail_at(config[BOOT]);
	if (wanted > there + (uint64_t)room.f_bavail * room.f_bsize)
		fail(ENOSPC, "kernel and initramfs do not fit on the boot partition");
	close(open_target(slot, PART_ROOTFS, m->parts[PART_ROOTFS].bytes));
}

static off_t offset_of(const struct manifest *m, int part)
{
	off_t at = HEAD_BYTES;
	for (int i = 0; i < part; i++)
		at += (off_t)m->parts[i].bytes;
	return at;
}

static void install(void)
{
	/* The bundle lies in a folder of the daemon's: no link placed there leads anywhere. */
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	int bundle = (int)syscall(SYS_openat2, AT_FDCWD, config[BUNDLE], &how, sizeof how);
	int idle = !running, targets[PARTS];
	unsigned char head[HEAD_BYTES], nothing[HEAD_BYTES] = { 0 };
	char name[16], only[2] = { (char)('a' + running), 0 };
	struct manifest m;
	struct stat is;
	const char *fault;
	uint64_t all, done;

	if (bundle < 0 || fstat(bundle, &is) != 0 || !S_ISREG(is.st_mode))
		fail(ENOENT, "no bundle was handed over");
	if (on_trial())
		fail(EBUSY, "the running version is not confirmed yet, and the other slot is what it would fall back to");
	if (read_all(bundle, head, HEAD_BYTES, 0) != HEAD_BYTES)
		fail(EINVAL, "the bundle is cut off");
	if ((fault = check_head(head, &m)))
		fail(EINVAL, "%s", fault);
	if (m.serial < least_serial)
		fail(EPERM, "the bundle is older (serial %llu) than what this box already ran (%llu)",
		     (unsigned long long)m.serial, (unsigned long long)least_serial);
	all = m.parts[0].bytes + m.parts[1].bytes + m.parts[2].bytes;
	if ((uint64_t)is.st_size != HEAD_BYTES + all)
		fail(EINVAL, "the bundle is cut off, or has something behind its end");
	check_room(idle, &m);
	done = 0;
	for (int i = 0; i < PARTS; done += m.parts[i++].bytes)
		if (!copy_part("verifying", bundle, offset_of(&m, i), -1, m.parts[i].bytes, done, all,
			       m.parts[i].sha256))
			fail(EINVAL, "part %s is not what the manifest says", PART_WORDS[i]);

	/*
	 * From here on the idle slot is none: not in the order, without a kernel, which loaders pass
	 * over, and without a head. They come back in the opposite order.
	 */
	set_env(only, ENV_CONFIRMED);
	boot_writable(1);
	snprintf(name, sizeof name, "%c", 'a' + idle);
	mkdirat(boot_folder, name, 0700);
	snprintf(name, sizeof name, "%c/kernel", 'a' + idle);
	if (unlinkat(boot_folder, name, 0) != 0 && errno != ENOENT)
		fail_at(name);
	snprintf(name, sizeof name, "%c/head", 'a' + idle);
	write_file(name, nothing, HEAD_BYTES);
	slots[idle].known = 0;
	done = 0;
	for (int i = PARTS - 1; i >= 0; done += m.parts[i--].bytes) {
		targets[i] = open_target(idle, i, m.parts[i].bytes);
		if (!copy_part("writing", bundle, offset_of(&m, i), targets[i], m.parts[i].bytes, done, all,
			       m.parts[i].sha256))
			fail(EINVAL, "part %s changed while it was written", PART_WORDS[i]);
		if ((i != PART_ROOTFS && ftruncate(targets[i], (off_t)m.parts[i].bytes) != 0) ||
		    fsync(targets[i]) != 0)
			fail_at(PART_WORDS[i]);
	}
	done = 0;
	for (int i = 0; i < PARTS; done += m.parts[i++].bytes) {
		/* What the medium holds, not what the kernel remembers of it. */
		posix_fadvise(targets[i], 0, 0, POSIX_FADV_DONTNEED);
		if (!copy_part("checking", targets[i], 0, -1, m.parts[i].bytes, done, all, m.parts[i].sha256))
			fail(EIO, "part %s reads back wrong: the card may be worn out", PART_WORDS[i]);
		close(targets[i]);
	}
	write_file(name, head, HEAD_BYTES);
	slots[idle].known = 1;
	slots[idle].is = m;
	phase = "installed";
}

static void activate(void)
{
	if (!slots[!running].known)
		fail(ENOENT, "the other slot holds no version: install one first");
	if (slots[!running].is.serial < least_serial)
		fail(EPERM, "the version of the other slot is older; rollback goes back to it");
	boot_next(!running, 1, TRIES);
}

static void confirm(void)
{
	/* The first slot used up its tries, or had no kernel and was passed over. */
	int other = !running, fell_back = env.order[0] != 'a' + running &&
					  (env.left == 0 || env.left == ENV_CONFIRMED);
	char text[64];

	if (on_trial()) {
		least_serial = slots[running].is.serial;
		snprintf(text, sizeof text, "%015llu\n%015llu\n", (unsigned long long)least_serial,
			 (unsigned long long)least_serial);
		write_file("least-serial", (unsigned char *)text, FLOOR_BYTES);
	}
	/* The other slot was activated since, and waits for its boot. */
	if (env.order[0] != 'a' + running && !fell_back)
		return;
	/* What was never confirmed, or was just given up, is nothing to fall back to. */
	boot_next(running, slots[other].known && slots[other].is.serial <= least_serial && !fell_back,
		  ENV_CONFIRMED);
}

static void rollback(void)
{
	int other = !running;
	if (env.order[0] != 'a' + running)
		return boot_next(running, 0, on_trial() ? TRIES : ENV_CONFIRMED);
	if (!slots[other].known)
		fail(ENOENT, "the other slot holds no version to go back to");
	boot_next(other, 1, TRIES);
}

static void factory_reset(void)
{
	int fd = open(config[RESET], O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fsync(fd) != 0)
		fail_at(config[RESET]);
	close(fd);
	sync();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} VERBS[] = { { "install", install },	{ "activate", activate },
		      { "confirm", confirm },	{ "rollback", rollback },
		      { "status", NULL },	{ "factory-reset", factory_reset } };
	char folder[256], *slash;
	int lock;

	umask(077);
	for (size_t i = 0; argc > 1 && i < sizeof VERBS / sizeof *VERBS; i++) {
		if (strcmp(argv[1], VERBS[i].name) != 0)
			continue;
		read_config(argc > 2 ? argv[2] : CONFIG);
		snprintf(folder, sizeof folder, "%s", config[STATUS]);
		if ((slash = strrchr(folder, '/')))
			*slash = 0;
		if (mkdir(folder, 0755) == 0)
			chmod(folder, 0755);
		lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
			fprintf(stderr, "slot-writer: another one is at work\n");
			return EBUSY;
		}
		locked = 1;
		if (sodium_init() < 0)
			fail(EIO, "the cryptographic library does not start");
		if (nice(10) < 0)
			errno = 0;
		read_box();
		if (VERBS[i].run)
			VERBS[i].run();
		boot_writable(0);
		say("");
		return 0;
	}
	fprintf(stderr, "usage: slot-writer install|activate|confirm|rollback|status|factory-reset [CONFIG]\n");
	return EINVAL;
}
