/** `Device.DeviceInfo.` (TR-181): what the machine says of itself, read from the kernel's files. */
import { err, ok } from '../../base/result.ts';
import { isHostLabel } from '../../base/text.ts';
import type { SystemConfig } from '../../services/system/config.ts';
import type { RowReader } from '../reader.ts';
import type {
  Fact,
  Lookups,
  ObjectGroup,
  ParamDef,
  ReportContext,
  Reported,
  ReportSink,
} from '../table.ts';
import { dateTimeOf } from '../types.ts';
import { FIRMWARE_OBJECTS, FIRMWARE_PARAMS, reportFirmware } from './firmware-image.ts';

const DEVICE_INFO = 'Device.DeviceInfo.';
const NOT_KEPT = 'not kept by this product yet';

/** 1 January 2026, before which this software did not exist: an earlier clock was never set. */
const CLOCK_IS_SET_MS = 1_767_225_600_000;

const text = (max: number, about: string): ParamDef => ({ type: 'string', size: [0, max], about });

export function deviceInfo(): ObjectGroup {
  // Read once: none of it changes while the machine runs.
  let fixed: Readonly<Record<string, Reported>> | undefined;
  const cpu = new CpuMeter();
  return {
    name: 'DeviceInfo',
    inputs: ['network', 'dhcpClient', 'system', 'update'],
    objects: [
      {
        path: 'Device.DeviceInfo.',
        about: 'The device.',
        params: {
          Manufacturer: text(64, 'Maker of the hardware, as device tree or firmware name it.'),
          ManufacturerOUI: {
            type: 'string',
            size: [6, 6],
            pattern: '[0-9A-F]{6}',
            about: 'First three bytes of the first wired interface, 000000 without one.',
          },
          ModelName: text(64, 'Model of the hardware.'),
          Description: text(256, 'Product and hardware in one line.'),
          ProductClass: text(64, 'Name of the product.'),
          SerialNumber: text(64, 'Serial number of the board; without one, the machine id.'),
          HardwareVersion: text(64, 'Revision of the board.'),
          SoftwareVersion: text(64, 'Version of Gatehouse.'),
          ProvisioningCode: {
            type: 'string',
            access: 'readWrite',
            size: [0, 64],
            default: '',
            about: 'Free text of the provider, kept durably.',
          },
          UpTime: {
            type: 'unsignedInt',
            units: 'seconds',
            volatile: true,
            about: 'Time since the kernel started.',
          },
          FirstUseDate: {
            type: 'dateTime',
            about: 'When the first lease was obtained with the clock set; Unknown Time before.',
            reason: 'the clock counts as set once it is past the release of the software',
          },
          HostName: {
            type: 'string',
            access: 'readWrite',
            size: [0, 255],
            convert: convertHostName,
            about: 'Name of the box, one label; until it is given, that of the kernel.',
          },
          X_GATEHOUSE_HostNameStatus: {
            type: 'string',
            enum: ['System', 'GatehouseOnly'],
            default: 'System',
            about:
              'Whether the whole box has the HostName, or Gatehouse alone uses it, in its certificate for example.',
            reason: 'setting the name of the kernel takes a helper that need not be there',
          },
          X_GATEHOUSE_HostNameReason: {
            type: 'string',
            about: 'Why the box has another name than HostName; empty when it has that.',
            reason: 'see X_GATEHOUSE_HostNameStatus',
          },
          ...FIRMWARE_PARAMS,
        },
        omitted: {
          DeviceCategory: NOT_KEPT,
          ModelNumber: 'the hardware has no number beside its name',
          AdditionalHardwareVersion: NOT_KEPT,
          AdditionalSoftwareVersion: NOT_KEPT,
          FriendlyName: NOT_KEPT,
          CID: 'no company id is registered',
          PEN: 'no private enterprise number is registered',
          MaxNumberOfActivateTimeWindows: NOT_KEPT,
          VendorConfigFileNumberOfEntries: NOT_KEPT,
          ProcessorNumberOfEntries: 'deprecated in TR-181',
          LogRotateNumberOfEntries: NOT_KEPT,
          VendorLogFileNumberOfEntries: NOT_KEPT,
          LocationNumberOfEntries: NOT_KEPT,
          DeviceImageNumberOfEntries: NOT_KEPT,
        },
      },
      {
        path: 'Device.DeviceInfo.MemoryStatus.',
        about: 'Main memory.',
        params: {
          Total: {
            type: 'unsignedInt',
            units: 'KiB',
            volatile: true,
            about: 'Memory that the kernel manages.',
          },
          Free: {
            type: 'unsignedInt',
            units: 'KiB',
            volatile: true,
            about: 'Memory that programs can still get, caches that give way included.',
          },
        },
        omitted: { TotalPersistent: NOT_KEPT, FreePersistent: NOT_KEPT },
      },
      {
        path: 'Device.DeviceInfo.ProcessStatus.',
        about: 'Processor load.',
        params: {
          CPUUsage: {
            type: 'unsignedInt',
            range: [[undefined, 100]],
            units: 'percent',
            volatile: true,
            about: 'Share of all processors in use since the last reading (at first: since start).',
          },
        },
        omitted: {
          ProcessNumberOfEntries: 'the processes of a router are of no use to a controller',
          CPUNumberOfEntries: NOT_KEPT,
        },
      },
      ...FIRMWARE_OBJECTS,
    ],
    facts: ({ observed, view, lookups }: ReportContext): readonly Fact[] => {
      const bound = observed.dhcpClient?.clients.some((client) => client.lease !== undefined);
      const known = view.values('Device.DeviceInfo.')?.has('FirstUseDate') === true;
      if (known || bound !== true || lookups.wallMs() < CLOCK_IS_SET_MS) return [];
      const value = dateTimeOf(lookups.wallMs());
      return [{ object: 'Device.DeviceInfo.', name: 'FirstUseDate', value }];
    },
    report: ({ lookups, product, observed }: ReportContext, out: ReportSink): void => {
      const nameFault = observed.system?.hostNameFault;
      fixed ??= readFixed(lookups, product.name, product.version);
      const oui = observed.network?.links.find((link) => !link.loopback && link.mac !== undefined);
      out.put('Device.DeviceInfo.', {
        ...fixed,
        ...reportFirmware(observed.update, out),
        ManufacturerOUI: (oui?.mac ?? '00:00:00').slice(0, 8).replaceAll(':', '').toUpperCase(),
        UpTime: () => firstNumber(lookups.readText('/proc/uptime')),
        HostName: trimmed(observed.system?.kernelName, 255),
        X_GATEHOUSE_HostNameStatus: nameFault === undefined ? 'System' : 'GatehouseOnly',
        X_GATEHOUSE_HostNameReason: nameFault ?? '',
      });
      out.put('Device.DeviceInfo.MemoryStatus.', {
        Total: () => memoryKib(lookups, 'MemTotal'),
        Free: () => memoryKib(lookups, 'MemAvailable'),
      });
      out.put('Device.DeviceInfo.ProcessStatus.', {
        CPUUsage: () => cpu.percent(lookups.readText('/proc/stat')),
      });
    },
  };
}

export const compileSystem = (rows: RowReader): SystemConfig => ({
  hostName: rows.view.values(DEVICE_INFO)?.get('HostName'),
});

/** Why a text is no name for the box, for people; undefined when it is one. */
export const hostNameFault = (text: string): string | undefined =>
  isHostLabel(text)
    ? undefined
    : 'a host name has 1 to 63 letters and digits, and hyphens inside it (RFC 1123)';

const convertHostName: NonNullable<ParamDef['convert']> = (text) => {
  const fault = hostNameFault(text);
  return fault === undefined ? ok({ value: text, also: {} }) : err(fault);
};

function readFixed(
  lookups: Lookups,
  product: string,
  version: string,
): Readonly<Record<string, string>> {
  const first = (max: number, ...paths: readonly string[]): string => {
    for (const path of paths) {
      const found = trimmed(lookups.readText(path), max);
      if (found !== '') return found;
    }
    return '';
  };
  // Boards with a device tree have one line for maker and model, PCs have DMI.
  const board = first(256, '/proc/device-tree/model');
  const maker = board.startsWith('Raspberry Pi') ? 'Raspberry Pi' : (board.split(' ')[0] ?? '');
  const model = board === '' ? first(64, '/sys/class/dmi/id/product_name') : board.slice(0, 64);
  return {
    Manufacturer:
      board === '' ? first(64, '/sys/class/dmi/id/sys_vendor') || 'unknown' : maker.slice(0, 64),
    ModelName: model || 'unknown',
    Description: `${product} on ${model || 'unknown hardware'}`.slice(0, 256),
    ProductClass: product.slice(0, 64),
    SerialNumber: first(64, '/proc/device-tree/serial-number', '/etc/machine-id') || 'unknown',
    HardwareVersion:
      first(64, '/proc/device-tree/compatible', '/sys/class/dmi/id/product_version') || 'unknown',
    SoftwareVersion: version.slice(0, 64),
  };
}

/** Printable text up to the first NUL (device tree) or line end. */
function trimmed(text: string | undefined, max: number): string {
  const line = (text ?? '').split(/[\0\n]/, 1)[0] ?? '';
  return line
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, max);
}

const firstNumber = (text: string | undefined): string =>
  String(Math.floor(Number((text ?? '').split(' ', 1)[0]) || 0));

function memoryKib(lookups: Lookups, field: string): string {
  const meminfo = lookups.readText('/proc/meminfo') ?? '';
  const at = meminfo.indexOf(`${field}:`);
  return at < 0 ? '0' : String(Number.parseInt(meminfo.slice(at + field.length + 1), 10) || 0);
}

/** Load between two readings of /proc/stat (proc_stat(5)): all columns but idle and iowait are use. */
class CpuMeter {
  #total = 0;
  #idle = 0;
  #percent = 0;

  percent(stat: string | undefined): string {
    const line = (stat ?? '').split('\n', 1)[0] ?? '';
    // user nice system idle iowait irq softirq steal; guest times are in user already.
    const ticks = line.split(/\s+/).slice(1, 9).map(Number);
    const total = ticks.reduce((sum, n) => sum + n, 0);
    const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
    // A few ticks say nothing: two clients that read together both get the same figure.
    if (total - this.#total >= 20) {
      const used = total - this.#total - (idle - this.#idle);
      this.#percent = Math.round((100 * used) / (total - this.#total));
      this.#total = total;
      this.#idle = idle;
    }
    return String(Math.min(100, Math.max(0, this.#percent)));
  }
}
