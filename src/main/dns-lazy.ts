/** The DNS server as it is joined to the rest: loaded when it is wanted first, so that it costs the start nothing where it is off. */
import type { Log } from '../base/log.ts';
import type { TlsMaterial } from '../os/ports.ts';
import type { DnsService } from '../services/dns/service.ts';
import type { CompiledConfig } from '../tr181/model.ts';
import type { BuiltDns } from './dns.ts';
import type { DnsFace } from './dns-commands.ts';
import { Lazy } from './lazy.ts';

export class LazyDns {
  readonly #built: Lazy<BuiltDns>;
  #log: CompiledConfig['dnsLog'] | undefined;
  #policy: CompiledConfig['dnsPolicy'] | undefined;
  #certificate: TlsMaterial | undefined;
  /** Undefined as long as it was never on. */
  get service(): DnsService | undefined {
    return this.#built.value?.service;
  }

  /** Undefined while it is off. */
  get face(): DnsFace | undefined {
    const { value } = this.#built;
    return value?.service.running === undefined ? undefined : value.face;
  }

  constructor(
    stack: AsyncDisposableStack,
    log: Log,
    build: (attempt: AsyncDisposableStack) => Promise<BuiltDns>,
  ) {
    this.#built = stack.use(
      new Lazy({
        name: 'the DNS server',
        log,
        build: async (attempt) => {
          const built = await build(attempt);
          if (this.#log !== undefined) built.applyLog(this.#log);
          if (this.#policy !== undefined) built.applyPolicy(this.#policy);
          if (this.#certificate !== undefined) built.service.useCertificate(this.#certificate);
          return built;
        },
      }),
    );
  }

  async apply(wanted: CompiledConfig['dns']): Promise<readonly string[]> {
    if (!this.#built.begun && !wanted.enable) return [];
    const { service } = await this.#built.load();
    return service.apply(wanted);
  }

  /** For DNS over TLS and HTTPS. */
  useCertificate(material: TlsMaterial): void {
    this.#certificate = material;
    this.service?.useCertificate(material);
  }

  applyLog(wanted: CompiledConfig['dnsLog']): readonly string[] {
    this.#log = wanted;
    this.#built.value?.applyLog(wanted);
    return [];
  }

  applyPolicy(wanted: CompiledConfig['dnsPolicy']): readonly string[] {
    this.#policy = wanted;
    this.#built.value?.applyPolicy(wanted);
    return [];
  }
}
