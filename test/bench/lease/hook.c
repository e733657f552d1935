/*
 * Stands in the place of a DHCP client's hook and becomes the real one (TARGET), after telling the
 * observer at SOCKET when it began and for which event. The connection stays open over exec and is
 * inherited by whatever the hook starts, so the kernel closes it when the last of them ends.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec t;
	struct { long long ns; char event[24]; } began;
	struct sockaddr_un where = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd;

	clock_gettime(CLOCK_REALTIME, &t);
	memset(&began, 0, sizeof began);
	began.ns = t.tv_sec * 1000000000LL + t.tv_nsec;
	if (argc > 1)
		strncpy(began.event, argv[1], sizeof began.event - 1);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&where, sizeof where) != 0 ||
	    write(fd, &began, sizeof began) != (ssize_t)sizeof began)
		return 125;
	execv(TARGET, argv);
	return 126;
}
