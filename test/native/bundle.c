/*
 * Feeds the slot writer's parsers: reads a kind (one byte: 'h' a head, 'e' an environment), a length
 * (u32, the host's order) and so many bytes, again and again, and answers each with a length and so
 * many bytes: of a head what was understood as text, nothing when it was refused; of an environment
 * its order and count, then the block with them put in again. Each input lies in a block of its own
 * length, so that a sanitizer sees a read behind its end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "boot-env.h"
#include "bundle.h"

#define MAX_INPUT 65536

static void reply(const void *bytes, uint32_t length)
{
	fwrite(&length, sizeof length, 1, stdout);
	fwrite(bytes, 1, length, stdout);
}

static void head(const unsigned char *bytes, uint32_t length)
{
	struct manifest m;
	char text[512];

	if (length != HEAD_BYTES || !parse_head(bytes, &m)) {
		reply("", 0);
		return;
	}
	int n = snprintf(text, sizeof text, "%s %s %s %llu", m.product, m.arch, m.version,
			 (unsigned long long)m.serial);
	for (int i = 0; i < PARTS; i++) {
		n += snprintf(text + n, sizeof text - (size_t)n, " %llu ", (unsigned long long)m.parts[i].bytes);
		for (int j = 0; j < SHA256_BYTES; j++)
			n += snprintf(text + n, sizeof text - (size_t)n, "%02x", m.parts[i].sha256[j]);
	}
	reply(text, (uint32_t)n);
}

static void environment(const unsigned char *bytes, uint32_t length)
{
	char block[MAX_INPUT], text[16];
	struct boot_env env;

	env_read((const char *)bytes, length, &env);
	reply(text, (uint32_t)snprintf(text, sizeof text, "%s/%u", env.order, env.left));
	memcpy(block, bytes, length);
	env_write(block, length, &env);
	reply(block, ENV_BYTES);
}

int main(void)
{
	int kind;
	while ((kind = getchar()) != EOF) {
		uint32_t length;
		unsigned char *bytes;
		if (fread(&length, sizeof length, 1, stdin) != 1 || length > MAX_INPUT)
			return 1;
		bytes = malloc(length ? length : 1);
		if (!bytes || fread(bytes, 1, length, stdin) != length)
			return 1;
		if (kind == 'h')
			head(bytes, length);
		else
			environment(bytes, length);
		free(bytes);
	}
	return 0;
}
