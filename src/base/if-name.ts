/**
 * Whether a text can be the name of a network interface: what the kernel takes (dev_valid_name:
 * 1 to 15 bytes, no slash, colon or space, neither `.` nor `..`), and of that what people use. No
 * quote, space or control character comes through, so it can stand in any rule or file.
 */
export const isIfName = (value: unknown): value is string =>
  typeof value === 'string' && /^(?!\.{1,2}$)[A-Za-z0-9_.@+-]{1,15}$/.test(value);

/** Whether the kernel's own way of naming says that it is Wi-Fi: wlan0, wlp1s0, wlx0123456789ab. */
export const isWirelessName = (name: string): boolean => /^wl/.test(name);

/** How the kernel names of links begin through which MAP translates; no other link may be called so. */
export const MAP_LINK = 'gh-map';
