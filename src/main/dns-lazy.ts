/** The DNS server as it is joined to the rest: loaded when it is wanted first, so that it costs the start nothing where it is off. */
import type { TlsMaterial } from '../os/ports.ts';
import type { DnsService } from '../services/dns/service.ts';
import type { CompiledConfig } from '../tr181/model.ts';

export class LazyDns {
  readonly #build: () => Promise<DnsService>;
  #policy: CompiledConfig['dnsPolicy'] | undefined;
  #certificate: TlsMaterial | undefined;
  /** Undefined as long as it was never on. */
  service: DnsService | undefined;

  constructor(build: () => Promise<DnsService>) {
    this.#build = build;
  }

  async apply(wanted: CompiledConfig['dns']): Promise<readonly string[]> {
    if (this.service === undefined) {
      if (!wanted.enable) return [];
      this.service = await this.#build();
      if (this.#policy !== undefined) this.service.applyPolicy(this.#policy);
      if (this.#certificate !== undefined) this.service.useCertificate(this.#certificate);
    }
    return this.service.apply(wanted);
  }

  /** For DNS over TLS and HTTPS. */
  useCertificate(material: TlsMaterial): void {
    this.#certificate = material;
    this.service?.useCertificate(material);
  }

  applyPolicy(wanted: CompiledConfig['dnsPolicy']): readonly string[] {
    this.#policy = wanted;
    this.service?.applyPolicy(wanted);
    return [];
  }
}
