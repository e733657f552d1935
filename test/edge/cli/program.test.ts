import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { ok } from '../../../src/base/result.ts';
import { nextNames } from '../../../src/edge/cli/completion.ts';
import { leasesOf, remaining } from '../../../src/edge/cli/lease-commands.ts';
import { auditFile, Captured, cli, FakeBus } from './fake.ts';

const row = (path: string, data: string, type = 'xsd:string') => ({ path, data, type });
const results =
  (...rows: Record<string, string | number>[]) =>
  () => ({ results: rows });
const RAW = { proto: 'usp', format: 'raw' };

t.test('get prints a bare value, a table, or JSON', async (t) => {
  const one = new FakeBus({ 'bbfdm get': results(row('Device.A.Enable', '1', 'xsd:boolean')) });
  t.same(await cli(['get', 'Device.A.Enable'], one), { code: 0, out: 'true\n', err: '' });
  t.same(one.calls, [
    {
      object: 'bbfdm',
      method: 'get',
      args: { paths: ['Device.A.Enable'], maxdepth: 0, optional: RAW },
    },
  ]);
  t.ok(one.disposed, 'the connection is closed');
  const two = new FakeBus({
    'bbfdm get': results(row('Device.A.Enable', 'true', 'xsd:boolean'), row('Device.A.B', 'x')),
  });
  t.equal(
    (await cli(['get', 'Device.A.'], two)).out,
    'PARAMETER        VALUE\nDevice.A.Enable  true\nDevice.A.B       x\n',
  );
  const json = await cli(['get', 'Device.A.', '--json', '--depth', '1'], two);
  t.same(JSON.parse(json.out), { 'Device.A.Enable': true, 'Device.A.B': 'x' });
  t.equal(two.calls.at(-1)?.args['maxdepth'], 1);
});

t.test('a terminal is never steered by a value, a pipe gets it as it is', async (t) => {
  const esc = String.fromCharCode(27);
  const bus = new FakeBus({ 'bbfdm get': results(row('Device.A.B', `${esc}[2J`)) });
  t.equal((await cli(['get', 'Device.A.B'], bus)).out, `${esc}[2J\n`);
  const stdout = new Captured(true);
  await cli(['get', 'Device.A.B'], bus, { stdout });
  t.equal(stdout.text, '\\x1b[2J\n');
});

t.test('colour is for terminals that want it', async (t) => {
  const bus = new FakeBus({ 'bbfdm get': results(row('Device.A.B', 'x'), row('Device.A.C', 'y')) });
  const shown = async (args: string[], env: Record<string, string>): Promise<string> => {
    const stdout = new Captured(true);
    await cli(args, bus, { env, stdout });
    return stdout.text;
  };
  const esc = String.fromCharCode(27);
  t.ok((await shown(['get', 'Device.A.'], {})).includes(esc));
  t.notOk((await shown(['get', 'Device.A.'], { NO_COLOR: '1' })).includes(esc));
  t.notOk((await shown(['--no-color', 'get', 'Device.A.'], {})).includes(esc));
});

t.test('faults go to stderr with the message of the model, values still to stdout', async (t) => {
  const fault = {
    path: 'Device.A.Enabled',
    fault: 7026,
    fault_msg: 'no such parameter Device.A.Enabled; did you mean Enable?',
  };
  const bus = new FakeBus({ 'bbfdm get': results(row('Device.A.B', 'x'), fault) });
  const ran = await cli(['get', 'Device.A.B', 'Device.A.Enabled'], bus);
  t.equal(ran.code, 1);
  t.match(ran.out, /Device\.A\.B +x/);
  t.equal(ran.err, 'gatehouse: no such parameter Device.A.Enabled; did you mean Enable?\n');
});

t.test('set is one request for all, from arguments or standard input', async (t) => {
  const bus = new FakeBus({
    'bbfdm set': results(row('Device.A.B', '1'), row('Device.C.D', 'x y')),
  });
  const ran = await cli(['set', 'Device.A.B=1', 'Device.C.D=x y'], bus);
  t.same(ran, { code: 0, out: '', err: '2 parameters set\n' });
  t.same(bus.calls, [
    {
      object: 'bbfdm',
      method: 'set',
      args: { path: 'Device.', obj_path: { 'A.B': '1', 'C.D': 'x y' }, optional: RAW },
    },
  ]);
  t.same(JSON.parse((await cli(['set', 'Device.A.B=1', '--json'], bus)).out), [
    'Device.A.B',
    'Device.C.D',
  ]);
  const readStdin = async () => '{"Device.A.B":1}';
  t.equal((await cli(['set', '-'], bus, { readStdin })).code, 0);
  t.same(bus.calls.at(-1)?.args['obj_path'], { 'A.B': '1' });
  t.match(await cli(['set', 'nothing', 'also'], bus), {
    code: 2,
    err: 'gatehouse: "nothing" is not NAME=VALUE\ngatehouse: "also" is not NAME=VALUE\n',
  });
  t.equal(bus.calls.length, 3, 'nothing was asked');
});

t.test('add prints the path of the row, del counts', async (t) => {
  const bus = new FakeBus({
    'bbfdm add': results(row('Device.T.', '4')),
    'bbfdm del': results(row('Device.T.4.', '1')),
  });
  t.same(await cli(['add', 'Device.T', 'Alias=x'], bus), {
    code: 0,
    out: 'Device.T.4.\n',
    err: '',
  });
  t.same(bus.calls[0]?.args['obj_path'], { Alias: 'x' });
  t.same(JSON.parse((await cli(['--json', 'add', 'Device.T.'], bus)).out), {
    path: 'Device.T.4.',
    instance: 4,
  });
  t.same(await cli(['del', 'Device.T.4.'], bus), { code: 0, out: '', err: '1 row deleted\n' });
});

t.test('operate gives its output', async (t) => {
  const bus = new FakeBus({
    'bbfdm operate': (args) => ({
      results: [
        args['command'] === 'Device.A.Ping()'
          ? { path: 'Device.A.Ping()', data: 'cli', output: [row('Count', '3', 'xsd:unsignedInt')] }
          : { path: 'Device.A.No()', data: 'cli', fault: 7022, fault_msg: 'it failed' },
      ],
    }),
  });
  t.equal(
    (await cli(['operate', 'Device.A.Ping()', 'Host=x'], bus)).out,
    'PARAMETER  VALUE\nCount      3\n',
  );
  t.same(bus.calls[0]?.args['input'], { Host: 'x' });
  t.same(JSON.parse((await cli(['operate', 'Device.A.Ping()', '--json'], bus)).out), { Count: 3 });
  t.match(await cli(['operate', 'Device.A.No()'], bus), {
    code: 1,
    err: 'gatehouse: Device.A.No(): it failed\n',
  });
});

t.test('schema and instances', async (t) => {
  const bus = new FakeBus({
    'bbfdm schema': () => ({
      results: [
        row('Device.A.B', '1', 'xsd:string'),
        {
          ...row('Device.A.Go()', 'async', 'xsd:command'),
          input: [{ path: 'Host' }],
          output: [{ path: 'Count' }],
        },
      ],
    }),
    'bbfdm instances': results({ path: 'Device.T.1' }, { path: 'Device.T.2' }),
  });
  t.equal(
    (await cli(['schema', 'Device.A.'], bus)).out,
    'PATH           TYPE     ACCESS  ARGUMENTS\nDevice.A.B     string   rw\nDevice.A.Go()  command          Host → Count\n',
  );
  t.equal((await cli(['schema'], bus)).code, 0);
  t.equal(bus.calls.at(-1)?.args['path'], 'Device.');
  t.equal(
    (await cli(['instances', 'Device.T.', '--first-level'], bus)).out,
    'Device.T.1\nDevice.T.2\n',
  );
  t.equal(bus.calls.at(-1)?.args['first_level'], true);
});

t.test('status, services and call', async (t) => {
  const bus = new FakeBus({
    'gatehouse status': () => ({ version: '1', revision: 5 }),
    'gatehouse services': () => ({ services: [{ name: 'network', status: 'running' }] }),
    'gatehouse call': ({ command }) =>
      command === 'scan'
        ? { status: 'success', message: null, data: { found: 2 } }
        : { status: 'error', message: `no command ${command}`, data: null },
  });
  t.equal((await cli(['status'], bus)).out, 'version   1\nrevision  5\n');
  t.equal((await cli(['services'], bus)).out, 'services:\nNAME     STATUS\nnetwork  running\n');
  t.same(await cli(['call', 'dns', 'scan', '{"n":1}'], bus), {
    code: 0,
    out: 'found  2\n',
    err: '',
  });
  t.same(bus.calls.at(-1)?.args, { service: 'dns', command: 'scan', args: { n: 1 } });
  const failed = await cli(['call', 'dns', 'nope', '--json'], bus);
  t.equal(failed.code, 1);
  t.same(JSON.parse(failed.out), { status: 'error', message: 'no command nope', data: null });
  t.equal((await cli(['call', 'dns', 'scan', '[1]'], bus)).code, 2);
});

t.test('leases are grouped by client', async (t) => {
  const of = (name: string, value: string, i = 1) => ({
    path: `Device.DHCPv4.Client.${i}.${name}`,
    value,
    type: 'xsd:string',
  });
  const list = leasesOf([
    of('Alias', 'wan'),
    of('IPAddress', '198.51.100.5'),
    of('SentOption.1.Tag', '60'),
    of('Alias', 'b', 2),
  ]);
  t.same(
    list.map(({ client, values }) => [client, Object.fromEntries(values)]),
    [
      ['1', { Alias: 'wan', IPAddress: '198.51.100.5' }],
      ['2', { Alias: 'b' }],
    ],
  );
  t.same(['', '-1', '59', '61', '3661', '90000'].map(remaining), [
    '',
    'for ever',
    '59 s',
    '1 min 1 s',
    '1 h 1 min',
    '1 d 1 h',
  ]);
  const bus = new FakeBus({
    'bbfdm get': results(
      row('Device.DHCPv4.Client.1.Alias', 'wan'),
      row('Device.DHCPv4.Client.1.Status', 'Enabled'),
      row('Device.DHCPv4.Client.1.DHCPStatus', 'Bound'),
      row('Device.DHCPv4.Client.1.IPAddress', '198.51.100.5'),
      row('Device.DHCPv4.Client.1.LeaseTimeRemaining', '119'),
    ),
    'gatehouse call': () => ({
      status: 'success',
      message: null,
      data: {
        leases: [
          { address: '192.168.1.120', mac: TV, state: 'bound', hostName: 'tv', remainingSec: -1 },
        ],
        more: false,
      },
    }),
  });
  t.match(
    (await cli(['leases'], bus)).out,
    /^CLIENT +STATE +ADDRESS.*\nwan +Bound +198\.51\.100\.5 +1 min 59 s\n\nADDRESS.*\n192\.168\.1\.120 +02:00:5e:00:53:01 +tv +bound +for ever\n$/,
  );
});

const TV = '02:00:5e:00:53:01';

t.test('one word about a device becomes one command of the service', async (t) => {
  const bus = new FakeBus({
    'gatehouse call': () => ({
      status: 'success',
      message: null,
      data: { path: 'Device.X.1.' },
    }),
  });
  const said = async (...args: string[]) => {
    t.equal((await cli(['dhcp', ...args], bus)).code, 0);
    return bus.calls.at(-1)?.args;
  };
  const call = (command: string, args: object) => ({ service: 'dhcp-server', command, args });
  t.match(await said('allow', TV), call('allow', { mac: TV, seconds: 0 }));
  t.match(await said('deny', TV, '--for', '1d12h'), call('deny', { mac: TV, seconds: 129_600 }));
  t.match(await said('except', TV, '--for', '2h'), call('except', { mac: TV, seconds: 7200 }));
  t.match(
    await said('fix', TV, '192.168.1.9', '--name', 'tv'),
    call('fix', { mac: TV, name: 'tv' }),
  );
  t.match(await said('release', '192.168.1.9'), call('release', { address: '192.168.1.9' }));
  t.match(await cli(['dhcp', 'except', TV], bus), { code: 2, err: /--for/ });
  t.match(await cli(['dhcp', 'except', TV, '--for', 'soon'], bus), { code: 2, err: /such as 30m/ });
  t.match(await cli(['dhcp', 'except', TV, '--for', '99999w'], bus), { code: 2, err: /ten years/ });
});

t.test('the audit trail is verified and shown without a daemon', async (t) => {
  const file = auditFile('Device.A', 'Device.B');
  const whole = await cli(['audit', 'verify'], undefined, { auditFiles: () => [file] });
  t.match(whole, { code: 0, out: /^whole: 3 records, 1 to 3, head [0-9a-f]{64}\n$/, err: '' });
  const forged = { ...file, lines: file.lines.map((line) => line.replace('Device.A', 'Device.X')) };
  const broken = await cli(['audit', 'verify', '--json'], undefined, {
    auditFiles: () => [forged],
  });
  t.match(broken, { code: 1, err: /broken at audit\.log line 2: the hash does not fit/ });
  t.match(JSON.parse(broken.out), { whole: false, file: 'audit.log', line: 2 });
  const dirs: string[] = [];
  const shown = await cli(['audit', 'show', '--last', '1', '--state-dir', '/s'], undefined, {
    auditFiles: (dir) => {
      dirs.push(dir);
      return [file];
    },
  });
  t.match(
    shown.out,
    /^TIME.*\n2026-01-02T03:04:05\.678Z {2}root \(0\) by ubus from pid 7 {2}set +Device\.B {2}1 → 2\n$/,
  );
  t.same(dirs, ['/s']);
  const unreadable = await cli(['audit', 'show'], undefined, {
    auditFiles: () => {
      throw new SystemError('cannot read audit.log: permission denied', 'EACCES');
    },
  });
  t.same(unreadable, {
    code: 1,
    out: '',
    err: 'gatehouse: cannot read audit.log: permission denied\n',
  });
});

t.test('wrong usage is 2, with help and a guess', async (t) => {
  t.match(await cli(['gt', 'x']), {
    code: 2,
    out: '',
    err: /unknown command 'gt'[\s\S]*Did you mean (one of )?/i,
  });
  t.match(await cli(['get']), { code: 2, err: /missing required argument 'path'/ });
  t.match(await cli(['get', 'x', '--depth', 'two']), { code: 2, err: /a whole number is wanted/ });
  t.match(await cli(['status', 'extra']), { code: 2, err: /too many arguments/ });
  t.match(await cli([]), { code: 2, err: /Usage: gatehouse/ });
});

t.test('help and version are data', async (t) => {
  t.match(await cli(['--version']), { code: 0, out: '1.2.3\n', err: '' });
  t.same(JSON.parse((await cli(['--json', '--version'])).out), { version: '1.2.3' });
  const commit = '0123456789abcdef0123456789abcdef01234567';
  const built = (...args: string[]) => cli(args, undefined, { commit });
  t.equal((await built('--version')).out, '1.2.3 (0123456789ab)\n');
  t.same(JSON.parse((await built('--version', '--json')).out), { version: '1.2.3', commit });
  for (const args of [['--help'], ['help']]) {
    const help = await cli(args);
    t.equal(help.code, 0);
    for (const name of [
      'get',
      'set',
      'add',
      'del',
      'operate',
      'watch',
      'schema',
      'status',
      'leases',
      'call',
      'audit',
      'daemon',
    ])
      t.match(help.out, new RegExp(`\\n {2}${name} `));
    t.notMatch(help.out, /\n {2}complete /);
  }
  t.match((await cli(['help', 'daemon'])).out, /--state-dir <DIR>/);
  t.match((await cli(['daemon', '--help'])).out, /--ubus-socket <PATH>/);
});

t.test('no router is a failure that says what to do', async (t) => {
  const nobody = {
    message: 'cannot reach the daemon at /x: nobody listens there',
    status: undefined,
  };
  t.same(await cli(['status'], nobody), {
    code: 1,
    out: '',
    err: `gatehouse: ${nobody.message}\n`,
  });
});

t.test('the socket comes from the option, the environment, or the default', async (t) => {
  const asked: string[] = [];
  const connect = async (path: string) => {
    asked.push(path);
    return ok(new FakeBus({ 'gatehouse status': () => ({}) }));
  };
  await cli(['status'], undefined, { connect });
  await cli(['status', '--ubus-socket', '/a'], undefined, { connect });
  t.same(asked, ['/var/run/ubus/ubus.sock', '/a']);
  t.same(
    (await cli(['status'], undefined, { connect, env: { GATEHOUSE_UBUS_SOCKET: '/b' } })).code,
    0,
  );
  t.equal(asked.at(-1), '/b');
});

t.test('daemon is handed its arguments untouched', async (t) => {
  const given: unknown[] = [];
  const daemon = async (args: readonly string[]) => {
    given.push(args);
    return 3;
  };
  t.equal((await cli(['daemon', '--only', 'dns'], undefined, { daemon })).code, 3);
  t.same(given, [['--only', 'dns']]);
});

t.test('completion knows commands and paths', async (t) => {
  t.equal((await cli(['complete', '--', 'sta'])).out, 'status\n');
  t.match((await cli(['completion', 'bash'])).out, /complete -F _gatehouse gatehouse/);
  t.equal((await cli(['completion', 'fish'])).code, 2);
  const bus = new FakeBus({
    'bbfdm schema': results(
      { path: 'Device.T.{i}.Enable' },
      { path: 'Device.T.{i}.Sub.' },
      { path: 'Device.T.{i}.Go()' },
      { path: 'Device.T.{i}.X!' },
    ),
    'bbfdm instances': results({ path: 'Device.T.1' }),
  });
  t.equal(
    (await cli(['complete', '--', 'get', 'Device.T.1.'], bus)).out,
    'Device.T.1.Enable\nDevice.T.1.Sub.\n',
  );
  t.equal((await cli(['complete', '--', 'get', 'Device.T.1.E'], bus)).out, 'Device.T.1.Enable\n');
  t.same(nextNames('Device.T.', ['Device.T.1', 'Device.T.{i}.Enable'], false), ['Device.T.1.']);
  t.same(
    nextNames(
      'Device.T.1.',
      ['Device.T.{i}.Enable', 'Device.T.{i}.Go()', 'Device.T.{i}.Sub.'],
      true,
    ),
    ['Device.T.1.Go()', 'Device.T.1.Sub.'],
  );
  t.equal(
    (await cli(['complete', '--', 'get', 'Device.'])).out,
    '',
    'silence where no router answers',
  );
});

t.test(
  'a mistake points to the help of its own command, and help says no empty defaults',
  async (t) => {
    for (const [args, words] of [
      [['nonsense'], 'gatehouse'],
      [['alerts', 'silence'], 'gatehouse alerts silence'],
      [['check', 'tcp', 'x', '0'], 'gatehouse check tcp'],
    ] as const) {
      const { code, err } = await cli(args);
      t.equal(code, 2);
      t.ok(err.endsWith(`(try '${words} --help')\n`), err);
    }
    const help = (await cli(['check', 'http', '--help'])).out;
    t.notMatch(help, /default: ""/);
    t.match(help, /default:\s+200-399/);
    t.match((await cli(['graph', '--help'])).out, /default: 1h/);
  },
);
