/** What the disk may refuse to the lease journal, and what the owner can do about it. */
import { SystemError } from '../../base/errors.ts';
import { err, type Result } from '../../base/result.ts';

export const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some disk space (old logs and captures first)',
  EDQUOT: 'raise the disk quota of the user or free some space',
  EIO: 'the disk or card is failing: save the configuration and replace it',
  EROFS: 'the file system became read-only, most often after an error of the disk: check it',
  EACCES: 'give the user of the daemon write access to the state directory and the files in it',
  ENOENT: 'make the state directory again',
};

const remedyOf = ({ code, remedy }: SystemError): string =>
  remedy ?? REMEDIES[code] ?? 'see to the disk that holds the state directory';

export const inWords = (error: SystemError): string => `${error.message}: ${remedyOf(error)}`;

export const withRemedy = (error: SystemError): Result<never, SystemError> =>
  err(new SystemError(error.message, error.code, { cause: error, remedy: remedyOf(error) }));
