import fc from 'fast-check';
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err } from '../../../src/base/result.ts';
import {
  parseAssignment,
  parseAssignments,
  parseAssignmentsJson,
  parseJsonObject,
  typedValue,
} from '../../../src/edge/cli/arguments.ts';
import { parseDaemonOptions } from '../../../src/edge/cli/daemon-options.ts';

t.test('an assignment ends its name at the first = outside a search', async (t) => {
  const cases: [string, string, string][] = [
    ['Device.A=1', 'Device.A', '1'],
    ['Device.A=', 'Device.A', ''],
    ['Device.A=b=c', 'Device.A', 'b=c'],
    ['Device.T.[Alias=="wan"].A=x', 'Device.T.[Alias=="wan"].A', 'x'],
    ['Device.T.[Alias=="a]=b"].A=x', 'Device.T.[Alias=="a]=b"].A', 'x'],
    ['Name=[a=b', 'Name', '[a=b'],
  ];
  for (const [text, name, value] of cases)
    t.same(parseAssignment(text), { ok: true, value: { name, value } }, text);
  for (const text of ['', 'Device.A', '=1', 'Device.T.[A=="x"].B'])
    t.equal(parseAssignment(text).ok, false, text);
});

t.test('any name without brackets and any value come back', async () => {
  const name = fc.string({ minLength: 1 }).filter((text) => !/[=[\]]/.test(text));
  fc.assert(
    fc.property(name, fc.string(), (left, right) => {
      const parsed = parseAssignment(`${left}=${right}`);
      return parsed.ok && parsed.value.name === left && parsed.value.value === right;
    }),
    { seed: 1 },
  );
});

t.test('all that is wrong is said at once', async (t) => {
  const parsed = parseAssignments(['a=1', 'b', 'c=2', 'd']);
  t.same(parsed, { ok: false, error: ['"b" is not NAME=VALUE', '"d" is not NAME=VALUE'] });
});

t.test('standard input gives names and values as JSON', async (t) => {
  t.same(parseAssignmentsJson('{"a":"x","b":true,"c":5}'), {
    ok: true,
    value: [
      { name: 'a', value: 'x' },
      { name: 'b', value: 'true' },
      { name: 'c', value: '5' },
    ],
  });
  t.match(parseAssignmentsJson('{"a":null,"b":{}}'), { ok: false, error: [/^a: /, /^b: /] });
  t.match(parseAssignmentsJson('['), { ok: false, error: ['that is not JSON'] });
  t.match(parseJsonObject('[1]'), { ok: false, error: { message: 'a JSON object is wanted' } });
});

t.test('values become JSON of their type where it can hold them', async (t) => {
  t.equal(typedValue('true', 'xsd:boolean'), true);
  t.equal(typedValue('0', 'xsd:boolean'), false);
  t.equal(typedValue('-5', 'xsd:int'), -5);
  t.equal(typedValue('4294967295', 'xsd:unsignedInt'), 4294967295);
  t.equal(typedValue('18446744073709551615', 'xsd:unsignedLong'), '18446744073709551615');
  t.equal(typedValue('1,2', 'xsd:unsignedInt'), '1,2');
  t.equal(typedValue('007', 'xsd:string'), '007');
});

t.test("the daemon's arguments", async (t) => {
  const parse = (args: readonly string[]) =>
    parseDaemonOptions(args, () => err(new SystemError('no file is read', 'EINVAL')));
  t.match(parse([]), {
    ok: true,
    value: {
      config: '/etc/gatehouse/config.json',
      stateDir: '/var/lib/gatehouse',
      runDir: '/run/gatehouse',
      ubusSocket: '/var/run/ubus/ubus.sock',
      https: [
        { host: 'lan', port: 443 },
        { host: '127.0.0.1', port: 443 },
      ],
      http: [
        { host: 'lan', port: 80 },
        { host: '127.0.0.1', port: 8080 },
      ],
      only: undefined,
    },
  });
  t.match(parse(['--state-dir', '/s', '--run-dir=/r', '--only', 'network,firewall']), {
    ok: true,
    value: { stateDir: '/s', runDir: '/r', only: ['network', 'firewall'] },
  });
  t.match(parse(['--https', '[fd00::1]:8443,10.0.0.1:443', '--http', 'none']), {
    ok: true,
    value: { https: [{ host: 'fd00::1', port: 8443 }, { host: '10.0.0.1' }], http: [] },
  });
  for (const odd of ['443', 'lan', 'lan:0', 'lan:70000', 'example.com:443', 'lan:443,']) {
    t.match(parse(['--https', odd]), { ok: false, error: [/HOST:PORT/] }, odd);
  }
  t.match(parse(['--nope', '--config', '/c', 'x']), {
    ok: false,
    error: [/"--nope"/, /unknown argument "x"/],
  });
  t.match(parse(['--only', 'firewall,bgp', '--run-dir']), {
    ok: false,
    error: ['--run-dir wants DIR', /no service bgp; there are dhcp-client/],
  });
});
