import { getSystemErrorMap } from 'node:util';
import { SystemError } from '../../base/errors.ts';

/** The error of a call that answered `-errno`: `bind: address already in use`, code `EADDRINUSE`. */
export function systemError(what: string, negative: number, remedy?: string): SystemError {
  const known = getSystemErrorMap().get(negative);
  const [code, message] = known ?? otherErrno(negative);
  return new SystemError(`${what}: ${message}`, code, remedy === undefined ? {} : { remedy });
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
