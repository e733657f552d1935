import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { routesOf } from '#src/edge/http/app.ts';
import type { Parts } from '#src/edge/http/context.ts';
import type { UbusSessions } from '#src/edge/http/ubus-sessions.ts';

const README = fileURLToPath(new URL('../../../src/edge/http/README.md', import.meta.url));

t.test('the list in the README is that of the routes', async (t) => {
  // Nothing is asked, so nothing needs to be there.
  const { routes } = routesOf({} as Parts, {} as UbusSessions);
  const served = routes
    // What holds for all below a path is no route of its own.
    .filter(({ path }) => !path.endsWith('*'))
    .map(({ method, path }) => {
      const named = path.replace(/:([a-z]+)(\{[^}]*\})?/g, (_, name: string) => name.toUpperCase());
      return `${method} ${named}`;
    });
  const listed = [...readFileSync(README, 'utf8').matchAll(/^\| `([A-Z]+ \/[^`]*)`/gm)];
  t.same(listed.map(([, route]) => route).toSorted(), [...new Set(served)].toSorted());
});
