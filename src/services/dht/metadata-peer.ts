/** One connection to one peer: bytes into the machine's events, and its effects into bytes. */
import type { IpPort } from '../../base/ip-port.ts';
import type { TcpConnection, TcpHandlers, TcpSockets } from '../../os/ports-tcp.ts';
import type { BencodeDocument } from '../../wire/bencode.ts';
import { type PeerMessage, PeerStream } from '../../wire/peer-stream.ts';
import { encodeMetadataMessage } from '../../wire/peer-wire.ts';
import { sameBytes } from './distance.ts';
import type { MetadataFetch } from './metadata-fetch.ts';
import { Assembly } from './peer-assembly.ts';
import {
  CONNECTING,
  type EndReason,
  type PeerEffect,
  type PeerEvent,
  type PeerState,
  stepPeer,
} from './peer-machine.ts';

/** Pieces asked for before the first is here: one on its way, one being sent. */
const WINDOW = 4;
const QUEUE_BYTES = 4096;
/** What a peer does between two answers: look into a file, wait for its turn at a slow line. */
const THINKING_MS = 3000;
const MOST_ROUND_TRIPS = 8;
/** How long memory is waited for. */
const QUEUE_MS = 15_000;

export interface PeerOwner {
  readonly tcp: TcpSockets;
  /** For what peers say, one at a time. */
  readonly document: BencodeDocument;
  nowMs(): number;
  /** How long a connection may take to come about. */
  readonly connectMs: number;
  /** It stands, after so long. */
  stands(rttMs: number, nowMs: number): void;
  /** There shall be room for its copy: `grant` follows, now or later. */
  reserve(peer: Peer, sizeBytes: number): void;
  /** What every peer of a torrent is told first, and what it is told of us; valid until the next. */
  handshake(hash: Uint8Array): Uint8Array;
  readonly introduction: Uint8Array;
  ended(peer: Peer, reason: EndReason): void;
}

export class Peer implements TcpHandlers {
  readonly endpoint: IpPort;
  readonly attempts: number;
  readonly fetch: MetadataFetch;
  readonly #owner: PeerOwner;
  /** Of the memory for copies: what is kept for this one. */
  grantedBytes = 0;
  #state: PeerState = CONNECTING;
  #connection: TcpConnection | undefined;
  #stream: PeerStream | undefined;
  #assembly: Assembly | undefined;
  #beganMs: number;
  #rttMs = 0;
  #dueMs: number;

  constructor(
    fetch: MetadataFetch,
    { endpoint, attempts }: { readonly endpoint: IpPort; readonly attempts: number },
    owner: PeerOwner,
  ) {
    this.endpoint = endpoint;
    this.attempts = attempts;
    this.fetch = fetch;
    this.#owner = owner;
    this.#beganMs = owner.nowMs();
    this.#dueMs = this.#beganMs + owner.connectMs;
  }

  get state(): PeerState {
    return this.#state;
  }

  /** It counts as half open no more. */
  get stood(): boolean {
    return this.#stream !== undefined;
  }

  get receivedBytes(): number {
    return this.#assembly?.receivedBytes ?? 0;
  }

  /** When the connection began; once it fetches, when that did. */
  get beganMs(): number {
    return this.#beganMs;
  }

  /** When it falls due, unless something comes before. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Whether at its pace it would come to its end only after `untilMs`. */
  lags(nowMs: number, untilMs: number): boolean {
    const { sizeBytes, receivedBytes } = this.#assembly ?? { sizeBytes: 0, receivedBytes: 0 };
    const perMs = receivedBytes / Math.max(1, nowMs - this.#beganMs);
    return nowMs + (sizeBytes - receivedBytes) / Math.max(perMs, 1e-6) > untilMs;
  }

  connect(): void {
    const made = this.#owner.tcp.connect(this.endpoint, QUEUE_BYTES, this);
    if (made.ok) this.#connection = made.value;
    else this.tell({ type: 'closed' });
  }

  tell(event: PeerEvent): void {
    const { state, effects } = stepPeer(this.#state, event);
    const moved = state.name !== this.#state.name;
    this.#state = state;
    if (moved && state.name !== 'ended') this.#wait();
    for (const effect of effects) this.#run(effect);
  }

  /** The whole copy, after `delivered`. */
  copy(): Uint8Array | undefined {
    return this.#assembly?.isWhole === true ? this.#assembly.join() : undefined;
  }

  opened(): void {
    const nowMs = this.#owner.nowMs();
    this.#rttMs = nowMs - this.#beganMs;
    this.#stream = new PeerStream((message) => this.#told(message), this.#owner.document);
    this.#owner.stands(this.#rttMs, nowMs);
    this.tell({ type: 'opened' });
  }

  /** Each step, and each piece, has so long. */
  #wait(): void {
    const answerMs = THINKING_MS + MOST_ROUND_TRIPS * this.#rttMs;
    this.#dueMs = this.#owner.nowMs() + (this.#state.name === 'waiting' ? QUEUE_MS : answerMs);
  }

  data(chunk: Uint8Array): void {
    if (this.#stream?.push(chunk) !== undefined) this.tell({ type: 'broken' });
  }

  closed(): void {
    this.tell({ type: 'closed' });
  }

  #told(message: PeerMessage): boolean {
    if (message.type === 'part') {
      const assembly = this.#assembly;
      assembly?.append(message.bytes);
      if (message.last) {
        this.#wait();
        this.tell({ type: 'pieceEnds', whole: assembly?.isWhole === true });
      }
    } else this.tell(this.#eventOf(message));
    return this.#state.name !== 'ended';
  }

  #eventOf(message: Exclude<PeerMessage, { readonly type: 'part' }>): PeerEvent {
    switch (message.type) {
      case 'handshake': {
        const { infoHash, extended } = message.handshake;
        const sameTorrent = sameBytes(infoHash, this.fetch.hash);
        return { type: 'handshake', sameTorrent, extended };
      }
      case 'extended': {
        const { utMetadata, metadataSizeBytes } = message.handshake;
        return { type: 'extended', utMetadata, sizeBytes: metadataSizeBytes };
      }
      case 'piece': {
        const { piece, totalBytes, dataBytes } = message;
        const fault = this.#assembly?.begin(piece, totalBytes, dataBytes);
        return { type: 'pieceBegins', fault };
      }
      case 'request':
        return { type: 'requests', piece: message.piece };
      case 'reject':
        return { type: 'rejects' };
    }
  }

  #run(effect: PeerEffect): void {
    switch (effect.type) {
      case 'greet':
        this.#send(this.#owner.handshake(this.fetch.hash));
        break;
      case 'introduce':
        this.#send(this.#owner.introduction);
        break;
      case 'reserve':
        this.#owner.reserve(this, effect.sizeBytes);
        break;
      case 'ask':
        this.#ask(effect.utMetadata);
        break;
      case 'refuse': {
        const { piece, utMetadata } = effect;
        this.#send(encodeMetadataMessage(utMetadata, { type: 'reject', piece }));
        break;
      }
      case 'end':
        this.#connection?.close();
        this.#owner.ended(this, effect.reason);
    }
  }

  #ask(utMetadata: number): void {
    if (this.#state.name !== 'fetching') return;
    if (this.#assembly === undefined) {
      this.#assembly = new Assembly(this.#state.sizeBytes);
      this.#beganMs = this.#owner.nowMs();
    }
    while (this.#assembly.outstanding < WINDOW) {
      const piece = this.#assembly.next();
      if (piece === undefined) return;
      this.#send(encodeMetadataMessage(utMetadata, { type: 'request', piece }));
    }
  }

  /** A peer that takes in nothing is one that asks without end. */
  #send(bytes: Uint8Array): void {
    if (this.#connection?.write(bytes) === false) this.tell({ type: 'broken' });
  }
}
