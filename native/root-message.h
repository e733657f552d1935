/*
 * What the root helper is asked and what it answers. Both have a fixed length and layout, integers
 * are big-endian (src/wire/root-helper.ts is the other side), and a request is sent in one piece:
 *
 *   request, 72 bytes                            answer, 12 bytes
 *    0  u32  "GHRH"                               0  u32  "GHRH"
 *    4  u8   version 1                            4  u8   version 1
 *    5  u8   kind 1                               5  u8   kind 2
 *    6  u8   verb                                 6  u8   verb, 0 when it was not understood
 *    7  u8   length of the argument               7  u8   outcome
 *    8  64 bytes, the argument and zeros          8  u32  errno, of OUTCOME_FAILED
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define REQUEST_BYTES 72
#define ANSWER_BYTES 12
#define ARGUMENT_BYTES 64
#define LABEL_BYTES 63

enum verb {
	VERB_NONE,
	VERB_REBOOT,
	VERB_POWEROFF,
	VERB_HOSTNAME,
	/* From here on they are the slot writer's, which knows them by the same names. */
	VERB_INSTALL,
	VERB_ACTIVATE,
	VERB_CONFIRM,
	VERB_ROLLBACK,
	VERB_FACTORY_RESET,
	VERB_STATUS,
	VERBS
};

enum outcome {
	OUTCOME_DONE,
	OUTCOME_MALFORMED,
	OUTCOME_VERB,
	OUTCOME_ARGUMENT,
	OUTCOME_STRANGER,
	OUTCOME_TOO_MANY,
	OUTCOME_GOING_DOWN,
	OUTCOME_FAILED,
	OUTCOME_BUSY,  /* an install is under way */
	OUTCOME_ABSENT /* a box without slots */
};

struct request {
	enum verb verb;
	char name[LABEL_BYTES + 1]; /* of VERB_HOSTNAME, else empty */
};

/* One label of a host name: letters, digits, and hyphens inside (RFC 1123 section 2.1). */
static int is_label(const unsigned char *text, size_t length)
{
	if (length < 1 || length > LABEL_BYTES || text[0] == '-' || text[length - 1] == '-')
		return 0;
	for (size_t i = 0; i < length; i++) {
		unsigned char lower = text[i] | 32, c = text[i];
		if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') && c != '-')
			return 0;
	}
	return 1;
}

/* `into` holds what was understood, whatever the outcome. */
static enum outcome parse_request(const unsigned char *bytes, size_t got, struct request *into)
{
	const unsigned char *argument = bytes + REQUEST_BYTES - ARGUMENT_BYTES;

	memset(into, 0, sizeof *into);
	if (got != REQUEST_BYTES || memcmp(bytes, "GHRH\1\1", 6) != 0 || bytes[7] > ARGUMENT_BYTES)
		return OUTCOME_MALFORMED;
	for (size_t i = bytes[7]; i < ARGUMENT_BYTES; i++)
		if (argument[i])
			return OUTCOME_MALFORMED;
	if (bytes[6] <= VERB_NONE || bytes[6] >= VERBS)
		return OUTCOME_VERB;
	into->verb = (enum verb)bytes[6];
	if (into->verb != VERB_HOSTNAME)
		return bytes[7] == 0 ? OUTCOME_DONE : OUTCOME_ARGUMENT;
	if (!is_label(argument, bytes[7]))
		return OUTCOME_ARGUMENT;
	memcpy(into->name, argument, bytes[7]);
	return OUTCOME_DONE;
}
