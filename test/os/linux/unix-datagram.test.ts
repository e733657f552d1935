import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';
import { LinuxDatagramSockets } from '../../../src/os/linux/unix-datagram.ts';

// Answers every datagram to who sent it, in capitals; "long" with 70,000 bytes; "two" twice.
const ECHO = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400000)
s.bind(sys.argv[1])
print('up', flush=True)
while True:
    data, peer = s.recvfrom(65536)
    if data == b'end': break
    answer = b'x' * 70000 if data == b'long' else data.upper()
    for _ in range(2 if data == b'two' else 1): s.sendto(answer, peer)
`;

class Heard {
  readonly texts: string[] = [];
  readonly errors: string[] = [];
  #wake: () => void = () => {};
  readonly handlers = {
    data: (datagram: Uint8Array): void => {
      this.texts.push(new TextDecoder().decode(datagram));
      this.#wake();
    },
    failed: (error: { readonly code: string }): void => {
      this.errors.push(error.code);
      this.#wake();
    },
  };

  async until(there: () => boolean): Promise<void> {
    while (!there()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

t.test('datagrams go whole, both ways, and the file goes with the socket', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-datagram-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  await using reactor = new Reactor(loadNative());
  const sockets = new LinuxDatagramSockets(reactor);
  const [own, server] = [join(folder, 'own'), join(folder, 'server')];
  const heard = new Heard();

  const none = sockets.open(own, server, heard.handlers);
  t.equal(!none.ok && none.error.code, 'ENOENT', 'nobody there');
  t.notOk(existsSync(own), 'and nothing is left');
  writeFileSync(own, 'mine');
  const taken = sockets.open(own, server, heard.handlers);
  t.equal(!taken.ok && taken.error.code, 'EADDRINUSE', 'a file that is no socket stays');
  rmSync(own);
  const far = sockets.open(join(folder, 'x'.repeat(120)), server, heard.handlers);
  t.equal(!far.ok && far.error.code, 'ENAMETOOLONG');

  const echo = spawn('python3', ['-c', ECHO, server], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(echo.stdout, 'data');
  const opened = sockets.open(own, server, heard.handlers);
  if (!opened.ok) throw opened.error;
  const socket = opened.value;
  t.equal(statSync(own).mode & 0o777, 0o600, 'for its user alone');
  t.ok(socket.send(bytes('one')).ok);
  t.ok(socket.send(bytes('two')).ok);
  await heard.until(() => heard.texts.length === 3);
  t.same(heard.texts, ['ONE', 'TWO', 'TWO'], 'each by itself');

  t.ok(socket.send(bytes('long')).ok);
  await heard.until(() => heard.errors.length > 0);
  t.same(heard.errors, ['EMSGSIZE'], 'one that would be cut is none');
  const late = socket.send(bytes('x'));
  t.equal(!late.ok && late.error.code, 'EBADF');
  t.notOk(existsSync(own));

  const again = sockets.open(own, server, heard.handlers);
  if (!again.ok) throw again.error;
  const ended = once(echo, 'exit');
  t.ok(again.value.send(bytes('end')).ok);
  await ended;
  const gone = again.value.send(bytes('x'));
  t.equal(!gone.ok && gone.error.code, 'ECONNREFUSED', 'who serves no more');
  again.value.close();
  again.value.close();
  t.notOk(existsSync(own));
  t.equal(reactor.open, 0, 'nothing is left open');
});
