/** One frame on one interface, for whoever has nothing to hear. */
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { LinuxFramePorts } from './frames.ts';
import { type Native, Reactor } from './native.ts';

/** EPERM without CAP_NET_RAW, ENODEV, ENETDOWN; EAGAIN when the link did not take it. */
export async function sendFrame(
  native: Native,
  ifIndex: number,
  frame: Uint8Array,
): Promise<Result<void, SystemError>> {
  await using reactor = new Reactor(native);
  const port = new LinuxFramePorts(reactor).open(ifIndex, 'arp', { frame: () => {} });
  if (!port.ok) return port;
  await using sender = port.value;
  const queued = sender.send(frame, 0, frame.length);
  sender.flush();
  return queued && sender.unsent === 0
    ? ok(undefined)
    : err(new SystemError(`interface ${ifIndex} did not take the frame`, 'EAGAIN'));
}
