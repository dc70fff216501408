// What a key does anywhere in the page, where nobody types.

/** The help on keys is open, or is not. */
export const help = $state({ open: false });

/** Reports whether a key is typed into something. Editors have a root of their own. */
export function isTyping(event: KeyboardEvent): boolean {
  const at = event.composedPath()[0];
  return at instanceof HTMLElement && (at.isContentEditable || at.matches('input, textarea, select'));
}

/** Puts the cursor where the screen is searched or filtered. Reports whether it can be. */
export function toSearch(): boolean {
  const field = document.querySelector<HTMLInputElement>('main input[type="search"], main [role="search"] input');
  field?.focus();
  return !!field;
}

/** The keys, as the help has them. */
export const shortcuts: [where: string, keys: [keys: string[], what: string][]][] = [
  [
    'Everywhere',
    [
      [['Ctrl', 'K'], 'Find a screen, an app, a script'],
      [['G', 'a letter'], 'Go to a screen: the letters are below'],
      [['/'], 'Search or filter what the screen lists'],
      [['U'], 'Undo what was just done'],
      [['?'], 'This help'],
      [['Esc'], 'Close what is open'],
    ],
  ],
  [
    'Scripts',
    [
      [['Ctrl', 'S'], 'Save'],
      [['Ctrl', 'Enter'], 'Save and run'],
      [['Ctrl', 'Space'], 'Complete'],
      [['Ctrl', 'F'], 'Search and replace'],
      [['Esc', 'Tab'], 'Leave the editor: Tab alone indents, but in a dialog'],
    ],
  ],
];
