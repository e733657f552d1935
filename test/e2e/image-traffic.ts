/**
 * Somebody on the LAN who changes a setting again and again, one change after the other, over one
 * connection: `node image-traffic.ts FROM`. Prints `in` once logged in; from the first line of its input on
 * `sent N` before each change and `acked N` when the box has said that it is done.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:https';

/** The account that the box of the test has. */
const [USERNAME, PASSWORD] = ['pi', 'three words here'];
const NOBODY = '0'.repeat(32);
// Its certificate is its own; whom the test talks to is beyond doubt.
const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });

function call(...params: readonly unknown[]): Promise<readonly [number, Record<string, unknown>?]> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'call', params });
  return new Promise((resolve, reject) => {
    const asked = request(
      'https://192.168.1.1/ubus',
      { agent, method: 'POST', headers: { 'content-type': 'application/json' }, timeout: 60_000 },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.once('end', () => {
          try {
            resolve((JSON.parse(text) as { result: [number, Record<string, unknown>?] }).result);
          } catch {
            reject(new Error(`${answer.statusCode}: ${text}`));
          }
        });
        answer.once('error', reject);
      },
    );
    asked.once('error', reject).once('timeout', () => asked.destroy(new Error('no answer')));
    asked.end(body);
  });
}

/** Tries until the box is up; whoever started this ends it. */
async function logIn(): Promise<string> {
  for (;;) {
    try {
      const account = { username: USERNAME, password: PASSWORD, timeout: 36_000 };
      const [code, session] = await call(NOBODY, 'session', 'login', account);
      if (code === 0) return String(session?.['ubus_rpc_session']);
      process.stdout.write(`refused ${code}\n`);
    } catch {
      // It is not up yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const session = await logIn();
process.stdout.write('in\n');
await once(process.stdin, 'data');
for (let n = Number(process.argv[2]); ; n++) {
  process.stdout.write(`sent ${n}\n`);
  const change = { path: 'Device.DeviceInfo.ProvisioningCode', value: `cut-${n}` };
  const [code, answer] = await call(session, 'bbfdm', 'set', change);
  const said = JSON.stringify(answer);
  const done = code === 0 && !said.includes('"fault"');
  process.stdout.write(`${done ? 'acked' : `refused ${code} ${said}`} ${n}\n`);
}
