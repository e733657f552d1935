/** Pure: from rows and from what DHCPv6 clients were told to the domains that are to be. */
import { MAP_LINK } from '../../base/if-name.ts';
import { formatPrefix6, type Ipv6Prefix } from '../../base/ip6.ts';
import type { Result } from '../../base/result.ts';
import { decodeS46Container, type S46Container } from '../../wire/s46.ts';
import {
  addressing,
  basicRule,
  DEFAULT_PSID_OFFSET,
  type MapAddressing,
  type MapRule,
  ruleFaults,
} from './addressing.ts';
import type {
  MapConfig,
  MapDomainConfig,
  MapDomainObserved,
  MapOffer,
  MapRuleObserved,
  MapStatus,
} from './config.ts';

/** What the data plane is to hold for one domain. */
export interface MapEndpoint {
  /** Kernel name of the link that translates. */
  readonly link: string;
  readonly wan: string;
  readonly addressing: MapAddressing;
  readonly rule: MapRule;
  /** Rules by which other customers could be reached directly, the domain's own among them. */
  readonly forwarding: readonly MapRule[];
  readonly dmr: Ipv6Prefix;
  readonly dscp: number | undefined;
}

export type PlannedDomain = Pick<
  MapDomainObserved,
  'id' | 'origin' | 'status' | 'reason' | 'wan' | 'delegated' | 'dmr' | 'rules'
> & {
  /** There is one exactly where `status` is Enabled. */
  readonly endpoint: MapEndpoint | undefined;
};

interface Refusal {
  readonly client: string;
  readonly reason: string;
}

export interface MapPlan {
  readonly domains: readonly PlannedDomain[];
  /** Options that do not decode. */
  readonly refused: readonly Refusal[];
}

/** Each set is a chain of the kernel's; beyond a PSID offset of 12 there would be more. */
const MAX_SETS = 4096;
/** IPv4 inside IPv6 is defined for these lengths alone (RFC 6052 §2.2). */
const DMR_LENGTHS = new Set([32, 40, 48, 56, 64, 96]);

export function planMap(config: MapConfig, offers: readonly MapOffer[]): MapPlan {
  const refused: Refusal[] = [];
  const read = (offer: MapOffer, code: number, values: readonly Uint8Array[]): S46Container[] =>
    values.flatMap((value) => {
      const container: Result<S46Container> = decodeS46Container(value, `option ${code}`);
      if (container.ok) return [container.value];
      const { field, offset, message } = container.error;
      refused.push({ client: offer.client, reason: `${field}, byte ${offset}: ${message}` });
      return [];
    });
  const heard = offers.map((offer) => {
    // MAP-E is none of ours; what cannot be read of it is told all the same.
    read(offer, 94, offer.mapE);
    return { offer, containers: read(offer, 95, offer.mapT) };
  });
  const own = config.domains.map((domain) => {
    const { offer, containers } = heard.find((one) => one.offer.wan === domain.wan) ?? {};
    return domain.enable && config.enable
      ? ofRows(domain, offer, containers ?? [])
      : disabled(domain);
  });
  // What a user says of an interface holds instead of what the network says.
  const taken = new Set(config.domains.flatMap(({ wan }) => wan ?? []));
  const learned = heard
    .filter(({ offer, containers }) => !taken.has(offer.wan) && containers.length > 0)
    .map(({ offer, containers }) => ofOffer(offer, containers, config.enable));
  return { domains: [...own, ...learned], refused };
}

const disabled = ({ id, wan, delegated, dmr, rules }: MapDomainConfig): PlannedDomain => ({
  ...{ id, origin: 'Static', status: 'Disabled', reason: undefined, wan, delegated, dmr },
  rules: rules.map((rule) => observed(rule.id, rule, 'Disabled')),
  endpoint: undefined,
});

function ofRows(
  domain: MapDomainConfig,
  offer: MapOffer | undefined,
  containers: readonly S46Container[],
): PlannedDomain {
  const { id, wan } = domain;
  const candidates = domain.delegated === undefined ? (offer?.delegated ?? []) : [domain.delegated];
  const link = `${MAP_LINK}${domain.instance}`;
  const common = { id, origin: 'Static', wan, link, dscp: domain.dscp } as const;
  if (domain.rules.length === 0) {
    const [container] = containers;
    const dmr = domain.dmr ?? container?.dmr;
    const none = container === undefined ? 'no rules, and the network gives none' : undefined;
    return domainOf({ ...common, dmr, rules: rulesOf(container) }, candidates, none);
  }
  return domainOf({ ...common, dmr: domain.dmr, rules: domain.rules }, candidates, undefined);
}

function ofOffer(
  offer: MapOffer,
  containers: readonly S46Container[],
  enable: boolean,
): PlannedDomain {
  const { client, wan, delegated } = offer;
  const link = `${MAP_LINK}d${/\d{1,4}$/.exec(client)?.[0] ?? 0}`;
  const all = containers.map((container) => {
    const rules = rulesOf(container);
    const { dmr } = container;
    const parts = { id: client, origin: 'DHCPv6', wan, link, dscp: undefined, dmr, rules } as const;
    return enable ? domainOf(parts, delegated, undefined) : off(parts);
  });
  // The first that can be used; when none can, why the first cannot.
  return all.find(({ endpoint }) => endpoint !== undefined) ?? (all[0] as PlannedDomain);
}

interface Parts {
  readonly id: string;
  readonly origin: 'Static' | 'DHCPv6';
  readonly wan: string | undefined;
  readonly link: string;
  readonly dscp: number | undefined;
  readonly dmr: Ipv6Prefix | undefined;
  readonly rules: readonly (MapRule & { readonly id: string; readonly enable: boolean })[];
}

const off = ({ id, origin, wan, dmr, rules }: Parts): PlannedDomain => ({
  ...{ id, origin, status: 'Disabled', reason: undefined, wan, delegated: undefined, dmr },
  rules: rules.map((rule) => observed(rule.id, rule, 'Disabled')),
  endpoint: undefined,
});

function domainOf(
  parts: Parts,
  candidates: readonly Ipv6Prefix[],
  fault: string | undefined,
): PlannedDomain {
  const { id, origin, wan, link, dscp, dmr } = parts;
  const wanted = parts.rules.filter(({ enable }) => enable);
  const faults = new Map(ruleFaults(wanted).map((reason, i) => [wanted[i]?.id, reason]));
  const good = wanted.filter((rule) => faults.get(rule.id) === undefined);
  const matched = candidates
    .map((prefix) => ({ prefix, rule: basicRule(good, prefix) }))
    .find(({ rule }) => rule !== undefined);
  const has = matched?.rule && addressing(matched.rule, matched.prefix);
  const basic = has?.ok === true ? matched?.rule : undefined;
  const rules = parts.rules.map((rule): MapRuleObserved => {
    const reason =
      faults.get(rule.id) ?? (rule === matched?.rule && has?.ok === false ? has.error : undefined);
    const status = !rule.enable ? 'Disabled' : reason === undefined ? 'Enabled' : 'Error';
    return observed(rule.id, rule, status, reason, rule === basic);
  });
  const [delegated = matched?.prefix] = matched === undefined ? candidates : [matched.prefix];
  const result = (status: MapStatus, reason?: string, endpoint?: MapEndpoint): PlannedDomain => ({
    ...{ id, origin, status, reason, wan, delegated, dmr, rules, endpoint },
  });
  const wrong = (reason: string) => result('Error_Misconfigured', reason);
  if (fault !== undefined) return result('Error', fault);
  if (wan === undefined) return wrong('WANInterface names no interface');
  if (delegated === undefined) return result('Error', 'no prefix is delegated');
  if (wanted.length === 0) return wrong('no rule is enabled');
  if (basic === undefined || has?.ok !== true) {
    const [first] = faults.values();
    const only = wanted.length === 1 ? first : undefined;
    const why = has?.ok === false ? has.error : undefined;
    return wrong(why ?? only ?? `no usable rule is for ${formatPrefix6(delegated)}`);
  }
  if (dmr === undefined) return wrong('there is no prefix of a border relay');
  if (!DMR_LENGTHS.has(dmr.prefixLen)) {
    return wrong(`${formatPrefix6(dmr)}: IPv4 cannot be embedded behind ${dmr.prefixLen} bits`);
  }
  if (has.value.ports.length > MAX_SETS) {
    return wrong(`${has.value.ports.length} port sets; at most ${MAX_SETS} can be set up`);
  }
  return result('Enabled', undefined, {
    ...{ link, wan, dmr, dscp, rule: basic, addressing: has.value },
    forwarding: good.filter(({ fmr }) => fmr),
  });
}

const observed = (
  id: string,
  rule: MapRule,
  status: MapRuleObserved['status'],
  reason?: string,
  basic = false,
): MapRuleObserved => ({ id, rule, status, reason, basic });

/** The rules of an option. Port parameters without a PSID still give the offset (RFC 7598 §4.5). */
const rulesOf = (container: S46Container | undefined): Parts['rules'] =>
  (container?.rules ?? []).map(({ prefix6, prefix4, eaLen, fmr, portParams }, i) => {
    const psidOffset = portParams?.offset ?? DEFAULT_PSID_OFFSET;
    return {
      ...{ id: String(i + 1), enable: true, prefix6, prefix4, eaLen, fmr, psidOffset },
      ...{ psidLen: portParams?.psidLen ?? 0, psid: portParams?.psid ?? 0 },
      // With an offset of 0 nothing keeps the system ports out.
      systemPorts: psidOffset === 0,
    };
  });
