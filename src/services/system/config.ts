/** What is wanted of the box as a whole. */
export interface SystemConfig {
  /** One label (RFC 1123 §2.1); undefined leaves the kernel's. */
  readonly hostName: string | undefined;
}

export interface SystemObserved {
  /** The host name that the kernel has. */
  readonly kernelName: string;
  /** Why no root helper can be asked; undefined while there is one. */
  readonly helperMissing: string | undefined;
  /** Why the kernel has another host name than the configured one; undefined when it has that. */
  readonly hostNameFault: string | undefined;
}
