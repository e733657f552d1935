/** `Device.DNS.Diagnostics.` (TR-181): one name asked several times, here or elsewhere. */
import { err, ok } from '../../base/result.ts';
import type { ObjectDef } from '../table.ts';

/** TR-181: of IPAddresses. */
const MAX_ADDRESSES = 10;
const MAX_REPETITIONS = 100;
const MAX_TIMEOUT_MS = 30_000;

export const DNS_DIAGNOSTICS: ObjectDef = {
  path: 'Device.DNS.Diagnostics.',
  about: 'Asking for names, to see who answers what.',
  params: {},
  commands: {
    NSLookupDiagnostics: {
      about: 'Asks a DNS server for the addresses of a name, several times if wanted.',
      async: true,
      input: {
        Interface: { type: 'string', size: [0, 256] },
        HostName: { type: 'string', size: [1, 256], mandatory: true },
        DNSServer: { type: 'string', size: [0, 256] },
        Timeout: {
          type: 'unsignedInt',
          range: [[1, MAX_TIMEOUT_MS]],
          default: '5000',
        },
        NumberOfRepetitions: {
          type: 'unsignedInt',
          range: [[1, MAX_REPETITIONS]],
          default: '1',
        },
      },
      output: {
        Status: {
          type: 'string',
          enum: ['Complete', 'Error_DNSServerNotResolved', 'Error_Internal', 'Error_Other'],
        },
        SuccessCount: { type: 'unsignedInt' },
        'Result.{i}.Status': {
          type: 'string',
          enum: [
            'Success',
            'Error_DNSServerNotAvailable',
            'Error_HostNameNotResolved',
            'Error_Timeout',
            'Error_Other',
          ],
        },
        'Result.{i}.AnswerType': {
          type: 'string',
          enum: ['None', 'Authoritative', 'NonAuthoritative'],
        },
        'Result.{i}.HostNameReturned': { type: 'string', size: [0, 256] },
        'Result.{i}.IPAddresses': {
          type: 'IPAddress',
          list: { maxItems: MAX_ADDRESSES },
          size: [0, 45],
        },
        'Result.{i}.DNSServerIP': { type: 'IPAddress', size: [0, 45] },
        'Result.{i}.ResponseTime': { type: 'unsignedInt' },
      },
      run: async ({ args, calls, signal }) => {
        // The routes decide which way a query goes: TR-181 leaves that to the box when it is empty.
        if ((args['Interface'] ?? '') !== '') {
          return err('an interface cannot be chosen: the routes decide which way a query goes');
        }
        const looked = await calls.dnsLookup(
          {
            hostName: args['HostName'] ?? '',
            server: args['DNSServer'] ?? '',
            timeoutMs: Number(args['Timeout']),
            repetitions: Number(args['NumberOfRepetitions']),
          },
          signal,
        );
        if (!looked.ok) return looked;
        const { status, results } = looked.value;
        const output: Record<string, string> = {
          Status: status,
          SuccessCount: String(results.filter((one) => one.status === 'Success').length),
        };
        for (const [i, one] of results.entries()) {
          const at = `Result.${i + 1}.`;
          output[`${at}Status`] = one.status;
          output[`${at}AnswerType`] = one.answerType;
          output[`${at}HostNameReturned`] = one.hostName;
          output[`${at}IPAddresses`] = one.addresses.slice(0, MAX_ADDRESSES).join(',');
          output[`${at}DNSServerIP`] = one.server;
          output[`${at}ResponseTime`] = String(Math.round(one.tookMs));
        }
        return ok(output);
      },
    },
  },
};
