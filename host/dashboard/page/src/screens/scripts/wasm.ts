/** A name that a WebAssembly module brings or wants, as `func extism:host/env.log`. */
export interface Named {
  kind: string;
  name: string;
}

const kinds = ['function', 'table', 'memory', 'global', 'tag'];

/**
 * Reads what a WebAssembly module imports and exports from its sections 2 and 7. The policy does not let a page
 * compile it, which would tell, too. It throws for one that is cut off.
 */
export function readModule(bytes: Uint8Array): { imports: Named[]; exports: Named[] } {
  const text = new TextDecoder();
  let at = 8; // after the magic number and the version
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('The module ends in the middle of a section.');
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const name = () => {
    const size = number();
    return text.decode(bytes.subarray(at, (at += size)));
  };
  const limits = () => {
    const flags = number();
    number();
    if (flags & 1) number();
  };
  const skip = [number, () => (at++, limits()), limits, () => (at += 2), () => (at++, number())];
  const found = { imports: [] as Named[], exports: [] as Named[] };
  while (at < bytes.length) {
    const section = bytes[at++]!;
    const size = number();
    const end = at + size;
    if (section === 2 || section === 7) {
      for (let left = number(); left > 0; left--) {
        const full = section === 2 ? `${name()}.${name()}` : name();
        const kind = bytes[at++]!;
        (section === 2 ? found.imports : found.exports).push({ kind: kinds[kind] ?? 'unknown', name: full });
        if (section === 2) skip[kind]?.();
        else number();
      }
    }
    at = end;
  }
  return found;
}
