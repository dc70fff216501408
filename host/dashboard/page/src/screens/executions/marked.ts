import { Text, type Extension } from '@codemirror/state';
import { Decoration, EditorView, ViewPlugin, WidgetType } from '@codemirror/view';

class Words extends WidgetType {
  constructor(readonly words: string) {
    super();
  }
  override eq(other: Words): boolean {
    return other.words === this.words;
  }
  toDOM(): HTMLElement {
    const element = document.createElement('div');
    element.className = 'cm-place-words';
    element.textContent = this.words;
    return element;
  }
}

/** Marks a line of a source that does not change, and the place in it, with words below; it is in sight at first. */
export function marked(source: string, place: { line: number; column?: number }, words: string): Extension {
  const doc = Text.of(source.split(/\r\n?|\n/));
  if (place.line < 1 || place.line > doc.lines) return [];
  const line = doc.line(place.line);
  const at = Math.min(line.from + Math.max(0, (place.column ?? 1) - 1), line.to);
  const marks = [Decoration.line({ class: 'cm-place-line' }).range(line.from)];
  if (place.column && at < line.to) marks.push(Decoration.mark({ class: 'cm-place-column' }).range(at, at + 1));
  marks.push(Decoration.widget({ widget: new Words(words), block: true, side: 1 }).range(line.to));
  return [
    EditorView.decorations.of(Decoration.set(marks)),
    ViewPlugin.define((view) => {
      view.requestMeasure({
        read: () => view.lineBlockAt(line.from).top - view.scrollDOM.clientHeight / 3,
        write: (top) => (view.scrollDOM.scrollTop = top),
      });
      return {};
    }),
    EditorView.theme({
      '&': { minHeight: '0', maxHeight: '420px' },
      '.cm-scroller': { overflow: 'auto' },
      '.cm-place-line': { backgroundColor: 'var(--bad-soft)' },
      '.cm-place-column': { outline: '1px solid var(--bad)', borderRadius: '2px' },
      '.cm-place-words': { padding: '4px 10px', borderLeft: '3px solid var(--bad)', backgroundColor: 'var(--bad-soft)', color: 'var(--bad)', fontFamily: 'var(--sans)', whiteSpace: 'pre-wrap' },
    }),
  ];
}
