/** Certificates of authorities, as rows have them. */
import type { Row } from '../reader.ts';
import type { CheckSink } from '../table.ts';

/** What a row has as an authority is none or is PEM. */
export function checkAuthority(row: Row | undefined, name: string, out: CheckSink): void {
  const pem = row?.text(name) ?? '';
  if (row === undefined || pem === '') return;
  if (!/^-----BEGIN CERTIFICATE-----[\s\S]*-----END/.test(pem)) {
    out.fault(`${row.path}${name}`, 'certificates in PEM are wanted');
  }
}
