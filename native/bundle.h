/*
 * The head of an update bundle; src/wire/bundle.ts draws it, and is the other side. Whoever parses
 * one has checked its signature before: nothing of an unsigned manifest is looked at.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HEAD_BYTES 4096
#define SIGNED_BYTES 4032
#define MANIFEST_AT 16
#define MAX_BUNDLE_BYTES 1073741824
#define SHA256_BYTES 32

enum part_name { PART_KERNEL, PART_INITRAMFS, PART_ROOTFS, PARTS };

static const char *const PART_WORDS[PARTS] = { "kernel", "initramfs", "rootfs" };

struct manifest {
	char product[33], arch[33], version[49];
	uint64_t serial;
	struct {
		uint64_t bytes;
		unsigned char sha256[SHA256_BYTES];
	} parts[PARTS];
};

struct text {
	const char *at, *end;
};

static int take_literal(struct text *from, const char *literal)
{
	size_t length = strlen(literal);
	if ((size_t)(from->end - from->at) < length || memcmp(from->at, literal, length) != 0)
		return 0;
	from->at += length;
	return 1;
}

/* Letters of `letters`, digits and lower-case letters up to a quote, which is taken as well. */
static int take_word(struct text *from, char *into, size_t size, const char *letters)
{
	size_t length = 0;
	for (; from->at < from->end && *from->at != '"'; from->at++) {
		char c = *from->at;
		if (length + 1 == size || c == 0 ||
		    !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || strchr(letters, c)))
			return 0;
		into[length++] = c;
	}
	into[length] = 0;
	return length > 0 && take_literal(from, "\"");
}

/* At most 15 digits, the first of them no zero. */
static int take_number(struct text *from, uint64_t *into)
{
	const char *first = from->at;
	for (*into = 0; from->at < from->end && *from->at >= '0' && *from->at <= '9'; from->at++) {
		if (from->at - first == 15)
			return 0;
		*into = *into * 10 + (uint64_t)(*from->at - '0');
	}
	return from->at > first && *first != '0';
}

static int take_sha256(struct text *from, unsigned char *into)
{
	for (int i = 0; i < 2 * SHA256_BYTES; i++, from->at++) {
		char c = from->at < from->end ? *from->at : 0;
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (digit < 0)
			return 0;
		into[i / 2] = (unsigned char)(i % 2 ? into[i / 2] | digit : digit << 4);
	}
	return 1;
}

/* Of HEAD_BYTES bytes; 0 when they are no head. There is one way to write each manifest. */
static int parse_head(const unsigned char *bytes, struct manifest *into)
{
	uint32_t length = (uint32_t)bytes[12] << 24 | (uint32_t)bytes[13] << 16 |
			  (uint32_t)bytes[14] << 8 | bytes[15];
	struct text text = { (const char *)bytes + MANIFEST_AT, NULL };
	uint64_t total = HEAD_BYTES;

	memset(into, 0, sizeof *into);
	if (memcmp(bytes, "GHBUNDLE\0\0\0\1", 12) != 0 || length > SIGNED_BYTES - MANIFEST_AT)
		return 0;
	text.end = text.at + length;
	for (size_t i = MANIFEST_AT + length; i < SIGNED_BYTES; i++)
		if (bytes[i])
			return 0;
	if (!take_literal(&text, "{\"arch\":\"") ||
	    !take_word(&text, into->arch, sizeof into->arch, "_-") ||
	    !take_literal(&text, ",\"parts\":["))
		return 0;
	for (int i = 0; i < PARTS; i++) {
		if (!take_literal(&text, i ? ",{\"name\":\"" : "{\"name\":\"") ||
		    !take_literal(&text, PART_WORDS[i]) || !take_literal(&text, "\",\"sha256\":\"") ||
		    !take_sha256(&text, into->parts[i].sha256) || !take_literal(&text, "\",\"size\":") ||
		    !take_number(&text, &into->parts[i].bytes) || !take_literal(&text, "}"))
			return 0;
		total += into->parts[i].bytes;
	}
	return take_literal(&text, "],\"product\":\"") &&
	       take_word(&text, into->product, sizeof into->product, "_-") &&
	       take_literal(&text, ",\"serial\":") && take_number(&text, &into->serial) &&
	       take_literal(&text, ",\"version\":\"") &&
	       take_word(&text, into->version, sizeof into->version,
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+~_-") &&
	       take_literal(&text, "}") && text.at == text.end && total <= MAX_BUNDLE_BYTES;
}
