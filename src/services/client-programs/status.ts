/** How a client is, as the model tells it. Pure. */
export interface StatusFacts {
  readonly enable: boolean;
  /** Undefined when the configuration names none. */
  readonly ifName: string | undefined;
  /** The interface does not exist. */
  readonly absent: boolean;
  readonly carrier: boolean | undefined;
  /** Why it does not work. */
  readonly trouble: string | undefined;
  /** What was refused or clamped though it does. */
  readonly remarks: readonly string[];
}

export interface ClientStatus {
  /** `Device.DHCPv4.Client.{i}.Status` and `Device.DHCPv6.Client.{i}.Status`. */
  readonly status: 'Disabled' | 'Enabled' | 'Error_Misconfigured' | 'Error';
  /** What is wrong or was clamped, for people; undefined when all is well. */
  readonly reason: string | undefined;
}

export function statusOf(facts: StatusFacts): ClientStatus {
  const { enable, ifName, absent, carrier, trouble, remarks } = facts;
  const misconfigured = enable && ifName === undefined;
  const reasons = [...(trouble === undefined ? [] : [trouble]), ...remarks];
  if (misconfigured) reasons.unshift('Interface names no interface');
  else if (absent) reasons.unshift(`no interface ${ifName}`);
  else if (enable && carrier === false) reasons.unshift(`no link on ${ifName}`);
  const running = trouble !== undefined || absent ? 'Error' : 'Enabled';
  return {
    status: misconfigured ? 'Error_Misconfigured' : enable ? running : 'Disabled',
    reason: reasons.length === 0 ? undefined : reasons.join('; '),
  };
}
