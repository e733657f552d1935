/** What the rows of the DNS server must hold as a whole, beyond the limits of each parameter. */
import type { Result } from '../../base/result.ts';
import { parseName } from '../../wire/dns-name.ts';
import { parseRdata } from '../../wire/dns-rdata-text.ts';
import { typeCode } from '../../wire/dns-registry.ts';
import type { Row, RowReader } from '../reader.ts';
import type { CheckSink } from '../table.ts';
import { DNS, FORWARDING, nameOf, RECORDS, rangeOf, single } from './dns-config.ts';
import { clientOf, GROUPS, LISTS, REWRITES } from './dns-policy-config.ts';

/** The compiled file has room for 64, of which the rewrites are one. */
const MAX_LISTS = 63;
const PLAIN: ReadonlySet<string> = new Set(['NXDOMAIN', 'NODATA', 'REFUSED', 'PASS']);

export function checkDns(rows: RowReader, out: CheckSink): void {
  const dns = single(rows, DNS);
  each(dns, 'Allow', out, (text) =>
    rangeOf(text) === undefined ? 'no network such as 10.0.0.0/8 or fd00::/8' : undefined,
  );
  eachName(dns, 'RebindExempt', out);
  eachName(single(rows, `${DNS}DNSSEC.`), 'NegativeAnchors', out);
  if (nameOf(dns.text('Domain')) === undefined) out.fault(`${DNS}Domain`, 'no domain name');
  each(dns, 'OwnNames', out, (text) =>
    /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(text) ? undefined : 'no host name',
  );
  for (const row of rows.rows(FORWARDING)) {
    eachName(row, 'X_GATEHOUSE_Domains', out);
    checkUpstream(row, out);
  }
  for (const row of rows.rows(RECORDS)) {
    if (row.bool('Enable')) checkRecord(row, row.text('Name'), out);
  }
  for (const row of rows.rows(REWRITES)) {
    if (row.bool('Enable')) checkRecord(row, row.text('Name').replace(/^\*\./, ''), out);
  }
  for (const row of rows.rows(GROUPS)) {
    each(row, 'Clients', out, (text) =>
      clientOf(text) === undefined
        ? 'no MAC address, address, network or host name of the LAN'
        : undefined,
    );
  }
  checkLists(rows.rows(LISTS), out);
}

function each(
  row: Row,
  name: string,
  out: CheckSink,
  wrong: (text: string) => string | undefined,
): void {
  for (const text of row.list(name)) {
    const why = wrong(text);
    if (why !== undefined) out.fault(row.path + name, `${JSON.stringify(text)} is ${why}`);
  }
}

const eachName = (row: Row, name: string, out: CheckSink): void =>
  each(row, name, out, (text) => (nameOf(text) === undefined ? 'no domain name' : undefined));

function checkUpstream(row: Row, out: CheckSink): void {
  const name = row.text('X_GATEHOUSE_Name');
  if (name !== '') said(parseName(name), `${row.path}X_GATEHOUSE_Name`, out);
  if (row.bool('Enable') && name === '' && row.text('DNSServer') === '') {
    out.fault(`${row.path}DNSServer`, 'neither an address nor a name says where it is');
  }
}

function checkRecord(row: Row, name: string, out: CheckSink): void {
  said(parseName(name), `${row.path}Name`, out);
  const type = row.text('Type').toUpperCase();
  if (row.path.startsWith(REWRITES) && PLAIN.has(type)) return;
  const code = typeCode(type);
  if (code === undefined) out.fault(`${row.path}Type`, `no type of record: ${type}`);
  else said(parseRdata(code, row.text('Value'), 'Value'), `${row.path}Value`, out);
}

function checkLists(lists: readonly Row[], out: CheckSink): void {
  const enabled = lists.filter((row) => row.bool('Enable'));
  const beyond = enabled[MAX_LISTS];
  if (beyond !== undefined) {
    out.fault(`${beyond.path}Enable`, `at most ${MAX_LISTS} lists can be enabled`);
  }
  for (const row of lists) {
    for (const name of ['URL', 'SignatureURL']) {
      const url = row.text(name);
      if (url !== '' && !/^(https:\/\/[^\s/]|file:\/\/\/)/i.test(url)) {
        out.fault(row.path + name, 'no URL that begins with https:// or file:///');
      }
    }
    const signed = row.text('SignatureURL') !== '';
    if (signed !== (row.text('PublicKey') !== '')) {
      out.fault(`${row.path}PublicKey`, 'a signature needs both its URL and the key of its signer');
    }
  }
}

function said(parsed: Result<unknown>, path: string, out: CheckSink): void {
  if (!parsed.ok) out.fault(path, parsed.error.message);
}
