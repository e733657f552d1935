import { parseProcessConfig } from '../../src/control/process-config.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** Any text is a configuration or a list of faults, each one line; what is taken has the promised shape. */
export const target = {
  name: 'conf',
  run(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    const parsed = parseProcessConfig(text);
    if (!parsed.ok) {
      if (parsed.error.length === 0) throw new TypeError('refused without a fault');
      return;
    }
    const { interfaces, logLevel, rows } = parsed.value;
    if (!LEVELS.some((level) => level === logLevel)) throw new TypeError('log level');
    const names = [...interfaces.lan, ...(interfaces.wan === undefined ? [] : [interfaces.wan])];
    if (new Set(names).size !== names.length) throw new TypeError('an interface twice');
    for (const name of names) {
      // As dev_valid_name() of the kernel has it.
      if (
        typeof name !== 'string' ||
        name === '' ||
        name.length > 15 ||
        /[/:\s]|^\.\.?$/.test(name)
      )
        throw new TypeError(`interface ${name}`);
    }
    for (const value of Object.values(rows)) {
      if (typeof value !== 'string') throw new TypeError('row');
    }
    const again = parseProcessConfig(
      JSON.stringify({ interfaces, log: { level: logLevel }, rows }),
    );
    if (!again.ok) throw new TypeError(`refused its own: ${again.error.join('; ')}`);
  },
  seeds: (): Uint8Array[] =>
    [
      '{}',
      '{"interfaces":{"wan":"wan0","lan":["lan0","lan1"]},"log":{"level":"debug"},"rows":{"Device.DHCPv4.Client.1.Enable":true,"Device.X":5}}',
      '{"interfaces":{"lan":[]},"log":null,"rows":{"__proto__":"x","":null}}',
      '{"interfaces":{"wan":"..","lan":["eth0:1"]},"log":{"level":["info"]},"rows":{"a":1e999}}',
    ].map((text) => new TextEncoder().encode(text)),
};
