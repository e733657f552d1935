/** The hidden command that makes one certificate: an order on standard input, PEM on standard output. */
import { text } from 'node:stream/consumers';
import { fulfil } from '../os/linux/certificate-child.ts';
import { NodeCertificates } from '../os/linux/tls-x509.ts';

export async function makeCertificate(): Promise<number> {
  process.stdout.write(await fulfil(await text(process.stdin), new NodeCertificates()));
  return 0;
}
