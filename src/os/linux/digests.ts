/** Digests of bytes, by Node's crypto. */
import { hash } from 'node:crypto';
import type { Digests } from '../../wire/torrent.ts';

export const digests: Digests = {
  sha1: (bytes) => hash('sha1', bytes, 'buffer'),
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
};
