/** What `build/gatehouse.cjs` is: it starts the program from its parts in `build/bundle/`. */
import { readFileSync } from 'node:fs';
import { runParts } from './parts.ts';

/** Its name is put in by scripts/bundle.ts. */
const folder = `${__dirname}/bundle/BUNDLE_NAME/`;

runParts({
  text: (name) => readFileSync(folder + name, 'latin1'),
  compiled(name) {
    try {
      return readFileSync(folder + name);
    } catch {
      // It only starts later.
      return undefined;
    }
  },
  load: require,
  filename: __filename,
});
