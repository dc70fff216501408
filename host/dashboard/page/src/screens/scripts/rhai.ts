// Rhai in the editor: its colours, its indentation, and the marks of what is wrong.
import { StreamLanguage, foldService, type StringStream } from '@codemirror/language';
import { forceLinting, lintGutter, linter, type Diagnostic } from '@codemirror/lint';
import { StateEffect, type Extension, type Text } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';

export const keywords =
  'let const if else switch while loop do until for in break continue return throw try catch fn private import export as this'.split(' ');

interface Bracket {
  /** `${` is that of a value in a template. */
  is: string;
  /** How far the line that it is on is indented. */
  level: number;
}

interface State {
  open: Bracket[];
  level: number;
  /** How many comments, one in the other, are open. */
  comment: number;
  /** What ends the string that is open. */
  quote: string;
}

const closing = '}])';
const continues = /^(\.(?!\.)|\?\.|\?\?|\|\||&&|[+*%])/;

/** Says how far a line is indented: as the line that opened what it closes, else one more than the one it is in. */
function levelOf(state: State, line: string): number {
  let at = state.open.length;
  let closed: Bracket | undefined;
  for (const c of line) {
    if (closing.includes(c)) closed = state.open[--at] ?? { is: '', level: 0 };
    else if (c !== ' ') break;
  }
  if (closed) return closed.level;
  const around = state.open.at(-1);
  return (around ? around.level + 1 : 0) + (continues.test(line) ? 1 : 0);
}

function inComment(stream: StringStream, state: State): string {
  while (!stream.eol() && state.comment > 0) {
    if (stream.match('*/')) state.comment--;
    else if (stream.match('/*')) state.comment++;
    else stream.next();
  }
  return 'comment';
}

function inString(stream: StringStream, state: State): string {
  const raw = state.quote.includes('#');
  while (!stream.eol()) {
    if (stream.match(state.quote)) {
      if (state.quote.length === 1 && stream.peek() === state.quote) {
        stream.next(); // doubled, it stands for itself
        continue;
      }
      state.quote = '';
      return 'string';
    }
    if (state.quote === '`' && stream.match('${', false)) {
      if (stream.current()) return 'string';
      stream.match('${');
      state.open = [...state.open, { is: '${', level: state.level }];
      state.quote = '';
      return 'punctuation';
    }
    if (!raw && stream.peek() === '\\') stream.next();
    stream.next();
  }
  return 'string';
}

/** The language alone: its colours and its indentation. */
export const language = StreamLanguage.define<State>({
  name: 'rhai',
  startState: () => ({ open: [], level: 0, comment: 0, quote: '' }),
  copyState: (state) => ({ ...state }),
  token(stream, state) {
    if (stream.sol() && !state.comment && !state.quote) state.level = levelOf(state, stream.string.trimStart());
    if (state.comment) return inComment(stream, state);
    if (state.quote) return inString(stream, state);
    if (stream.eatSpace()) return null;
    if (stream.match('//')) {
      stream.skipToEnd();
      return 'comment';
    }
    if (stream.match('/*')) {
      state.comment = 1;
      return inComment(stream, state);
    }
    const raw = stream.match(/^(#+)"/) as RegExpMatchArray | null;
    if (raw || stream.match(/^["`]/)) {
      state.quote = raw ? `"${raw[1]}` : stream.current();
      return inString(stream, state);
    }
    if (stream.match(/^'(\\.[^']*|[^'\\])'/)) return 'string';
    if (stream.match(/^(0x[\da-f_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(\.\d[\d_]*)?(e[+-]?\d+)?)/i)) return 'number';
    if (stream.match('#{')) {
      state.open = [...state.open, { is: '{', level: state.level }];
      return 'punctuation';
    }
    const word = stream.match(/^[A-Za-z_]\w*/) as RegExpMatchArray | null;
    if (word) {
      if (word[0] === 'true' || word[0] === 'false') return 'bool';
      if (keywords.includes(word[0]) || word[0] === 'Fn') return 'keyword';
      if (stream.match('::', false)) return 'namespace';
      if (stream.match(/^\s*\(/, false)) return 'variableName.function';
      if (stream.match(/^\s*:(?!:)/, false) || stream.string.slice(0, stream.start).endsWith('.')) return 'propertyName';
      return 'variableName';
    }
    const c = stream.next()!;
    if ('{[('.includes(c)) state.open = [...state.open, { is: c, level: state.level }];
    if (closing.includes(c)) {
      const opened = state.open.at(-1);
      state.open = state.open.slice(0, -1);
      if (opened?.is === '${') state.quote = '`';
    }
    return 'punctuation';
  },
  indent: (state, line, context) => (state.comment || state.quote ? null : levelOf(state, line) * context.unit),
  languageData: {
    commentTokens: { line: '//', block: { open: '/*', close: '*/' } },
    closeBrackets: { brackets: ['(', '[', '{', '"', '`'] },
    indentOnInput: /^\s*[}\])]$/,
  },
});

/** Folds what is further in than the line that opens it. */
const fold = foldService.of((state, from, to) => {
  const first = state.doc.lineAt(from);
  if (!/[{[(]\s*$/.test(first.text)) return null;
  const indent = (text: string) => /\S/.exec(text)?.index ?? Infinity;
  for (let n = first.number + 1; n <= state.doc.lines; n++) {
    const line = state.doc.line(n);
    if (indent(line.text) <= indent(first.text)) return n > first.number + 1 ? { from: to, to: line.from - 1 } : null;
  }
  return null;
});

/** What is wrong at a place, which counts from 1; without a line it is about the whole. */
export interface Mark {
  line?: number;
  column?: number;
  message: string;
}

const again = StateEffect.define<null>();

/** Returns where a mark is in a text: its word, or to the end of its line. */
export function rangeOf(doc: Text, mark: Mark): { from: number; to: number } {
  const line = doc.line(Math.min(Math.max(mark.line ?? 1, 1), doc.lines));
  const before = [...line.text].slice(0, Math.max((mark.column ?? 1) - 1, 0)).join('').length;
  const word = /^(\w+|.)/.exec(line.text.slice(before))?.[0].length ?? 0;
  const from = Math.min(line.from + before, line.to);
  return word ? { from, to: from + word } : { from: Math.max(line.from, line.to - 1), to: line.to };
}

/** Returns the language; `check` says what is wrong with a text, a while after it was typed. */
export function rhai(check: (source: string) => Promise<Mark[]>): Extension[] {
  return [
    language,
    fold,
    lintGutter(),
    linter(
      async (view): Promise<Diagnostic[]> => {
        const { doc } = view.state;
        return (await check(doc.toString())).map((mark) => ({ ...rangeOf(doc, mark), severity: 'error', message: mark.message }));
      },
      { delay: 400, needsRefresh: (update) => update.transactions.some((t) => t.effects.some((e) => e.is(again))) },
    ),
  ];
}

/** Marks at once what is wrong by now. */
export function markAgain(view: EditorView) {
  view.dispatch({ effects: again.of(null) });
  forceLinting(view);
}
