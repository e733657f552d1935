/*
 * Feeds the root helper's parser: reads a length (one byte) and so many bytes, again and again, and
 * writes 66 bytes for each: outcome, verb, and the name with its zeros. Each input lies in a block of
 * its own length, so that a sanitizer sees a read behind its end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "root-message.h"

int main(void)
{
	int length;
	while ((length = getchar()) != EOF) {
		struct request asked;
		unsigned char *bytes = malloc(length ? (size_t)length : 1);
		if (!bytes || fread(bytes, 1, (size_t)length, stdin) != (size_t)length)
			return 1;
		putchar((int)parse_request(bytes, (size_t)length, &asked));
		putchar((int)asked.verb);
		fwrite(asked.name, 1, sizeof asked.name, stdout);
		free(bytes);
	}
	return 0;
}
