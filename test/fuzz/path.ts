import { formatPath, MAX_PATH_LENGTH, parsePath } from '../../src/tr181/paths.ts';

export const target = {
  name: 'path',
  /** Any text: a path or a refusal; a path's own text gives the same path. */
  run(bytes: Uint8Array): void {
    const path = parsePath(new TextDecoder().decode(bytes));
    if (!path.ok) {
      if (path.error.offset > bytes.length) throw new RangeError('offset behind the end');
      return;
    }
    const text = formatPath(path.value);
    // Escapes may make it longer than what is taken.
    if (text.length > MAX_PATH_LENGTH) return;
    const again = parsePath(text);
    if (!again.ok || JSON.stringify(again.value) !== JSON.stringify(path.value)) {
      throw new RangeError(`${text} is not a fixed point`);
    }
  },
  seeds(): Uint8Array[] {
    return [
      'Device.',
      'Device.DHCPv4.Client.1.Enable',
      'Device.IP.Interface.*.IPv4Address.{i}.',
      'Device.IP.Interface.[wan].Stats.Reset()',
      'Device.IP.Interface.[Alias=="w%22n"&&Stats.BytesSent>=5&&Enable!=true].Push!',
    ].map((text) => new TextEncoder().encode(text));
  },
};
