/*
 * The two variables that the boot loaders and the slot writer share, in boot.env: a GRUB environment
 * block (GRUB manual section 16.3), which U-Boot reads as text. scripts/image/README.md says what
 * they mean to the loaders.
 *
 *   order   the slots in the order they are tried in: "a", "b", "a b" or "b a"
 *   left    how often the first is still tried, 0 to 8; ENV_CONFIRMED is for good
 *
 * Other variables stay as they are. The file keeps its length, so that it is written in place: the
 * loaders do that too, and both variables lie in its first sector.
 */
#include <stdio.h>
#include <string.h>

#define ENV_BYTES 1024
#define ENV_HEADER "# GRUB Environment Block\n"
#define ENV_CONFIRMED 9

struct boot_env {
	char order[4];
	unsigned left;
};

/* The line at `at`, its length without its end; 0 after the last one, where the padding begins. */
static size_t env_line(const char *block, size_t length, size_t at)
{
	const char *end = at < length ? memchr(block + at, '\n', length - at) : NULL;
	return end ? (size_t)(end - block) - at : 0;
}

static int is_order(const char *text, size_t length)
{
	return (length == 1 && (text[0] == 'a' || text[0] == 'b')) ||
	       (length == 3 && (memcmp(text, "a b", 3) == 0 || memcmp(text, "b a", 3) == 0));
}

static int is_ours(const char *line, size_t size)
{
	return (size >= 6 && memcmp(line, "order=", 6) == 0) ||
	       (size >= 5 && memcmp(line, "left=", 5) == 0);
}

/* What is missing or torn is what the loaders take for it then. 0 when it was not all there. */
static int env_read(const char *block, size_t length, struct boot_env *into)
{
	int got_order = 0, got_left = 0;

	*into = (struct boot_env){ "a b", ENV_CONFIRMED };
	for (size_t at = 0, size; (size = env_line(block, length, at)); at += size + 1) {
		const char *line = block + at;
		if (size > 6 && memcmp(line, "order=", 6) == 0 && is_order(line + 6, size - 6)) {
			memset(into->order, 0, sizeof into->order);
			memcpy(into->order, line + 6, size - 6);
			got_order = 1;
		} else if (size == 6 && memcmp(line, "left=", 5) == 0 && line[5] >= '0' && line[5] <= '9') {
			into->left = (unsigned)(line[5] - '0');
			got_left = 1;
		}
	}
	return length == ENV_BYTES && got_order && got_left;
}

/* Puts `wanted` into a block, `length` bytes of which were read; what no longer fits is dropped. */
static void env_write(char *block, size_t length, const struct boot_env *wanted)
{
	char made[ENV_BYTES];
	size_t to = (size_t)snprintf(made, sizeof made, ENV_HEADER "order=%s\nleft=%u\n", wanted->order,
				     wanted->left);

	memset(made + to, '#', sizeof made - to);
	for (size_t from = 0, size; (size = env_line(block, length, from)); from += size + 1) {
		const char *line = block + from;
		if (line[0] == '#' || is_ours(line, size) || to + size + 1 >= sizeof made)
			continue;
		memcpy(made + to, line, size + 1);
		to += size + 1;
	}
	memcpy(block, made, sizeof made);
}
