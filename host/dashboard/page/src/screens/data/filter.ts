// The box in which a filter is typed. It takes JSON, and JSON with less to type: no braces around it, no quotes around
// paths and operators. The server gets JSON, and says what a filter means.

const comparisons = ['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin', '$exists', '$contains', '$size', '$not'];
const joins = ['$and', '$or', '$not'];
const envelope = ['$id', '$created_at', '$updated_at', '$version'];

const meanings: Record<string, string> = {
  $eq: 'equal to',
  $ne: 'not equal to',
  $gt: 'greater than',
  $gte: 'at least',
  $lt: 'less than',
  $lte: 'at most',
  $in: 'one of',
  $nin: 'none of',
  $exists: 'is there, or not',
  $contains: 'has the element, or the text',
  $size: 'an array of so many',
  $not: 'not',
  $and: 'all of',
  $or: 'one of',
  $id: 'of the document',
  $created_at: 'of the document',
  $updated_at: 'of the document',
  $version: 'of the document',
};

interface Token {
  /** A mark is one of {}[]:, and a word has no quotes. */
  kind: 'mark' | 'text' | 'word' | 'number';
  from: number;
  to: number;
  /** What it says, without quotes. */
  value: string;
  /** A text whose end is not typed yet. */
  open?: boolean;
}

/** A filter that is not one yet. */
export class NotFilter extends Error {}

function* tokens(text: string): Generator<Token> {
  const pattern = /\s+|#(?=\{)|([{}[\]:,])|("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|(-?\d[\w.+-]*)|([A-Za-z_$\\\u0080-\uffff](?:\\.|[\w.$\-\u0080-\uffff])*\\?)/y;
  for (let from = 0; from < text.length; from = pattern.lastIndex) {
    pattern.lastIndex = from;
    const match = pattern.exec(text);
    if (!match) throw new NotFilter(`“${text[from]}” cannot be in a filter here`);
    const to = pattern.lastIndex;
    const [whole, mark, quoted, number, word] = match;
    if (mark) yield { kind: 'mark', from, to, value: mark };
    else if (number) yield { kind: 'number', from, to, value: number };
    else if (word) yield { kind: 'word', from, to, value: word };
    else if (quoted) {
      const open = quoted.length < 2 || quoted.at(-1) !== quoted[0] || /(^|[^\\])(\\\\)*\\.$/.test(whole);
      yield { kind: 'text', from, to, value: open ? quoted.slice(1) : quoted.slice(1, -1), open };
    }
  }
}

const id = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Returns the JSON of what was typed, "" for nothing. A document's id alone finds that document. */
export function filterOf(typed: string): string {
  const text = typed.trim();
  if (!text) return '';
  if (id.test(text)) return JSON.stringify({ $id: text });
  let json = '';
  const list = [...tokens(text)];
  if (list[0]?.value !== '{' || list[0].kind !== 'mark') {
    list.unshift({ kind: 'mark', from: 0, to: 0, value: '{' });
    list.push({ kind: 'mark', from: text.length, to: text.length, value: '}' });
  }
  const opened: string[] = [];
  for (const [i, token] of list.entries()) {
    const next = list[i + 1];
    const isKey = opened.at(-1) === '{' && next?.kind === 'mark' && next.value === ':';
    if (token.kind === 'mark') {
      if ('{['.includes(token.value)) opened.push(token.value);
      if ('}]'.includes(token.value) && opened.pop() !== (token.value === '}' ? '{' : '[')) throw new NotFilter(`There is a ${token.value} too many`);
      json += token.value;
      if (!opened.length && next) throw new NotFilter('There is something behind the end of the filter');
    } else if (token.open) {
      throw new NotFilter('The text has no closing quote');
    } else if (token.kind === 'text') {
      const quoted = text.slice(token.from, token.to);
      json += quoted[0] === '"' ? quoted : JSON.stringify(token.value.replace(/\\'/g, "'"));
    } else if (isKey) {
      json += JSON.stringify(token.value);
    } else if (token.kind === 'number' || ['true', 'false', 'null'].includes(token.value)) {
      json += token.value;
    } else {
      throw new NotFilter(next ? `“${token.value}” needs quotes: a text is "${token.value}"` : `“${token.value}” is not a condition: write ${token.value}: value`);
    }
  }
  if (opened.length) throw new NotFilter(`The ${opened.at(-1)} has no end`);
  try {
    JSON.parse(json);
  } catch {
    throw new NotFilter('That is not a filter yet: write a path, a colon and a value, as in city: "Paris"');
  }
  return json;
}

/** Something that can be put where the caret is. */
export interface Option {
  /** What is put. */
  insert: string;
  label: string;
  more?: string;
  /** How many characters before its end the caret stands then. */
  back?: number;
}

/** What can be put in the place of a part of the text. */
export interface Completion {
  from: number;
  to: number;
  options: Option[];
}

interface Frame {
  kind: '{' | '[';
  /** Its keys are operators for the value of the path. */
  operators: boolean;
  path: string;
  key?: string;
  awaits: 'key' | 'colon' | 'value' | 'comma';
}

/** Says what can come where the caret is. valuesOf returns values that the path has, as JSON. */
export function complete(typed: string, caret: number, paths: string[], valuesOf: (path: string) => string[]): Completion {
  const none = { from: caret, to: caret, options: [] };
  const before = typed.slice(0, caret);
  const stack: Frame[] = [];
  const filter = (): Frame => ({ kind: '{', operators: false, path: '', awaits: 'key' });
  let partial: Token | undefined;
  try {
    const list = [...tokens(before)];
    const last = list.at(-1);
    if (last && last.to === caret && (last.kind === 'word' || last.kind === 'number' || last.open)) partial = list.pop();
    if (list[0]?.kind !== 'mark' || list[0].value !== '{') stack.push(filter());
    for (const token of list) {
      const frame = stack.at(-1);
      if (token.kind === 'mark' && (token.value === '{' || token.value === '[')) {
        stack.push(opened(frame, token.value));
      } else if (token.kind === 'mark' && (token.value === '}' || token.value === ']')) {
        stack.pop();
        const outer = stack.at(-1);
        if (outer) outer.awaits = 'comma';
      } else if (!frame) {
        return none;
      } else if (token.kind === 'mark') {
        frame.awaits = token.value === ':' ? 'value' : frame.kind === '{' ? 'key' : 'value';
      } else if (frame.awaits === 'key') {
        frame.key = token.value;
        frame.awaits = 'colon';
      } else {
        frame.awaits = 'comma';
      }
    }
  } catch {
    return none;
  }
  const frame = stack.at(-1);
  if (!frame || frame.awaits === 'colon' || frame.awaits === 'comma') return none;
  const start = (partial?.value ?? '').toLowerCase();
  const fits = (text: string) => text.toLowerCase().includes(start) && text !== partial?.value;
  const ranked = (options: Option[]) =>
    options.filter((o) => fits(o.label)).sort((a, b) => Number(b.label.toLowerCase().startsWith(start)) - Number(a.label.toLowerCase().startsWith(start)));
  const place = { from: partial?.from ?? caret, to: caret };

  if (frame.awaits === 'key') {
    if (frame.operators) {
      return { ...place, options: ranked(comparisons.map((name) => ({ label: name, insert: `${name}: `, more: meanings[name] }))) };
    }
    const known = [...paths.map((path) => ({ label: path, insert: `${keyOf(path)}: ` })), ...[...joins, ...envelope].map((name) => ({ label: name, insert: `${name}: `, more: meanings[name] }))];
    return { ...place, options: ranked(known).slice(0, 50) };
  }
  const operator = frame.operators ? frame.key : undefined;
  const path = frame.operators ? frame.path : (frame.key ?? frame.path);
  if (operator === '$exists') return { ...place, options: ranked([{ label: 'true', insert: 'true' }, { label: 'false', insert: 'false' }]) };
  if (frame.kind === '{' && (operator === '$in' || operator === '$nin')) return { ...place, options: partial ? [] : [{ label: '[ ]', insert: '[]', back: 1, more: 'values' }] };
  if (frame.kind === '{' && !frame.operators && (path === '$and' || path === '$or')) return { ...place, options: partial ? [] : [{ label: '[{ }]', insert: '[{}]', back: 2, more: 'filters' }] };
  const options: Option[] = valuesOf(path).map((json) => ({ label: json, insert: json }));
  if (!frame.operators && frame.kind === '{') options.push({ label: '{ }', insert: '{}', back: 1, more: 'compare with $gte, $in, …' });
  return { ...place, options: ranked(options).slice(0, 20) };
}

function opened(outer: Frame | undefined, kind: '{' | '['): Frame {
  const key = outer?.key;
  const awaits = kind === '{' ? 'key' : 'value';
  if (!outer || (!outer.operators && (outer.kind === '[' || (key && joins.includes(key))))) return { kind, operators: false, path: '', awaits };
  if (outer.operators) return { kind, operators: true, path: outer.path, awaits };
  return { kind, operators: true, path: key ?? '', awaits };
}

/** Returns a path as a key of the box: with quotes where it needs them. */
function keyOf(path: string): string {
  return /^[A-Za-z_][\w.]*$/.test(path) ? path : JSON.stringify(path);
}
