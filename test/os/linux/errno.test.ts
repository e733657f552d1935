/** Why something failed, in words for people. */
import { once } from 'node:events';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer } from 'node:net';
import t from 'tap';
import { failureWords } from '#src/os/linux/errno.ts';
import { LinuxSyslogWays } from '#src/os/linux/syslog-ways.ts';

const thrownBy = async (emitter: NodeJS.EventEmitter): Promise<unknown> =>
  (await once(emitter, 'error'))[0];

t.test('words, not call, code and address once more', async (t) => {
  const refused = await thrownBy(connect(1, '127.0.0.1'));
  t.match(refused, { message: /ECONNREFUSED/ });
  t.equal(failureWords(refused), 'connection refused');
  t.equal(failureWords(new AggregateError([refused, new Error('y')], '')), 'connection refused');
  t.equal(failureWords(new AggregateError([], 'nothing')), 'nothing');
  const host = { syscall: 'getaddrinfo', hostname: 'no.invalid', errno: -3008 };
  const unknown = Object.assign(new Error('getaddrinfo'), { ...host, code: 'ENOTFOUND' });
  t.equal(failureWords(unknown), 'no.invalid: no such host');
  const silent = Object.assign(new Error('getaddrinfo'), { ...host, code: 'EAI_AGAIN' });
  t.equal(failureWords(silent), 'no.invalid: no server told its address');
  t.equal(failureWords(new Error('odd')), 'odd');
  t.equal(failureWords('odd'), 'odd');
});

t.test('a collector of the log that is not there', async (t) => {
  const to = { host: '127.0.0.1', port: 1, protocol: 'TCP', authority: '' } as const;
  const error = await new Promise<Error>((ended) => {
    const way = new LinuxSyslogWays().open(to, { ready: () => undefined, ended });
    t.teardown(() => way[Symbol.dispose]());
  });
  t.equal(error.message, 'TCP to 127.0.0.1 port 1: connection refused');
});

t.test('what TLS says, without the source file of OpenSSL', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  t.teardown(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const thrown = await thrownBy(request({ host: '127.0.0.1', port }));
  t.match(thrown, { message: /openssl/ });
  t.match(failureWords(thrown), /^TLS: [a-z ]+$/);
});
