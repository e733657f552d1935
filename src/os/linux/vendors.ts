/** Vendors of MAC addresses, from the table that is built beside the program. */
import { readFileSync } from 'node:fs';
import { errorMessage } from '../../base/errors.ts';
import type { Mac } from '../../base/ip.ts';
import type { Log } from '../../base/log.ts';
import { OuiTable } from '../../wire/oui.ts';

export class OuiVendors {
  readonly #path: string;
  readonly #log: Log;
  /** Read at the first question; undefined before that, null when there is none. */
  #table: OuiTable | null | undefined;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Undefined for one that nobody was given, and for all when the table is not there. */
  vendorOf(mac: Mac): string | undefined {
    if (this.#table === undefined) this.#table = this.#load();
    return this.#table?.vendorOf(mac);
  }

  #load(): OuiTable | null {
    try {
      const table = OuiTable.decode(readFileSync(this.#path));
      if (table.ok) return table.value;
      this.#log.warn({ path: this.#path, reason: table.error.message }, 'vendors are not known');
    } catch (thrown) {
      this.#log.warn(
        { path: this.#path, reason: errorMessage(thrown) },
        'vendors are not known; scripts/setup builds the table',
      );
    }
    return null;
  }
}
