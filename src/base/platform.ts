// Structural stand-ins for platform types, so that the published declarations need no lib beyond es2022.
// The real AbortSignal, URL, Blob and File satisfy them.

export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface URLLike {
  readonly href: string;
}

export interface BlobLike {
  readonly size: number;
  arrayBuffer(): Promise<ArrayBuffer>;
  slice(start?: number, end?: number): BlobLike;
}

export interface FileLike extends BlobLike {
  readonly name: string;
}
