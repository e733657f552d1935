/** Texts of the page about shared IPv4 addresses. */
import type { Catalogue } from '../../i18n/catalogue.ts';

const en = {
  'map.intro':
    'Where the provider has IPv6 alone, IPv4 goes through it translated, with an address that several customers share. Each has ports of its own.',
  'map.none': 'The provider offers no shared IPv4 address, and none is set up.',
  'map.domain': 'Shared IPv4 address',
  'map.address': 'Address',
  'map.whole': 'not shared: all ports are yours',
  'map.psid': 'Port set (PSID)',
  'map.bits': '{psid} ({bits} bits)',
  'map.inUse': 'Ports in use',
  'map.of': '{used} of {all}',
  'map.flows': 'Connections',
  'map.flowsOf': '{tcp} TCP, {udp} UDP, {icmp} ICMP',
  'map.delegated': 'Delegated prefix',
  'map.address6': 'IPv6 address',
  'map.relay': 'Border relay',
  'map.mtu': 'Largest packet',
  'map.bytes': '{bytes} bytes',
  'map.engine': 'Translated by',
  'map.origin': 'From',
  'map.sets': 'Port sets',
  'map.setsText':
    'Connections to one destination take the sets in turn. A port serves several connections, if they lead to different destinations.',
  'map.rules': 'Rules',
  'map.rulesText':
    'Rules of the provider are used as they come. Rules of your own replace them on their interface.',
  'map.noRules': 'There are no rules.',
  'map.rule': 'IPv6 prefix',
  'map.prefix4': 'IPv4 prefix',
  'map.ea': 'EA bits',
  'map.basic': 'Basic rule',
  'map.reason': 'What is wrong',
  'map.addRule': 'Add a rule',
  'map.domains': 'Domains',
  'map.addDomain': 'Add a domain',
  'map.refused': 'Of what the provider said, {count} options were malformed and not used: {why}',
} as const;

const de: Readonly<Record<keyof typeof en, string>> = {
  'map.intro':
    'Hat der Anbieter nur IPv6, geht IPv4 übersetzt hindurch, mit einer Adresse, die mehrere Kunden teilen. Jeder hat eigene Ports.',
  'map.none': 'Der Anbieter bietet keine geteilte IPv4-Adresse an, und keine ist eingerichtet.',
  'map.domain': 'Geteilte IPv4-Adresse',
  'map.address': 'Adresse',
  'map.whole': 'nicht geteilt: alle Ports gehören Ihnen',
  'map.psid': 'Portmenge (PSID)',
  'map.bits': '{psid} ({bits} Bit)',
  'map.inUse': 'Belegte Ports',
  'map.of': '{used} von {all}',
  'map.flows': 'Verbindungen',
  'map.flowsOf': '{tcp} TCP, {udp} UDP, {icmp} ICMP',
  'map.delegated': 'Zugeteiltes Präfix',
  'map.address6': 'IPv6-Adresse',
  'map.relay': 'Übergang (Border Relay)',
  'map.mtu': 'Größtes Paket',
  'map.bytes': '{bytes} Byte',
  'map.engine': 'Übersetzt von',
  'map.origin': 'Herkunft',
  'map.sets': 'Portbereiche',
  'map.setsText':
    'Verbindungen zu einem Ziel nehmen die Bereiche reihum. Ein Port dient mehreren Verbindungen, wenn sie zu verschiedenen Zielen führen.',
  'map.rules': 'Regeln',
  'map.rulesText':
    'Regeln des Anbieters gelten, wie sie kommen. Eigene Regeln treten auf ihrer Schnittstelle an deren Stelle.',
  'map.noRules': 'Es gibt keine Regeln.',
  'map.rule': 'IPv6-Präfix',
  'map.prefix4': 'IPv4-Präfix',
  'map.ea': 'EA-Bits',
  'map.basic': 'Grundregel',
  'map.reason': 'Was falsch ist',
  'map.addRule': 'Regel hinzufügen',
  'map.domains': 'Domänen',
  'map.addDomain': 'Domäne hinzufügen',
  'map.refused':
    'Von dem, was der Anbieter sagte, waren {count} Optionen fehlerhaft und blieben ungenutzt: {why}',
};

export const texts: Catalogue<keyof typeof en> = { en, de };
