/** `Device.WiFi.` (TR-181): radios, and the networks that the box joins with them as a station. */
import type { NetworkConfig } from '../../services/network/config.ts';
import type {
  WifiConfig,
  WifiEndPointConfig,
  WifiInterfaceObserved,
  WifiMode,
  WifiObserved,
  WifiProfileConfig,
  WifiRadioConfig,
} from '../../services/wifi/config.ts';
import { wifiChannelOf } from '../../wire/wpa-control.ts';
import type { Row, RowReader } from '../reader.ts';
import type { CheckSink, ObjectGroup, ReportContext, ReportSink } from '../table.ts';
import { IP, linkStatus, SSIDS, STATS_PARAMS, secondsSince, statsValues } from './interfaces.ts';
import { END_POINTS, MODES, RADIOS, WIFI_OBJECTS } from './wifi-params.ts';

export const wifi: ObjectGroup = {
  name: 'WiFi',
  inputs: ['wifi', 'network'],
  objects: WIFI_OBJECTS,
  report,
  check,
};

export const compileWifi = (rows: RowReader): WifiConfig => ({
  radios: rows.systemRows(RADIOS).map((row): WifiRadioConfig => {
    const country = row.text('RegulatoryDomain').slice(0, 2);
    return {
      ...{ ifName: row.key, enable: row.bool('Enable') },
      country: country === '' ? undefined : country,
    };
  }),
  endPoints: rows.rows(END_POINTS).map(
    (row): WifiEndPointConfig => ({
      ...{ id: row.id, enable: row.bool('Enable'), ifName: interfaceOf(rows)?.key },
      profiles: rows.rows(`${row.path}Profile.`).map((profile) => profileOf(rows, profile)),
    }),
  ),
});

/** The interface of a station: that of the first radio. */
const interfaceOf = (rows: RowReader): (Row & { readonly key: string }) | undefined =>
  rows.systemRows(SSIDS).toSorted((a, b) => a.instance - b.instance)[0];

function profileOf(rows: RowReader, row: Row): WifiProfileConfig {
  const security = rows.at(`${row.path}Security.`);
  const mode = security?.text('ModeEnabled');
  const text = (name: string): string | undefined => security?.text(name) || undefined;
  return {
    ...{ id: row.id, enable: row.bool('Enable'), ssid: row.text('SSID') },
    ...{ hidden: row.bool('X_GATEHOUSE_Hidden'), priority: row.number('Priority') },
    mode: MODES.find((one): one is WifiMode => one === mode) ?? 'WPA2-Personal',
    ...{ passphrase: text('KeyPassphrase'), psk: text('PreSharedKey')?.toLowerCase() },
  };
}

/** Administrative states of interfaces below an IP.Interface, as the radio is. */
export function compileWifiPorts(rows: RowReader): NetworkConfig['ports'] {
  const { used } = usage(rows);
  return rows
    .systemRows(SSIDS)
    .filter((row) => used.has(row.id))
    .map(({ key }) => {
      const radio = rows.systemRows(RADIOS).find((row) => row.key === key);
      return { ifName: key, enable: radio?.bool('Enable') ?? true };
    });
}

/** Ids of the SSID rows below any IP.Interface, and of those below one in zone Wan. */
function usage(rows: RowReader): { readonly used: Set<string>; readonly upstream: Set<string> } {
  const used = new Set<string>();
  const upstream = new Set<string>();
  for (const ip of rows.rows(IP)) {
    for (const id of ip.list('LowerLayers')) {
      if (!id.startsWith(SSIDS)) continue;
      used.add(id);
      if (ip.text('X_GATEHOUSE_Zone') === 'Wan') upstream.add(id);
    }
  }
  return { used, upstream };
}

function check(rows: RowReader, out: CheckSink): void {
  for (const endPoint of rows.rows(END_POINTS)) {
    for (const profile of rows.rows(`${endPoint.path}Profile.`)) {
      // IEEE 802.11-2020 §9.4.2.2.
      if (new TextEncoder().encode(profile.text('SSID')).length > 32) {
        out.fault(`${profile.path}SSID`, 'it has more than 32 bytes of UTF-8');
      }
    }
  }
}

function report(context: ReportContext, out: ReportSink): void {
  const { observed, rows } = context;
  const interfaces = new Map(observed.wifi?.interfaces.map((one) => [one.ifName, one]));
  const { used, upstream } = usage(rows);
  const endPoints = rows.rows(END_POINTS);
  // Radios that something is configured of keep their rows while they are away.
  const names = new Set(interfaces.keys());
  const own = interfaceOf(rows)?.key;
  const radios = new Map(rows.systemRows(RADIOS).map((row) => [row.key, row]));
  for (const row of rows.systemRows(SSIDS)) {
    const radio = radios.get(row.key);
    const set = radio?.isSet('Enable') === true || radio?.isSet('RegulatoryDomain') === true;
    if (used.has(row.id) || set || (endPoints.length > 0 && row.key === own)) names.add(row.key);
  }
  for (const name of names) reportInterface(context, out, name, interfaces.get(name), upstream);
  for (const row of endPoints) reportEndPoint(rows, row, observed.wifi, out);
}

function reportInterface(
  { observed, rows, lookups }: ReportContext,
  out: ReportSink,
  name: string,
  seen: WifiInterfaceObserved | undefined,
  upstream: ReadonlySet<string>,
): void {
  const link = observed.network?.links.find((one) => one.name === name);
  const enable =
    rows
      .systemRows(RADIOS)
      .find((row) => row.key === name)
      ?.bool('Enable') ?? true;
  const changed = secondsSince(lookups, link?.changedAtMs);
  const at = seen?.link === undefined ? undefined : wifiChannelOf(seen.link.frequencyMhz);
  const ssid = out.row(SSIDS, name, {
    ...{ Enable: String(enable), Status: linkStatus(link), Name: name, LastChange: changed },
    ...{ BSSID: seen?.link?.bssid ?? '', MACAddress: link?.mac ?? '' },
    SSID: seen?.link?.ssid ?? '',
  });
  const blocked = seen?.blocked;
  const up = link?.adminUp === true && blocked === undefined;
  const radio = out.row(RADIOS, name, {
    ...{ Status: link === undefined ? 'NotPresent' : up ? 'Up' : 'Down', Name: name },
    ...{ LastChange: changed, OperatingFrequencyBand: at?.band ?? '' },
    ...{ Channel: String(at?.channel ?? 0), X_GATEHOUSE_Country: seen?.country ?? '' },
    X_GATEHOUSE_Blocked: blocked === undefined ? '' : blocked === 'hard' ? 'Hard' : 'Soft',
    X_GATEHOUSE_Reason: seen?.reason ?? '',
  });
  if (ssid === '' || radio === '') return;
  const above = String(upstream.has(ssid.slice(0, -1)));
  out.put(ssid, { LowerLayers: radio.slice(0, -1), Upstream: above });
  out.put(radio, { Upstream: above });
  const stats = `${ssid}Stats.`;
  out.put(stats, statsValues(out, lookups, stats, name, STATS_PARAMS));
}

function reportEndPoint(
  rows: RowReader,
  row: Row,
  now: WifiObserved | undefined,
  out: ReportSink,
): void {
  const own = interfaceOf(rows);
  const seen = now?.interfaces.find(({ ifName }) => own === undefined || ifName === own.key);
  const enabled = row.bool('Enable');
  const profiles = rows.rows(`${row.path}Profile.`);
  const faultOf = (profile: Row): string | undefined => now?.profileFaults.get(profile.id);
  const usable = profiles.some((one) => one.bool('Enable') && faultOf(one) === undefined);
  const [status, reason] = !enabled
    ? ['Disabled', '']
    : !usable
      ? ['Error_Misconfigured', 'no profile is enabled that could be joined']
      : seen === undefined
        ? ['Error', 'the box has no Wi-Fi that its kernel knows']
        : [seen.state === 'refused' ? 'Error' : 'Enabled', seen.reason ?? ''];
  const active = enabled ? seen?.link?.profile : undefined;
  out.put(row.path, {
    ...{ Status: status, ProfileReference: active ?? '', SSIDReference: own?.id ?? '' },
    X_GATEHOUSE_State: (enabled ? seen?.state : undefined) ?? 'off',
    X_GATEHOUSE_Restarts: String(seen?.restarts ?? 0),
    X_GATEHOUSE_Reason: reason,
  });
  out.put(`${row.path}Stats.`, {
    LastDataUplinkRate: String(1000 * Math.max(0, seen?.link?.linkSpeedMbps ?? 0)),
    SignalStrength: String(Math.min(0, seen?.link?.signalDbm ?? 0)),
  });
  for (const profile of profiles) {
    const fault = profile.bool('Enable') ? faultOf(profile) : undefined;
    const use = profile.id === active ? 'Active' : 'Available';
    out.put(profile.path, {
      Status: !profile.bool('Enable') ? 'Disabled' : fault === undefined ? use : 'Error',
      X_GATEHOUSE_Reason: fault ?? '',
    });
  }
}
