/** How somebody is told of an alert. */
import type { Result } from '../base/result.ts';

export interface ChannelAddress {
  readonly kind: 'Webhook' | 'MQTT' | 'Email';
  /** `http[s]://…`, `mqtt[s]://host[:port]`, `smtp[s]://host[:port]`. */
  readonly url: string;
  /** Both may be empty. */
  readonly username: string;
  readonly password: string;
  /** Of MQTT. */
  readonly topic: string;
  /** Of mail. */
  readonly from: string;
  readonly to: readonly string[];
  /** PEM of who signed the server's certificate; empty: one of those that are known anyhow. */
  readonly authority: string;
}

export interface Letter {
  /** Of the notice: one that is sent again has it again. */
  readonly id: string;
  /** One line. */
  readonly title: string;
  readonly text: string;
  /** For programs. */
  readonly json: string;
}

export interface NotTaken {
  /** For people, with what the other side said. */
  readonly message: string;
  /** Trying again would change nothing. */
  readonly forGood: boolean;
}

export interface Messenger {
  /** Resolves when the other side has taken it, or soon after `signal` fires. Never rejects. */
  send(
    channel: ChannelAddress,
    letter: Letter,
    signal: AbortSignal,
  ): Promise<Result<void, NotTaken>>;
}
