/**
 * Frames in a file as tcpdump and Wireshark read them: pcap with times in microseconds, big-endian
 * (draft-ietf-opsawg-pcap §4 and §5). Written only; nobody hands such a file to the router.
 */

const MAGIC = 0xa1b2c3d4;
const LINKTYPE_ETHERNET = 1;
const HEADER_BYTES = 24;
const RECORD_BYTES = 16;
/** What is kept of a frame at most. */
const SNAP_BYTES = 65_535;

/** What a file of Ethernet frames begins with. */
export function encodePcapHeader(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, 2);
  view.setUint16(6, 4);
  view.setUint32(16, SNAP_BYTES);
  view.setUint32(20, LINKTYPE_ETHERNET);
  return bytes;
}

/** A frame from its Ethernet header on, taken at `wallMs` (Unix time). */
export function encodePcapRecord(wallMs: number, frame: Uint8Array): Uint8Array {
  const kept = frame.subarray(0, SNAP_BYTES);
  const bytes = new Uint8Array(RECORD_BYTES + kept.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(wallMs / 1000));
  view.setUint32(4, Math.floor((wallMs % 1000) * 1000));
  view.setUint32(8, kept.byteLength);
  view.setUint32(12, frame.byteLength);
  bytes.set(kept, RECORD_BYTES);
  return bytes;
}
