/**
 * One struct rfkill_event (linux/rfkill.h) that switches one radio off or on, as the text of a file: all
 * of its bytes are ASCII. The index is that of /sys/class/rfkill/rfkillN, 0 to 127.
 */
import { BugError } from '../../base/errors.ts';

const TYPE_WLAN = 1;
const OP_CHANGE = 2;

export function rfkillText(index: number, block: boolean): string {
  if (!Number.isInteger(index) || index < 0 || index > 127) throw new BugError(`rfkill${index}`);
  return String.fromCharCode(index, 0, 0, 0, TYPE_WLAN, OP_CHANGE, block ? 1 : 0, 0);
}
