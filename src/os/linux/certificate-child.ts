/**
 * Certificates made by a child that ends: the library for it takes ten megabytes, and is wanted at
 * the first start and once in two months. What is asked and what is made, keys included, goes
 * through pipes alone.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import type { Result } from '../../base/result.ts';
import type {
  CertificateFacts,
  CertificateNames,
  Certificates,
  TlsChain,
  TlsMaterial,
} from '../ports.ts';
import type { Command } from './program.ts';

/** The hidden command of `main.ts` that makes one. */
const MAKE_CERTIFICATE = 'make-certificate';

const TIMEOUT_MS = 60_000;

type Order =
  | {
      readonly make: 'chain';
      readonly name: string;
      readonly names: CertificateNames;
      readonly nowMs: number;
    }
  | {
      readonly make: 'leaf';
      readonly ca: TlsMaterial;
      readonly names: CertificateNames;
      readonly nowMs: number;
    };

export class ChildCertificates implements Certificates {
  readonly #judge: Pick<Certificates, 'inspect'>;
  readonly #command: Command;

  /** `command` starts this program. */
  constructor(judge: Pick<Certificates, 'inspect'>, command: Command) {
    this.#judge = judge;
    this.#command = command;
  }

  /** Both by one child: its start takes most of the time. */
  makeChain(name: string, names: CertificateNames, nowMs: number): Promise<TlsChain> {
    return ask(this.#command, { make: 'chain', name, names, nowMs });
  }

  makeLeaf(ca: TlsMaterial, names: CertificateNames, nowMs: number): Promise<TlsMaterial> {
    return ask(this.#command, { make: 'leaf', ca, names, nowMs });
  }

  inspect(material: TlsMaterial): Result<CertificateFacts> {
    return this.#judge.inspect(material);
  }
}

/** What the child does with its standard input. */
export async function fulfil(order: string, make: Certificates): Promise<string> {
  const asked = JSON.parse(order) as Order;
  const made =
    asked.make === 'chain'
      ? await make.makeChain(asked.name, asked.names, asked.nowMs)
      : await make.makeLeaf(asked.ca, asked.names, asked.nowMs);
  return JSON.stringify(made);
}

async function ask<T extends TlsChain | TlsMaterial>(
  [file, ...args]: Command,
  order: Order,
): Promise<T> {
  const child = spawn(file, [...args, MAKE_CERTIFICATE], {
    env: {},
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  child.stdin.on('error', () => {
    // It ended without reading: its exit code tells why.
  });
  child.stdin.end(JSON.stringify(order));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    const [out, said, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    if (code !== 0) throw new SystemError(`it ended with ${code}: ${said.slice(-300)}`, 'ECHILD');
    return JSON.parse(out) as T;
  } catch (cause) {
    throw new SystemError(`no certificate was made: ${errorMessage(cause)}`, errorCode(cause), {
      cause,
    });
  }
}
