/** Messages with two bytes of length before each (RFC 1035 §4.2.2), out of chunks as they come. */
export class StreamFrames {
  #rest: Uint8Array = new Uint8Array(0);

  /** Bytes of a message that is not whole yet. */
  get pendingBytes(): number {
    return this.#rest.length;
  }

  /** Whole messages, each a copy; undefined for one without a byte, which is none. */
  push(chunk: Uint8Array): Uint8Array[] | undefined {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at + 2 <= bytes.length) {
      const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      if (length === 0) return undefined;
      if (at + 2 + length > bytes.length) break;
      messages.push(bytes.slice(at + 2, at + 2 + length));
      at += 2 + length;
    }
    // A message has 65,535 bytes at most, so no more than that is ever kept.
    this.#rest = bytes.slice(at);
    return messages;
  }
}
