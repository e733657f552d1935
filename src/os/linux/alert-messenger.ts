/** Alerts as they leave the box: HTTP, MQTT and mail. Loaded when there is one to send. */
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Socket, connect as tcpConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { createTransport } from 'nodemailer';
import { err, ok, type Result } from '../../base/result.ts';
import {
  MQTT_DISCONNECT,
  mqttConnect,
  mqttPublish,
  mqttRefusal,
  readMqttAnswer,
} from '../../wire/mqtt.ts';
import type { ChannelAddress, Letter, Messenger, NotTaken } from '../ports-alerts.ts';
import { failureWords } from './errno.ts';

const KEEP_ALIVE_SEC = 60;
const ANSWER_BYTES = 64;
const GOODBYE_MS = 5_000;

type Sent = Result<void, NotTaken>;
type Send = (
  channel: ChannelAddress,
  url: URL,
  letter: Letter,
  signal: AbortSignal,
) => Promise<Sent>;

const notYet = (message: string): Sent => err({ message, forGood: false });
const never = (message: string): Sent => err({ message, forGood: true });

/** What is signed by nobody that is known is not told anything. */
const trust = ({ authority }: ChannelAddress): { ca?: string } =>
  authority === '' ? {} : { ca: authority };

const fired = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

const sends: Readonly<Record<ChannelAddress['kind'], Send>> = {
  Webhook: (channel, url, letter, signal) =>
    new Promise((resolve) => {
      const { username, password } = channel;
      const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const asked = request(
        url,
        {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(letter.json),
            // draft-ietf-httpapi-idempotency-key-header: who was told already knows it by this.
            'idempotency-key': `"${letter.id}"`,
            ...(username === ''
              ? {}
              : {
                  authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
                }),
          },
          signal,
          ...trust(channel),
        },
        (response) => {
          response.resume();
          response.on('error', () => {});
          const code = response.statusCode ?? 0;
          if (code >= 200 && code < 300) resolve(ok(undefined));
          // What is asked too often or breaks at the other side may do later.
          else if (code >= 500 || code === 429 || code === 408) resolve(notYet(`HTTP ${code}`));
          else resolve(never(`HTTP ${code}`));
        },
      );
      asked.on('error', (thrown) => resolve(notYet(failureWords(thrown))));
      asked.end(letter.json);
    }),

  MQTT: (channel, url, letter, signal) =>
    new Promise((resolve) => {
      const tls = url.protocol === 'mqtts:';
      const port = Number(url.port || (tls ? 8883 : 1883));
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const socket = tls
        ? tlsConnect({ host, port, servername: host, ...trust(channel) })
        : tcpConnect({ host, port });
      let heard = Buffer.alloc(0);
      let published = false;
      const end = (sent: Sent): void => {
        signal.removeEventListener('abort', aborted);
        socket.destroy();
        resolve(sent);
      };
      const aborted = (): void => end(notYet('no answer in time'));
      signal.addEventListener('abort', aborted, { once: true });
      socket.on('error', (thrown) => end(notYet(failureWords(thrown))));
      socket.on('close', () => end(notYet('the broker closed the connection')));
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        // A broker ends the connection of whoever else has the same one, such as another channel (3.1.4).
        const clientId = `gatehouse${randomBytes(6).toString('hex')}`;
        socket.write(mqttConnect({ clientId, ...channel }, KEEP_ALIVE_SEC));
      });
      socket.on('data', (bytes: Buffer) => {
        heard = Buffer.concat([heard, bytes.subarray(0, ANSWER_BYTES)]);
        for (;;) {
          const read = readMqttAnswer(heard);
          if (!read.ok) return end(notYet(`the broker does not speak MQTT: ${read.error.message}`));
          if (read.value === undefined) return;
          heard = heard.subarray(read.value.length);
          const { answer } = read.value;
          // CONNACK comes first, and once; PUBACK is for what was published.
          if ((answer.type === 'puback') !== published)
            return end(notYet('the broker answers what it was not asked'));
          if (answer.type === 'puback') {
            signal.removeEventListener('abort', aborted);
            socket.setTimeout(GOODBYE_MS, () => socket.destroy());
            socket.end(MQTT_DISCONNECT);
            return resolve(ok(undefined));
          }
          if (answer.refused !== 0) return end(notYet(mqttRefusal(answer.refused)));
          published = true;
          socket.write(mqttPublish(channel.topic, 1, letter.json));
        }
      });
    }),

  Email: async (channel, url, letter, signal) => {
    const tls = url.protocol === 'smtps:';
    const { username, password } = channel;
    // Its own one lives for minutes, and may take the letter after all when it goes out once more.
    const socket = new Socket();
    const transport = createTransport({
      socket,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (tls ? 465 : 587)),
      secure: tls,
      // Neither the letter nor a password goes over a line that others read, but to this box itself.
      requireTLS: !['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname),
      ...(username === '' ? {} : { auth: { user: username, pass: password } }),
      tls: trust(channel),
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      const sent = transport.sendMail({
        ...{ from: channel.from, to: [...channel.to] },
        messageId: `<${letter.id}@gatehouse>`,
        subject: `[gatehouse] ${letter.title}`,
        text: letter.text,
        attachments: [
          { filename: 'alert.json', content: letter.json, contentType: 'application/json' },
        ],
      });
      await Promise.race([sent, fired(signal)]);
      return signal.aborted ? notYet('no answer in time') : ok(undefined);
    } catch (thrown) {
      const code = (thrown as { responseCode?: number }).responseCode ?? 0;
      // 5yz is for good (RFC 5321, 4.2.1), but what is wrong with a password may be put right.
      return code >= 550 && code < 560 ? never(failureWords(thrown)) : notYet(failureWords(thrown));
    } finally {
      transport.close();
      if (signal.aborted) socket.destroy();
    }
  },
};

export const alertMessenger: Messenger = {
  async send(channel, letter, signal) {
    if (!URL.canParse(channel.url)) return never(`${channel.url} is no URL`);
    try {
      return await sends[channel.kind](channel, new URL(channel.url), letter, signal);
    } catch (thrown) {
      return notYet(failureWords(thrown));
    }
  },
};
