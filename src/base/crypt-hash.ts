/**
 * A password as crypt(5) keeps it: what the tools that write memory cards make of the first one.
 * Three kinds are taken: sha256crypt `$5$`, sha512crypt `$6$` and yescrypt `$y$`.
 */

const SHA = /^\$(5|6)\$(?:rounds=(\d{1,9})\$)?[./0-9A-Za-z]{1,16}\$([./0-9A-Za-z]+)$/;
/** Parameters are flags and defaults (`j`), the cost, and blocks of 4 KiB (`T`). */
const YESCRYPT = /^\$y\$j([./0-9A-Za-z])T\$[./0-9A-Za-z]{1,86}\$[./0-9A-Za-z]{43}$/;
/** Characters of the hash itself. */
const LENGTHS: Readonly<Record<string, number>> = { 5: 43, 6: 86 };
/** A hash must not cost the router minutes or gigabytes: half a million rounds, 64 MiB. */
const MAX_ROUNDS = 500_000;
const YESCRYPT_COSTS = /[789AB]/;

/** What is wrong with it as a hash, for people; undefined when it can be one. It is never shown. */
export function cryptFault(text: string): string | undefined {
  const sha = SHA.exec(text);
  if (sha !== null) {
    const [, kind = '', rounds = '0', hash = ''] = sha;
    if (hash.length !== LENGTHS[kind]) return 'the hash of the password has another length';
    return Number(rounds) > MAX_ROUNDS ? 'the hash of the password costs too much' : undefined;
  }
  const cost = YESCRYPT.exec(text)?.[1];
  if (cost !== undefined) {
    return YESCRYPT_COSTS.test(cost) ? undefined : 'the hash of the password costs too much';
  }
  return 'the password is not hashed in a way that is taken: $5$, $6$ or $y$ of crypt(5)';
}
