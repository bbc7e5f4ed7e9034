export function insertTables(readme: string, text: string): string;
