/** The table of RFC 5011 §4.2, cell by cell. */
import t from 'tap';
import { NodeDnsCrypto } from '../../../src/os/linux/dns-crypto.ts';
import {
  type AnchorKey,
  decodeAnchors,
  dsOfKey,
  encodeAnchors,
  HOLD_DOWN_SEC,
  parseAnchors,
  step,
  trusted,
} from '../../../src/services/dns/dnssec/anchors.ts';
import { type Dnskey, dnskeyOf, REVOKED } from '../../../src/services/dns/dnssec/records.ts';
import { parseRdata } from '../../../src/wire/dns-rdata-text.ts';
import { TYPE } from '../../../src/wire/dns-registry.ts';

const keyOf = (text: string): Dnskey => {
  const rdata = parseRdata(TYPE.DNSKEY, text);
  if (!rdata.ok) throw new Error(text);
  return dnskeyOf({ rdata: rdata.value });
};
const OLD = keyOf('257 3 13 AAECAwQFBgc=');
const NEW = keyOf('257 3 13 CAkKCwwNDg8=');
const ZSK = keyOf('256 3 13 EBESExQVFhc=');
const withFlag = (key: Dnskey, flag: number): Dnskey => {
  const rdata = key.rdata.slice();
  rdata[1] = (rdata[1] ?? 0) | flag;
  return dnskeyOf({ rdata });
};
const T = 1_800_000_000;
const isOld = (key: Dnskey): boolean => key.keyTag === OLD.keyTag;
const nobody = (): boolean => false;
const key = (of: Dnskey, state: AnchorKey['state'], sinceSec = T): AnchorKey => ({
  ...{ rdata: of.rdata, state, sinceSec },
});
const states = (keys: readonly AnchorKey[]): string[] =>
  keys.map(
    ({ rdata, state }) =>
      `${rdata === OLD.rdata || Buffer.compare(rdata, OLD.rdata) === 0 ? 'old' : 'new'} ${state}`,
  );

t.test('from nothing: configured keys hold at once, others wait', async (t) => {
  const first = step([], [OLD, NEW, ZSK], [], isOld, T);
  t.same(states(first), ['old valid', 'new addPending'], 'and zone signing keys are none');
});

t.test('a new key must be seen for thirty days', async (t) => {
  const waiting = [key(NEW, 'addPending')];
  t.same(states(step(waiting, [NEW], [], nobody, T + HOLD_DOWN_SEC - 1)), ['new addPending']);
  t.same(states(step(waiting, [NEW], [], nobody, T + HOLD_DOWN_SEC)), ['new valid']);
  t.same(states(step(waiting, [], [], nobody, T + 10)), [], 'one that vanishes starts anew');
  t.same(states(step(waiting, [], [withFlag(NEW, REVOKED)], nobody, T + 10)), []);
});

t.test('a valid key that is not seen is missing, and still trusted', async (t) => {
  const missing = step([key(OLD, 'valid')], [NEW], [], nobody, T + 5);
  t.same(states(missing), ['old missing', 'new addPending']);
  t.same(states(step(missing, [OLD], [], nobody, T + 6)), ['old valid'], 'until it is back');
  const crypto = new NodeDnsCrypto();
  t.same(
    trusted(crypto, [], missing).map(({ keyTag }) => keyTag),
    [OLD.keyTag],
  );
});

t.test('a revoked key is no longer trusted, though it is configured', async (t) => {
  const crypto = new NodeDnsCrypto();
  const ds = dsOfKey(crypto, OLD);
  t.same(trusted(crypto, [ds], []), [ds], 'as long as nothing is known');
  for (const state of ['valid', 'missing'] as const) {
    const gone = step(
      [key(OLD, state)],
      [withFlag(OLD, REVOKED)],
      [withFlag(OLD, REVOKED)],
      isOld,
      T + 9,
    );
    t.same(states(gone), ['old revoked'], state);
    t.same(trusted(crypto, [ds], gone), []);
    t.same(states(step(gone, [OLD], [], isOld, T + 10)), ['old revoked'], 'for good');
    t.same(states(step(gone, [], [], isOld, T + 31 * 86_400)), [], 'and then forgotten');
  }
});

t.test('they are kept as text', async (t) => {
  const keys = [key(OLD, 'valid'), key(NEW, 'addPending', T + 7)];
  const text = encodeAnchors(keys, ['1 13 2 AA']);
  t.same(decodeAnchors(text), { ok: true, value: { keys, configured: ['1 13 2 AA'] } });
  for (const bad of [
    'valid x AAAA',
    'good 1 AAECAwQF',
    'valid 1 ???',
    'valid 1 AA==',
    'valid 1 AAECAwQF x',
  ]) {
    t.notOk(decodeAnchors(bad).ok, bad);
  }
  const many = Array.from({ length: 17 }, () => 'valid 1 AAECAwQFBgc=').join('\n');
  t.notOk(decodeAnchors(many).ok, 'no more than there can be');
});

t.test('anchors as they are configured', async (t) => {
  const [root] = parseAnchors([
    '20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D',
    'nonsense',
  ]);
  t.same([root?.keyTag, root?.algorithm, root?.digestType, root?.digest.length], [20326, 8, 2, 32]);
});
