/** RFC 3396 §5 (the aggregate option buffer), §6 (encoding) and §7 (decoding). */
import t from 'tap';
import { encodeDhcp4 } from '../../../src/wire/dhcp4.ts';
import { bytes, decoded, message, option, raw, text } from '../dhcp4.ts';

// §7: the decoding agent joins the parts in order of appearance, before it looks at what they mean and
// whatever stands between them.
t.test('parts are joined in order of appearance', async (t) => {
  const ack = decoded(raw(bytes('7703 016107 0f0141 7705 6578616d70 7704 6c650000 ff')));
  t.equal(option(ack, 119), '016107 6578616d70 6c650000'.replaceAll(' ', ''));
  t.equal(option(ack, 15), '41');
});

// §5: the buffer is the options field, then 'file', then 'sname', as option 52 says that they are used.
t.test('first the options field, then file, then sname', async (t) => {
  const wire = encodeDhcp4(message([[52, bytes('03')]]));
  const options = bytes('0c0161 340103 ff');
  wire.fill(0, 240);
  wire.set(options, 240);
  wire.set(bytes('0c0162 ff'), 108);
  wire.set(bytes('0c0163 ff'), 44);
  t.equal(option(decoded(wire), 12), '616263');
});

// §6: the encoding agent splits what is longer than 255 bytes, in order.
t.test('a long option is split, and comes back whole', async (t) => {
  const long = text(`${'x'.repeat(510)}z`);
  const wire = encodeDhcp4(message([[224, long]]));
  t.same([wire[240], wire[241]], [224, 255]);
  t.same([wire[240 + 257], wire[241 + 257]], [224, 255]);
  t.same([wire[240 + 514], wire[241 + 514]], [224, 1]);
  t.same(decoded(wire).options.get(224), long);
});
