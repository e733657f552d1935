/** Metrics as they leave the box: OTLP over HTTP. Loaded when there is a collector. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { OtlpAnswer, OtlpTo, OtlpWay } from '../ports-otlp.ts';
import { failureWords } from './errno.ts';

/** Of an answer, so much is read. */
const ANSWER_BYTES = 4096;

export class LinuxOtlpWay implements OtlpWay {
  post(
    { endpoint, headers, authority }: OtlpTo,
    json: string,
    signal: AbortSignal,
  ): Promise<Result<OtlpAnswer, SystemError>> {
    const { promise, resolve } = Promise.withResolvers<Result<OtlpAnswer, SystemError>>();
    const broke = (thrown: NodeJS.ErrnoException): void =>
      resolve(err(new SystemError(failureWords(thrown), thrown.code ?? 'EIO')));
    const url = new URL(endpoint);
    const body = Buffer.from(json);
    const asked = (url.protocol === 'https:' ? httpsRequest : httpRequest)(
      url,
      {
        // One post a minute: a connection that waits for it has no use.
        ...{ method: 'POST', agent: false, signal },
        ...(authority === '' ? {} : { ca: authority }),
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-length': body.byteLength,
        },
      },
      (response) => {
        let heard = Buffer.alloc(0);
        const answered = (): void => {
          const after = Number(response.headers['retry-after']);
          resolve(
            ok({
              status: response.statusCode ?? 0,
              retryAfterSec: Number.isFinite(after) && after >= 0 ? after : undefined,
              text: heard.toString('utf8'),
            }),
          );
          asked.destroy();
        };
        response.on('data', (bytes: Buffer) => {
          heard = Buffer.concat([heard, bytes.subarray(0, ANSWER_BYTES - heard.length)]);
          if (heard.length >= ANSWER_BYTES) answered();
        });
        response.on('end', answered);
        response.on('error', broke);
      },
    );
    asked.on('error', broke);
    asked.end(body);
    return promise;
  }
}
