/**
 * Loaded into every test by .taprc. tap adds variables of its own, and a loader for Node, to the
 * environment of whatever a test starts; here children get exactly the environment that the code
 * under test gives them (an empty one, for a DHCP client), as they do outside tests.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const fromTap = createRequire(fileURLToPath(import.meta.resolve('tap')));
const onSpawn: { removeAllListeners(): void } = fromTap('process-on-spawn');
onSpawn.removeAllListeners();
