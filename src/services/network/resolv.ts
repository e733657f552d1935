/** resolver(5). glibc and musl read three name servers; the rest stand as a comment for people. */
const READ_BY_LIBC = 3;
/** glibc ≥ 2.26 has no limit on search domains; musl takes 256 bytes of them. */
const SEARCH_BYTES = 255;

export function resolvConf(servers: readonly string[], searchDomains: readonly string[]): string {
  const lines = ['# written by Gatehouse: Device.DNS.Client.'];
  let search = '';
  for (const domain of searchDomains) {
    const longer = search === '' ? domain : `${search} ${domain}`;
    if (longer.length > SEARCH_BYTES) break;
    search = longer;
  }
  if (search !== '') lines.push(`search ${search}`);
  for (const [i, server] of servers.entries()) {
    lines.push(i < READ_BY_LIBC ? `nameserver ${server}` : `# nameserver ${server}`);
  }
  return `${lines.join('\n')}\n`;
}
