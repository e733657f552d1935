/*
 * gatehouse-root-helper [--run-dir DIR] [--audit FILE]
 *
 * The one part of Gatehouse that is root once the box is up: it does for the daemon, which runs as
 * user gatehouse with three capabilities, what that may not do, and nothing else. Init starts it,
 * and again when it ends. It listens on DIR/root.sock, answers root and gatehouse alone, takes the
 * verbs of root-message.h and no path, and has a line in FILE for each request. The one program that
 * it starts is the slot writer, where the box has one, with the verb as its only argument.
 *
 * DIR belongs to gatehouse, so what is done in it is done with gatehouse's rights; the folder of
 * FILE must be root's own. At 256 KiB FILE becomes FILE.1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "root-message.h"

#define PEERS 4
#define BURST_MS 8000       /* eight requests at once; a second earns another */
#define REQUEST_MS 1000
#define ANSWER_FIRST_MS 500 /* who asked for a reboot hears of it before it begins */
#ifndef PATIENCE_MS
#define PATIENCE_MS 10000   /* for init to end everything in order */
#endif
#define AUDIT_BYTES 262144
#ifndef SLOT_WRITER
#define SLOT_WRITER "/usr/lib/gatehouse/slot-writer"
#endif

struct peer {
	int fd;
	struct ucred who;
};

static const char *const VERB_WORDS[VERBS] = {
	"unknown",  "reboot",  "poweroff", "hostname",	    "install",
	"activate", "confirm", "rollback", "factory-reset", "status",
};
static const char *const OUTCOME_WORDS[] = {
	"done",		     "refused: malformed", "refused: unknown verb", "refused: bad argument",
	"refused: stranger", "refused: too many",  "refused: going down",   "failed",
	"refused: busy",     "refused: no slots on this box",
};

static uid_t owner;
static int audit_folder, audit_file;
static const char *audit_name;
static int64_t earned_ms = BURST_MS, counted_ms;
static unsigned unrecorded;
static enum verb going_down; /* at `next_ms` init is told, then (`told`) the kernel */
static int told;
static int64_t next_ms;
static pid_t writer; /* that installs; the others are waited for */
static int writer_ended = -1;

static void die(const char *what)
{
	fprintf(stderr, "gatehouse-root-helper: %s%s%s\n", what, errno ? ": " : "",
		errno ? strerror(errno) : "");
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int open_audit(void)
{
	return openat(audit_folder, audit_name,
		      O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

static void start_audit(char *path)
{
	char *slash = strrchr(path, '/');
	struct stat is;

	errno = 0;
	if (path[0] != '/' || !slash[1])
		die("--audit wants the full path of a file");
	audit_name = slash + 1;
	*slash = 0;
	audit_folder = open(slash == path ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (audit_folder < 0 || fstat(audit_folder, &is) != 0)
		die(path);
	if (is.st_uid != 0 || (is.st_mode & 022))
		die("the folder of the audit file must be root's, and nobody else may write to it");
	audit_file = open_audit();
	if (audit_file < 0 || fstat(audit_file, &is) != 0 || !S_ISREG(is.st_mode))
		die(audit_name);
}

/* What cannot be written is said on stderr: a full disk must not keep the box from rebooting. */
static void record(const struct ucred *who, const struct request *asked, enum outcome outcome,
		   int error)
{
	char line[256], when[32], old[272];
	time_t now = time(NULL);
	struct tm utc;
	struct stat is;
	int length, fresh;

	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	length = snprintf(line, sizeof line - 64, "%s pid=%d uid=%u %s%s%s %s%s%s", when, (int)who->pid,
			  (unsigned)who->uid, VERB_WORDS[asked->verb], asked->name[0] ? " " : "",
			  asked->name, OUTCOME_WORDS[outcome], error ? ": " : "",
			  error ? strerror(error) : "");
	if (unrecorded > 1 && outcome != OUTCOME_TOO_MANY)
		length += sprintf(line + length, " (%u more were too many)", unrecorded - 1);
	if (outcome != OUTCOME_TOO_MANY)
		unrecorded = 0;
	line[length++] = '\n';
	snprintf(old, sizeof old, "%s.1", audit_name);
	if (fstat(audit_file, &is) == 0 && is.st_size + length > AUDIT_BYTES &&
	    renameat(audit_folder, audit_name, audit_folder, old) == 0 && (fresh = open_audit()) >= 0) {
		close(audit_file);
		audit_file = fresh;
	}
	if (write(audit_file, line, (size_t)length) != length || fdatasync(audit_file) != 0)
		fprintf(stderr, "gatehouse-root-helper: not recorded (%s): %.*s", strerror(errno), length,
			line);
}

static int too_many(void)
{
	int64_t now = now_ms();
	earned_ms += now - counted_ms;
	counted_ms = now;
	if (earned_ms > BURST_MS)
		earned_ms = BURST_MS;
	if (earned_ms < REQUEST_MS)
		return 1;
	earned_ms -= REQUEST_MS;
	return 0;
}

static pid_t start_writer(enum verb verb)
{
	char *words[] = { SLOT_WRITER, (char *)VERB_WORDS[verb], NULL }, *nothing[] = { NULL };
	pid_t pid = fork();

	if (pid == 0) {
		/* Every descriptor of the helper is closed by exec. */
		execve(words[0], words, nothing);
		_exit(errno);
	}
	return pid;
}

/* 0, or the errno of what failed. */
static int run_writer(enum verb verb)
{
	int status = 0;
	pid_t pid = start_writer(verb);

	if (pid < 0)
		return errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* The end of an install is recorded, and of one that was cut short the status file is put right. */
static void writer_gone(void)
{
	struct ucred self = { .pid = writer };
	struct request asked = { VERB_INSTALL, "" };
	int status = 0, error;

	if (waitpid(writer, &status, WNOHANG) == 0)
		return;
	error = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	record(&self, &asked, error ? OUTCOME_FAILED : OUTCOME_DONE, error);
	close(writer_ended);
	writer_ended = -1;
	if (!WIFEXITED(status))
		run_writer(VERB_STATUS);
}

static enum outcome use_slots(enum verb verb, int *error)
{
	if (access(SLOT_WRITER, X_OK) != 0)
		return OUTCOME_ABSENT;
	if (writer_ended >= 0)
		return OUTCOME_BUSY;
	if (verb != VERB_INSTALL) {
		*error = run_writer(verb);
	} else {
		writer = start_writer(verb);
		writer_ended = writer < 0 ? -1 : (int)syscall(SYS_pidfd_open, writer, 0);
		*error = writer_ended < 0 ? errno : 0;
		if (writer > 0 && *error) { /* nothing is written unseen */
			kill(writer, SIGKILL);
			waitpid(writer, NULL, 0);
		}
	}
	return *error ? OUTCOME_FAILED : OUTCOME_DONE;
}

static enum outcome carry_out(const struct request *asked, int *error)
{
	if (going_down)
		return OUTCOME_GOING_DOWN;
	if (asked->verb >= VERB_INSTALL)
		return use_slots(asked->verb, error);
	if (asked->verb == VERB_HOSTNAME) {
		if (sethostname(asked->name, strlen(asked->name)) == 0)
			return OUTCOME_DONE;
		*error = errno;
		return OUTCOME_FAILED;
	}
	going_down = asked->verb;
	told = 0;
	next_ms = now_ms() + ANSWER_FIRST_MS;
	return OUTCOME_DONE;
}

/*
 * A reboot is init's to do, so that services end in order: busybox's init and procd reboot at
 * SIGTERM and power off at SIGUSR2. If the box then still runs, the kernel is told directly.
 */
static void go_down(void)
{
	struct ucred self = { .pid = getpid() };
	struct request asked = { going_down, "" };

	if (!going_down || now_ms() < next_ms)
		return;
	sync();
	if (!told) {
		kill(1, going_down == VERB_REBOOT ? SIGTERM : SIGUSR2);
		told = 1;
		next_ms = now_ms() + PATIENCE_MS;
	} else if (reboot(going_down == VERB_REBOOT ? RB_AUTOBOOT : RB_POWER_OFF) != 0) {
		record(&self, &asked, OUTCOME_FAILED, errno);
		going_down = VERB_NONE;
	}
}

/* Carries out or refuses the `got` bytes that a peer sent; 0 when nothing more is heard from it. */
static int answer(const struct peer *p, const unsigned char *bytes, size_t got)
{
	unsigned char reply[ANSWER_BYTES] = "GHRH\1\2";
	struct request asked = { VERB_NONE, "" };
	enum outcome outcome = OUTCOME_STRANGER;
	int error = 0;

	if (p->who.uid == 0 || p->who.uid == owner)
		outcome = parse_request(bytes, got, &asked);
	/* Of a flood the first is recorded, the others counted: it shall not wash the record away. */
	if (too_many())
		outcome = OUTCOME_TOO_MANY;
	else if (outcome == OUTCOME_DONE)
		outcome = carry_out(&asked, &error);
	if (outcome != OUTCOME_TOO_MANY || unrecorded++ == 0)
		record(&p->who, &asked, outcome, error);
	reply[6] = (unsigned char)asked.verb;
	reply[7] = (unsigned char)outcome;
	reply[11] = (unsigned char)error; /* errnos of Linux go up to 133 */
	return send(p->fd, reply, sizeof reply, MSG_NOSIGNAL) == sizeof reply &&
	       outcome != OUTCOME_STRANGER && outcome != OUTCOME_MALFORMED;
}

/* The socket has its owner and its mode, and listens, before it gets its name. */
static int open_socket(const char *run_dir)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX, .sun_path = ".root.sock.new" };
	const struct passwd *user = getpwnam("gatehouse");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	errno = 0;
	if (!user)
		die("no user gatehouse: useradd --system --shell /usr/sbin/nologin gatehouse");
	owner = user->pw_uid;
	if (mkdir(run_dir, 0755) == 0 && chown(run_dir, user->pw_uid, user->pw_gid) != 0)
		die(run_dir);
	if (chdir(run_dir) != 0)
		die(run_dir);
	setfsgid(user->pw_gid);
	setfsuid(user->pw_uid);
	umask(0117);
	unlink(where.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof where) != 0 ||
	    listen(fd, PEERS) != 0 || rename(where.sun_path, "root.sock") != 0)
		die("cannot listen on root.sock");
	umask(077);
	setfsuid(0);
	setfsgid(0);
	return fd;
}

static void take(int listener, struct peer *p)
{
	socklen_t size = sizeof p->who;
	p->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (p->fd < 0)
		return;
	if (getsockopt(p->fd, SOL_SOCKET, SO_PEERCRED, &p->who, &size) != 0 ||
	    (p->who.uid != 0 && p->who.uid != owner && !answer(p, NULL, 0))) {
		close(p->fd);
		p->fd = -1;
	}
}

static void hear(struct peer *p)
{
	unsigned char bytes[REQUEST_BYTES];
	ssize_t n = recv(p->fd, bytes, sizeof bytes, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !answer(p, bytes, (size_t)n)) {
		close(p->fd);
		p->fd = -1;
	}
}

static void serve(int listener)
{
	struct peer peers[PEERS] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };

	for (;;) {
		struct pollfd watched[PEERS + 2];
		struct peer *vacant = NULL;
		for (int i = 0; i < PEERS; i++) {
			watched[i] = (struct pollfd){ .fd = peers[i].fd, .events = POLLIN };
			if (peers[i].fd < 0)
				vacant = peers + i;
		}
		/* With every place taken, whoever comes waits. */
		watched[PEERS] = (struct pollfd){ .fd = vacant ? listener : -1, .events = POLLIN };
		watched[PEERS + 1] = (struct pollfd){ .fd = writer_ended, .events = POLLIN };
		int64_t wait = going_down ? next_ms - now_ms() : -1;
		if (going_down && wait < 0)
			wait = 0;
		if (poll(watched, PEERS + 2, (int)wait) < 0 && errno != EINTR)
			die("poll");
		if (watched[PEERS].revents)
			take(listener, vacant);
		for (int i = 0; i < PEERS; i++)
			if (watched[i].fd >= 0 && watched[i].revents)
				hear(peers + i);
		if (watched[PEERS + 1].fd >= 0 && watched[PEERS + 1].revents)
			writer_gone();
		go_down();
	}
}

int main(int argc, char **argv)
{
	char *run_dir = "/run/gatehouse", standard[] = "/var/log/gatehouse-root.log", *audit = standard;

	errno = 0;
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && strcmp(argv[i], "--run-dir") == 0)
			run_dir = argv[i + 1];
		else if (i + 1 < argc && strcmp(argv[i], "--audit") == 0)
			audit = argv[i + 1];
		else
			die("usage: gatehouse-root-helper [--run-dir DIR] [--audit FILE]");
	}
	if (geteuid() != 0)
		die("only root can start it");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	umask(077);
	counted_ms = now_ms();
	start_audit(audit);
	serve(open_socket(run_dir));
}
