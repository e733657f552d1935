import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';

/** The error of a call that answered `-errno`: `bind: address already in use`, code `EADDRINUSE`. */
export function systemError(what: string, negative: number, remedy?: string): SystemError {
  const known = getSystemErrorMap().get(negative);
  const [code, message] = known ?? otherErrno(negative);
  return new SystemError(`${what}: ${message}`, code, remedy === undefined ? {} : { remedy });
}

/** The same of a call for raw frames, with who may have them. */
export function frameError(what: string, negative: number): SystemError {
  const isForRoot = [-constants.errno.EPERM, -constants.errno.EACCES].includes(negative);
  const remedy = isForRoot ? 'raw frames are for root, or with CAP_NET_RAW' : undefined;
  return systemError(what, negative, remedy);
}

/** OpenSSL's messages name the source file; this is the part for people. */
const TLS_REASON = /:SSL routines:[^:]*:([^:]+):/;
/** libuv's own numbers, such as those of getaddrinfo(3), begin below. */
const LEAST_ERRNO = -3000;

/**
 * Why a call of Node's failed, in words: `connection refused`. Node's own messages name call, code and address, which
 * stand in what is said already.
 */
export function failureWords(thrown: unknown): string {
  // Of several addresses of a name the first speaks for all: the whole has no message.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return failureWords(thrown.errors[0]);
  }
  const message = errorMessage(thrown);
  const reason = TLS_REASON.exec(message)?.[1];
  if (reason !== undefined) return `TLS: ${reason}`;
  if (!(thrown instanceof Error)) return message;
  if ('hostname' in thrown && 'syscall' in thrown && thrown.syscall === 'getaddrinfo') {
    const why = errorCode(thrown) === 'ENOTFOUND' ? 'no such host' : 'no server told its address';
    return `${thrown.hostname}: ${why}`;
  }
  const errno = 'errno' in thrown && typeof thrown.errno === 'number' ? thrown.errno : 0;
  return (errno > LEAST_ERRNO ? getSystemErrorMap().get(errno)?.[1] : undefined) ?? message;
}

/** Numbers that libuv's map lacks but the calls used here answer (errno(3), generic Linux numbering). */
function otherErrno(negative: number): readonly [string, string] {
  switch (negative) {
    case -62:
      return ['ETIME', 'timer expired'];
    case -74:
      return ['EBADMSG', 'not a whole file of this kind'];
    case -77:
      return ['EBADFD', 'file descriptor in bad state'];
    default:
      return [`E${-negative}`, `error ${-negative}`];
  }
}
