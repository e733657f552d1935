// Registers objects `bench.0` … and answers every call with its own data.  service SOCKET COUNT
#include "frames.h"

static struct stream in;
static uint8_t out[1 << 20 | 1 << 18];

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  in.fd = dial(argv[1]);
  size_t length;
  nextFrame(&in, &length);  // HELLO
  // One method `echo` {text: string}: a named table with one INT32.
  static const uint8_t signature[] = {
      0x82, 0, 0, 0x1c, 0, 4, 'e', 'c', 'h', 'o', 0, 0,
      0x85, 0, 0, 0x10, 0, 4, 't', 'e', 'x', 't', 0, 0, 0, 0, 0, 3};
  int count = atoi(argv[2]);
  for (int i = 0; i < count; i++) {
    char path[32];
    int pathLength = snprintf(path, sizeof path, "bench.%d", i) + 1;
    uint8_t *at = attribute(begin(out, ADD_OBJECT, (uint16_t)(i + 1), 0), A_PATH, path,
                            (size_t)pathLength);
    sendAll(in.fd, out, finish(out, attribute(at, A_SIGNATURE, signature, sizeof signature)));
    const uint8_t *answer;
    do answer = nextFrame(&in, &length);
    while (answer && answer[1] != STATUS);
    if (!answer) return 1;
  }
  puts("ready");
  fflush(stdout);
  size_t used = 0;
  for (;;) {
    const uint8_t *frame = nextFrame(&in, &length);
    if (!frame) return 0;
    if (frame[1] == INVOKE) {
      size_t size = 0;
      const uint8_t *id = find(frame, length, A_ID, NULL);
      const uint8_t *data = find(frame, length, A_DATA, &size);
      uint32_t object = id ? get32(id) : 0;
      uint16_t seq = (uint16_t)(frame[2] << 8 | frame[3]);
      uint32_t peer = get32(frame + 4);
      if (used + size + 128 > sizeof out) {
        sendAll(in.fd, out, used);
        used = 0;
      }
      uint8_t *reply = out + used;
      used += finish(reply, attribute(word(begin(reply, DATA, seq, peer), A_ID, object), A_DATA,
                                      data, data ? size : 0));
      reply = out + used;
      used += finish(reply,
                     word(word(begin(reply, STATUS, seq, peer), A_STATUS, 0), A_ID, object));
    }
    // Answers leave when no further whole call is waiting.
    if (used > 0 && frameLength(in.bytes + in.used, in.have - in.used) == 0) {
      sendAll(in.fd, out, used);
      used = 0;
    }
  }
}
