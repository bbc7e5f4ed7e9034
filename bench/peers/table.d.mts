export function tables(results: object): string;
