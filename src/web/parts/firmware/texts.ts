/** Texts of the firmware's page. */
import type { Catalogue } from '../../i18n/catalogue.ts';

const en = {
  'firmware.none': 'There are no updates here: {reason}.',
  'firmware.slots': 'Versions on this router',
  'firmware.slotsText':
    'The router has room for two versions. An update goes to the one that does not run; if it does not come up, the router goes back by itself. Settings stay.',
  'firmware.slot': 'Slot {name}',
  'firmware.empty': 'empty',
  'firmware.running': 'running',
  'firmware.next': 'started next',
  'firmware.isReceiving': 'The update is being sent to the router.',
  'firmware.isVerifying': 'The update is being verified.',
  'firmware.isWriting': 'The update is being written. The router goes on working.',
  'firmware.isReady': 'The update is installed. It takes effect when it is started.',
  'firmware.isActivated': 'Another version is started next.',
  'firmware.isTrying':
    'The running version is on trial; it is kept once it has shown that it is well.',
  'firmware.isConfirmed': 'The running version is well and stays.',
  'firmware.isRolledBack': 'The router went back to the version before:',
  'firmware.isFailed': 'The update failed:',
  'firmware.start': 'Start version {version}',
  'firmware.stay': 'Stay with the running version',
  'firmware.ask':
    'The router restarts, which takes about a minute. If this version is not well, the router comes back to the present one by itself.',
  'firmware.update': 'Update',
  'firmware.updateText':
    'Take a file that ends in .gup, from whoever made the firmware of this router. It is verified before anything is written.',
  'firmware.file': 'Update file',
  'firmware.noFile': 'Choose a file first.',
  'firmware.install': 'Send and install',
  'firmware.busy': 'Under way …',
  'firmware.waitTrial': 'The running version is on trial. Wait until it is kept.',
} as const;

const de: Readonly<Record<keyof typeof en, string>> = {
  'firmware.none': 'Hier gibt es keine Aktualisierungen: {reason}.',
  'firmware.slots': 'Versionen auf diesem Router',
  'firmware.slotsText':
    'Der Router hat Platz für zwei Versionen. Eine Aktualisierung kommt an die Stelle derer, die nicht läuft; kommt sie nicht hoch, kehrt der Router von selbst zurück. Einstellungen bleiben.',
  'firmware.slot': 'Platz {name}',
  'firmware.empty': 'leer',
  'firmware.running': 'läuft',
  'firmware.next': 'startet als nächste',
  'firmware.isReceiving': 'Die Aktualisierung wird zum Router übertragen.',
  'firmware.isVerifying': 'Die Aktualisierung wird geprüft.',
  'firmware.isWriting': 'Die Aktualisierung wird geschrieben. Der Router arbeitet weiter.',
  'firmware.isReady': 'Die Aktualisierung ist installiert. Sie wirkt, sobald sie gestartet wird.',
  'firmware.isActivated': 'Als nächste startet eine andere Version.',
  'firmware.isTrying':
    'Die laufende Version ist auf Probe; sie bleibt, sobald sich zeigt, dass alles in Ordnung ist.',
  'firmware.isConfirmed': 'Die laufende Version ist in Ordnung und bleibt.',
  'firmware.isRolledBack': 'Der Router ist zur vorigen Version zurückgekehrt:',
  'firmware.isFailed': 'Die Aktualisierung ist fehlgeschlagen:',
  'firmware.start': 'Version {version} starten',
  'firmware.stay': 'Bei der laufenden Version bleiben',
  'firmware.ask':
    'Der Router startet neu, das dauert etwa eine Minute. Ist mit dieser Version etwas nicht in Ordnung, kehrt er von selbst zur jetzigen zurück.',
  'firmware.update': 'Aktualisierung',
  'firmware.updateText':
    'Nehmen Sie eine Datei mit der Endung .gup von dem, der die Firmware dieses Routers gemacht hat. Sie wird geprüft, bevor etwas geschrieben wird.',
  'firmware.file': 'Datei der Aktualisierung',
  'firmware.noFile': 'Wählen Sie zuerst eine Datei.',
  'firmware.install': 'Übertragen und installieren',
  'firmware.busy': 'Im Gang …',
  'firmware.waitTrial': 'Die laufende Version ist auf Probe. Warten Sie, bis sie bleibt.',
};

export const texts: Catalogue<keyof typeof en> = { en, de };
