/** What clients of this world send, byte for byte as they lay it out, and what they are told. */
import t from 'tap';
import { fromHex } from '../../../src/base/bytes.ts';
import { ipv4, type Mac, macBytes } from '../../../src/base/ip.ts';
import { DHCP } from '../../../src/wire/dhcp4.ts';
import { encodeUdp4 } from '../../../src/wire/udp4.ts';
import { ip, Lan, SERVER, text } from './lan.ts';

const MAC = '9c:b6:d0:11:22:33' as Mac;

/** BOOTP header with `flags`, the options of `hex`, in a broadcast frame. */
function frame(flags: number, hex: string): Uint8Array {
  const options = fromHex(hex.replaceAll(' ', '')) ?? new Uint8Array(0);
  const payload = new Uint8Array(Math.max(300, 240 + options.length));
  const view = new DataView(payload.buffer);
  payload.set([1, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe]);
  view.setUint16(10, flags);
  payload.set(macBytes(MAC), 28);
  view.setUint32(236, 0x63825363);
  payload.set(options, 240);
  return encodeUdp4({
    destinationMac: new Uint8Array(6).fill(255),
    sourceMac: macBytes(MAC),
    source: ipv4(0),
    destination: ipv4(0xffffffff),
    sourcePort: 68,
    destinationPort: 67,
    payload,
  });
}

const asText = (value: string): string =>
  [...text(value)].map((b) => b.toString(16).padStart(2, '0')).join('');

const LEASED = [53, 54, 51, 58, 59];
const wpad = {
  code: 252,
  value: text('http://wpad.lan/wpad.dat'),
  force: false,
  vendorClassPrefix: '',
};
const netbios = {
  code: 43,
  value: Uint8Array.of(1, 4, 0, 0, 0, 2),
  force: false,
  vendorClassPrefix: 'MSFT',
};

t.test('Windows 10: identifier, wish, name, FQDN, vendor class, a long list', async (t) => {
  await using lan = new Lan();
  await lan.apply({ pools: [{ options: [wpad, netbios], winsServers: [ip('192.168.1.3')] }] });
  const common = `3d0701 9cb6d0112233`;
  const rest = `0c0f ${asText('DESKTOP-4F2K9AB')} 5112 000000 ${asText('DESKTOP-4F2K9AB')} 3c08 ${asText('MSFT 5.0')} 370e 0103060f1f212b2c2e2f7779f9fc ff`;
  const [offer] = lan.send(frame(0, `350101 ${common} 3204c0a80199 ${rest}`));
  t.equal(offer?.message.yiaddr, ip('192.168.1.153'), 'what it had elsewhere, or before');
  t.same([...(offer?.message.options.keys() ?? [])], [...LEASED, 1, 3, 6, 15, 43, 44, 252, 61]);
  const [ack] = lan.send(frame(0, `350103 ${common} 3204c0a80199 3604c0a80101 ${rest}`));
  t.equal(ack?.type, DHCP.ACK);
  t.match(lan.service.leaseAt(ip('192.168.1.153')), {
    hostName: 'desktop-4f2k9ab',
    vendorClass: 'MSFT 5.0',
  });
  // Its INFORM for the proxy: from its address, the same list.
  const inform = frame(0, `350108 ${common} ${rest}`);
  inform.set([192, 168, 1, 153], 54);
  const [told] = lan.send(inform);
  t.equal(told?.type, DHCP.ACK);
  t.ok(told?.message.options.has(252) && !told.message.options.has(51));
});

t.test('Android 14: 1,500 bytes, IPv6-only where the pool can, captive portal', async (t) => {
  await using lan = new Lan();
  const portal = {
    code: 114,
    value: text('https://gate.lan/portal'),
    force: false,
    vendorClassPrefix: '',
  };
  await lan.apply({ pools: [{ options: [portal] }] });
  const options = `3d07019cb6d0112233 390205dc 3c0f ${asText('android-dhcp-14')} 0c07 ${asText('Pixel-8')} 370c 0103060f1a1c333a3b2b726c ff`;
  const [offer] = lan.send(frame(0, `350101 ${options}`));
  t.same([...(offer?.message.options.keys() ?? [])], [...LEASED, 1, 3, 6, 15, 28, 114, 61]);
  t.equal(offer?.udp.destination, offer?.message.yiaddr, 'unicast');
});

t.test('an iPhone with a private address, and a set-top box that wants broadcasts', async (t) => {
  await using lan = new Lan();
  await lan.apply({});
  const [phone] = lan.send(
    frame(
      0,
      `350101 370a 01790306 0f6c 72 77fc 5f 390205dc 3d0701 9cb6d0112233 33040076a700 0c0c ${asText('Annas-iPhone')} ff`,
    ),
  );
  t.same([...(phone?.message.options.keys() ?? [])], [...LEASED, 1, 3, 6, 15, 61]);
  t.equal(
    new DataView((phone?.message.options.get(51) ?? new Uint8Array(4)).buffer).getUint32(0),
    3600,
    'the pool’s length, not 90 days',
  );
  const [box] = lan.send(frame(0x8000, '350101 37030103 06 ff'));
  t.equal(box?.udp.destination, 0xffffffff);
  t.equal(box?.udp.source, SERVER);
});
