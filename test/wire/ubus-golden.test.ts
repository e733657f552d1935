import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeMessage, encodeMessage } from '../../src/wire/ubus.ts';
import { goldenScenarios } from '../edge/ubus/golden.ts';

const scenarios = goldenScenarios();

t.test('every recorded frame decodes and encodes to the same bytes', (t) => {
  if (scenarios === undefined) {
    t.comment('skipped 39 scenarios: no ../shared/data/ubus-golden.json');
    return t.end();
  }
  t.equal(scenarios.length, 39);
  let frames = 0;
  for (const { name, frames: recorded } of scenarios) {
    for (const { hex } of recorded) {
      if (hex === undefined) continue;
      const decoded = decodeMessage(fromHex(hex) ?? new Uint8Array());
      if (!decoded.ok) {
        t.fail(`${name}: ${decoded.error.message}`);
        continue;
      }
      frames++;
      const again = encodeMessage(decoded.value);
      if (again === undefined || toHex(again) !== hex) t.fail(`${name}: ${hex}`);
    }
  }
  t.comment(`ran ${scenarios.length} scenarios, ${frames} frames`);
  t.equal(frames, 240);
  t.end();
});
