/** The DNS server as it is joined to the rest: loaded when it is wanted first, so that it costs the start nothing where it is off. */
import type { TlsMaterial } from '../os/ports.ts';
import type { DnsService } from '../services/dns/service.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import type { BuiltDns } from './dns.ts';
import type { DnsFace } from './dns-commands.ts';

export class LazyDns {
  readonly #build: () => Promise<BuiltDns>;
  #built: BuiltDns | undefined;
  #log: CompiledConfig['dnsLog'] | undefined;
  #policy: CompiledConfig['dnsPolicy'] | undefined;
  #certificate: TlsMaterial | undefined;
  /** Undefined as long as it was never on. */
  get service(): DnsService | undefined {
    return this.#built?.service;
  }

  /** Undefined while it is off. */
  get face(): DnsFace | undefined {
    return this.#built?.service.running === undefined ? undefined : this.#built.face;
  }

  constructor(build: () => Promise<BuiltDns>) {
    this.#build = build;
  }

  async apply(wanted: CompiledConfig['dns']): Promise<readonly string[]> {
    if (this.#built === undefined) {
      if (!wanted.enable) return [];
      this.#built = await this.#build();
      const { service, applyLog, applyPolicy } = this.#built;
      if (this.#log !== undefined) applyLog(this.#log);
      if (this.#policy !== undefined) applyPolicy(this.#policy);
      if (this.#certificate !== undefined) service.useCertificate(this.#certificate);
    }
    return this.#built.service.apply(wanted);
  }

  /** For DNS over TLS and HTTPS. */
  useCertificate(material: TlsMaterial): void {
    this.#certificate = material;
    this.service?.useCertificate(material);
  }

  applyLog(wanted: CompiledConfig['dnsLog']): readonly string[] {
    this.#log = wanted;
    this.#built?.applyLog(wanted);
    return [];
  }

  applyPolicy(wanted: CompiledConfig['dnsPolicy']): readonly string[] {
    this.#policy = wanted;
    this.#built?.applyPolicy(wanted);
    return [];
  }
}
