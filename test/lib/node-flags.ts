import { fileURLToPath } from 'node:url';
import { sh } from './netns.ts';

/** The flags that the daemon's Node is started with. */
export const NODE_FLAGS: readonly string[] = sh(
  fileURLToPath(new URL('../../scripts/node-flags', import.meta.url)),
)
  .trim()
  .split(' ');
