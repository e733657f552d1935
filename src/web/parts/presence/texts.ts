/** Texts of who was there when. */
import type { Catalogue } from '../../i18n/catalogue.ts';

const en = {
  'presence.title': 'Who was here when',
  'presence.intro':
    'Each device with the times at which it was in your network, under whatever hardware address it came.',
  'presence.none': 'No device was seen yet.',
  'presence.span': 'Time that is shown',
  'presence.day': 'Last 24 hours',
  'presence.week': 'Last 7 days',
  'presence.seen': 'Last seen',
  'presence.bar': '{name}: here {part} of the time',
  'presence.several': '{count} hardware addresses, one device:',
  'presence.byClientId': 'it gives the same identifier for its address.',
  'presence.byIPv6Address': 'its IPv6 address tells the other one.',
  'presence.byHostName': 'the same name, and never both at once.',
  'wrong.Duplicate': 'Two devices have the address {address}: {mac} and {other}.',
  'wrong.Spoof': '{mac} says to have the address {address} of {other}.',
  'wrong.OwnAddress': '{mac} says to have the address {address} of this router.',
  'wrong.GatewayChange': 'The gateway {address} is another device than before: {mac}, not {other}.',
};

const de: Record<keyof typeof en, string> = {
  'presence.title': 'Wer wann da war',
  'presence.intro':
    'Jedes Gerät mit den Zeiten, zu denen es in Ihrem Netz war, unter welcher Hardwareadresse auch immer.',
  'presence.none': 'Noch kein Gerät gesehen.',
  'presence.span': 'Gezeigte Zeit',
  'presence.day': 'Letzte 24 Stunden',
  'presence.week': 'Letzte 7 Tage',
  'presence.seen': 'Zuletzt gesehen',
  'presence.bar': '{name}: {part} der Zeit da',
  'presence.several': '{count} Hardwareadressen, ein Gerät:',
  'presence.byClientId': 'es nennt für seine Adresse dieselbe Kennung.',
  'presence.byIPv6Address': 'seine IPv6-Adresse verrät die andere.',
  'presence.byHostName': 'derselbe Name, und nie beide zugleich.',
  'wrong.Duplicate': 'Zwei Geräte haben die Adresse {address}: {mac} und {other}.',
  'wrong.Spoof': '{mac} gibt vor, die Adresse {address} von {other} zu haben.',
  'wrong.OwnAddress': '{mac} gibt vor, die Adresse {address} dieses Routers zu haben.',
  'wrong.GatewayChange':
    'Das Gateway {address} ist ein anderes Gerät als zuvor: {mac}, nicht {other}.',
};

export const texts: Catalogue<keyof typeof en> = { en, de };
