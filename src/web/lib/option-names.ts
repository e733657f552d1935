/** Plain names of DHCP options (RFC 2132 and its followers) that people meet. */
const OPTION_NAMES: Readonly<Record<number, readonly [en: string, de: string]>> = {
  1: ['Subnet mask', 'Netzmaske'],
  2: ['Time offset', 'Zeitverschiebung'],
  3: ['Routers', 'Router'],
  4: ['Time servers', 'Zeitserver (RFC 868)'],
  6: ['DNS servers', 'DNS-Server'],
  12: ['Host name', 'Hostname'],
  15: ['Domain name', 'Domäne'],
  26: ['MTU', 'MTU'],
  28: ['Broadcast address', 'Broadcast-Adresse'],
  33: ['Static routes', 'Statische Routen'],
  42: ['NTP servers', 'NTP-Server'],
  43: ['Vendor information', 'Herstellerangaben'],
  51: ['Lease time', 'Leihdauer'],
  54: ['Server', 'Server'],
  58: ['Renewal time (T1)', 'Verlängerungszeit (T1)'],
  59: ['Rebinding time (T2)', 'Neubindungszeit (T2)'],
  60: ['Vendor class', 'Herstellerklasse'],
  61: ['Client identifier', 'Clientkennung'],
  66: ['TFTP server', 'TFTP-Server'],
  77: ['User class', 'Benutzerklasse'],
  81: ['Full domain name', 'Voller Domänenname'],
  90: ['Authentication', 'Authentifizierung'],
  119: ['Search domains', 'Suchdomänen'],
  120: ['SIP servers', 'SIP-Server'],
  121: ['Classless routes', 'Klassenlose Routen'],
  124: ['Vendor-identifying class', 'Herstellerklasse mit Kennung'],
  125: ['Vendor-identifying information', 'Herstellerangaben mit Kennung'],
  249: ['Classless routes (older servers)', 'Klassenlose Routen (ältere Server)'],
};

/** `15 Domain name`; the bare number for others. */
export const optionName = (code: number, language: string): string => {
  const names = OPTION_NAMES[code];
  return names === undefined ? `${code}` : `${code} ${names[language.startsWith('de') ? 1 : 0]}`;
};
