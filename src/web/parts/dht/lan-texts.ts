/** Texts about BitTorrent in the LAN. */
import type { Catalogue } from '../../i18n/catalogue.ts';

const en = {
  'lan.title': 'BitTorrent in the LAN',
  'lan.intro':
    'Which of your devices speak BitTorrent, about which torrents, and how much. The router reads what goes by in the clear. What it hears stays in its memory, is told to nobody, and is gone when this is switched off. Others in the house may want to know that you switched it on.',
  'lan.names':
    'Names of torrents are asked of the DHT and of peers only if you say so. They learn that your address is interested in that torrent. Those that may be private are not asked for.',
  'lan.off': 'Off: nothing is heard.',
  'lan.waiting': 'waits for the LAN',
  'lan.devices': 'Devices',
  'lan.none': 'Nothing of BitTorrent was heard yet.',
  'lan.device': 'Device',
  'lan.up': 'Sent',
  'lan.down': 'Received',
  'lan.likely': 'Likely, besides',
  'lan.likelyText':
    'Likely: encrypted flows from or to an address that is known as a peer’s. They say nothing of themselves, so this is a guess, and some are missed.',
  'lan.since': 'Since',
  'lan.last': 'Last heard',
  'lan.torrents': 'Torrents',
  'lan.torrent': 'Torrent',
  'lan.who': 'Devices',
  'lan.seen': 'Heard by',
  'lan.clear': 'Forget all of it',
  'param.Enable': 'Listen to the LAN',
  'about.Enable': 'Off by default. Switching it off forgets everything.',
  'param.ResolveNames': 'Ask for names',
  'about.ResolveNames': 'Asks strangers what a torrent is called; needs the DHT node.',
  'param.RetainTime': 'Forget after',
  'about.RetainTime': 'Without hearing of it again.',
  'unit.hours': 'hours',
} as const;

const de: Readonly<Record<keyof typeof en, string>> = {
  'lan.title': 'BitTorrent im LAN',
  'lan.intro':
    'Welche Ihrer Geräte BitTorrent sprechen, über welche Torrents und wie viel. Der Router liest mit, was unverschlüsselt vorbeikommt. Was er hört, bleibt in seinem Speicher, wird niemandem gesagt und ist beim Ausschalten vergessen. Andere im Haus wollen vielleicht wissen, dass Sie es eingeschaltet haben.',
  'lan.names':
    'Namen von Torrents werden nur auf Ihren Wunsch in der DHT und bei Peers erfragt. Diese erfahren dabei, dass Ihre Adresse sich für den Torrent interessiert. Nach solchen, die privat sein können, wird nicht gefragt.',
  'lan.off': 'Aus: es wird nichts gehört.',
  'lan.waiting': 'wartet auf das LAN',
  'lan.devices': 'Geräte',
  'lan.none': 'Noch wurde kein BitTorrent gehört.',
  'lan.device': 'Gerät',
  'lan.up': 'Gesendet',
  'lan.down': 'Empfangen',
  'lan.likely': 'Wohl außerdem',
  'lan.likelyText':
    'Wohl außerdem: verschlüsselte Verbindungen von oder zu einer Adresse, die als die eines Peers bekannt ist. Sie sagen nichts über sich, also ist das eine Vermutung, und manche fehlen.',
  'lan.since': 'Seit',
  'lan.last': 'Zuletzt gehört',
  'lan.torrents': 'Torrents',
  'lan.torrent': 'Torrent',
  'lan.who': 'Geräte',
  'lan.seen': 'Gehört durch',
  'lan.clear': 'Alles vergessen',
  'param.Enable': 'Ins LAN hineinhören',
  'about.Enable': 'Von Haus aus aus. Ausschalten vergisst alles.',
  'param.ResolveNames': 'Namen erfragen',
  'about.ResolveNames': 'Fragt Fremde, wie ein Torrent heißt; braucht den DHT-Knoten.',
  'param.RetainTime': 'Vergessen nach',
  'about.RetainTime': 'Wenn so lange nichts mehr davon gehört wurde.',
  'unit.hours': 'Stunden',
};

export const texts: Catalogue<keyof typeof en> = { en, de };
