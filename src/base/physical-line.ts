/**
 * The controlling terminal of a process, as proc_pid_stat(5) gives it in `tty_nr` (minor in bits 31
 * to 20 and 7 to 0, major in 15 to 8), where it is a line of the box itself: its screen (`tty1`), its
 * serial lines (`ttyS0`, `ttyAMA0`), the console of a virtual machine (`hvc0`). Undefined for all that
 * a program makes (pseudo-terminals: SSH, screen) and for none.
 */
export function physicalLine(ttyNr: number): string | undefined {
  const major = (ttyNr >>> 8) & 0xff;
  const minor = (((ttyNr >>> 20) & 0xfff) << 8) | (ttyNr & 0xff);
  // Numbers as Documentation/admin-guide/devices.txt of the kernel assigns them.
  if (major === 4)
    return minor === 0 ? undefined : minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  if (major === 204 && minor >= 64 && minor < 80) return `ttyAMA${minor - 64}`;
  if (major === 229) return `hvc${minor}`;
  return undefined;
}
