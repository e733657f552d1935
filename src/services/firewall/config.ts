/** The whole desired state of table `inet gatehouse` (and `netdev gatehouse` for DSCP marks). */
export interface FirewallConfig {
  /** Kernel names of interfaces in zone Wan: nothing new is accepted from them but the DHCP client's answers and ICMP errors. */
  readonly wan: readonly string[];
  /** Zone Lan: may reach the box and, through it, the WAN. */
  readonly lan: readonly string[];
  /** Interfaces behind which the LAN is masqueraded: enabled `Device.NAT.InterfaceSetting.{i}.`. */
  readonly masquerade: readonly string[];
  /** UDP ports of the box that the WAN may reach, and how many packets a second may begin something there. */
  readonly openings: readonly { readonly port: number; readonly perSec: number }[];
  /** DSCP of DHCP messages sent on an interface, 0 to 63 (`DHCPv4.Client.{i}.DSCPMark`, and of DHCPv6). */
  readonly dhcpDscp: readonly {
    readonly ifName: string;
    readonly dscp: number;
    readonly family: 4 | 6;
  }[];
}

export interface FirewallObserved {
  readonly status: 'Disabled' | 'Enabled' | 'Error';
  readonly reason: string | undefined;
  /** Interfaces whose masquerade rule is in the kernel. */
  readonly masquerade: readonly string[];
  /** Times the table was put back after someone else changed it. */
  readonly restored: number;
}
