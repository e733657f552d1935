/** Syslog on Node's sockets. */
import { createSocket } from 'node:dgram';
import { isIP, type Socket, connect as tcpConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { errorCode, SystemError } from '../../base/errors.ts';
import type { SyslogHeard, SyslogTo, SyslogWay, SyslogWays } from '../ports-syslog.ts';
import { failureWords } from './errno.ts';

/** A collector that vanished without a word is noticed so. */
const KEEP_ALIVE_MS = 60_000;
const CONNECT_MS = 15_000;

const failure = ({ host, port, protocol }: SyslogTo, cause: unknown): SystemError =>
  new SystemError(`${protocol} to ${host} port ${port}: ${failureWords(cause)}`, errorCode(cause), {
    cause,
  });

export class LinuxSyslogWays implements SyslogWays {
  open(to: SyslogTo, heard: SyslogHeard): SyslogWay {
    return to.protocol === 'UDP' ? datagrams(to, heard) : stream(to, heard);
  }
}

function datagrams(to: SyslogTo, heard: SyslogHeard): SyslogWay {
  const socket = createSocket({ type: isIP(to.host) === 6 ? 'udp6' : 'udp4' });
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    socket.close();
  };
  const ended = (cause: unknown): void => {
    if (!open) return;
    close();
    heard.ended(failure(to, cause));
  };
  socket.on('error', ended);
  socket.once('connect', () => {
    if (open) heard.ready();
  });
  socket.connect(to.port, to.host);
  return {
    send: (bytes) => {
      socket.send(bytes, (cause) => {
        if (cause !== null) ended(cause);
      });
      return true;
    },
    [Symbol.dispose]: close,
  };
}

function stream(to: SyslogTo, heard: SyslogHeard): SyslogWay {
  const { host, port, authority } = to;
  const socket: Socket =
    to.protocol === 'TCP'
      ? tcpConnect({ host, port })
      : tlsConnect({
          ...{ host, port, minVersion: 'TLSv1.2' },
          ...(isIP(host) === 0 ? { servername: host } : {}),
          ...(authority === '' ? {} : { ca: authority }),
        });
  let open = true;
  const close = (): void => {
    open = false;
    socket.destroy();
  };
  const ended = (cause: unknown): void => {
    if (!open) return;
    close();
    heard.ended(failure(to, cause));
  };
  const closed = (): void => ended(new SystemError('the collector hung up', 'ECONNRESET'));
  socket.setTimeout(CONNECT_MS, () => ended(new SystemError('no answer', 'ETIMEDOUT')));
  socket.once(to.protocol === 'TCP' ? 'connect' : 'secureConnect', () => {
    socket.setTimeout(0);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    if (open) heard.ready();
  });
  socket.on('drain', () => {
    if (open) heard.ready();
  });
  socket.on('error', ended);
  socket.on('close', closed);
  // Collectors say nothing; what they say all the same is read and forgotten, so that an end is seen.
  socket.on('end', closed);
  socket.resume();
  return { send: (bytes) => socket.write(bytes), [Symbol.dispose]: close };
}
