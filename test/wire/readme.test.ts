import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const ROOM = fileURLToPath(new URL('../../src/wire/', import.meta.url));

t.test('the README of the room names every file in it', async (t) => {
  const named = [...readFileSync(`${ROOM}README.md`, 'utf8').matchAll(/`([a-z0-9-]+\*?)\.ts`/g)];
  const patterns = named.map(([, name = '']) => new RegExp(`^${name.replace('*', '.*')}\\.ts$`));
  const files = readdirSync(ROOM).filter((name) => name.endsWith('.ts'));
  const missing = files.filter((name) => !patterns.some((pattern) => pattern.test(name)));
  t.same(missing, []);
  const gone = patterns.filter((pattern) => !files.some((name) => pattern.test(name)));
  t.same(gone.map(String), []);
});
