export function hashOfSources(): string;
export function isBuilt(): boolean;
