import { decodeHeader, parseContent } from '../../src/control/backup.ts';

/** Any bytes are the head of a backup of bounded cost, or refused; any text a content of the promised shape, or refused. */
export const target = {
  name: 'backup',
  run(bytes: Uint8Array): void {
    const header = decodeHeader(bytes);
    if (header.ok) {
      const { cost, salt, nonce, sealed } = header.value;
      if (cost.memoryKib > 131_072 || cost.passes > 8 || cost.lanes > 8) {
        throw new TypeError('a cost without bounds');
      }
      if (salt.byteLength !== 16 || nonce.byteLength !== 12 || sealed.byteLength < 16) {
        throw new TypeError('parts of the wrong length');
      }
    } else if (header.error.offset > bytes.byteLength) {
      throw new TypeError('a fault beyond the end');
    }
    const content = parseContent(new TextDecoder().decode(bytes));
    if (!content.ok) return;
    const { system, rows, values } = content.value.snapshot;
    for (const text of [...rows, ...values.flatMap(({ path, value }) => [path, value])]) {
      if (typeof text !== 'string') throw new TypeError('no text');
    }
    for (const { table, instance } of system) {
      if (!table.startsWith('Device.') || !Number.isInteger(instance)) throw new TypeError('row');
    }
    const again = parseContent(JSON.stringify(content.value));
    if (!again.ok) throw new TypeError(`refused its own: ${again.error.message}`);
  },
  seeds: (): Uint8Array[] => [
    Uint8Array.from([0x47, 0x48, 0x42, 0x4b, 1, 0, 1, 0, 0, 3, 4, ...new Array(60).fill(7)]),
    new TextEncoder().encode(
      '{"software":"0.1.0","atMs":1,"revision":7,"snapshot":{"system":[{"table":"Device.Ethernet.Interface.","key":"eth0","instance":1}],"rows":["Device.IP.Interface.1."],"values":[{"path":"Device.IP.Interface.1.Alias","value":"wan"}]}}',
    ),
  ],
};
